"""flatdiff's server: `streamlit run app.py`.

Starts the engine with the server, before anybody looks, and refuses requests of other sites. The
pages themselves begin in pages/main.py.
"""

import gc
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from threading import Timer
from typing import TYPE_CHECKING

import streamlit as st
from starlette.middleware import Middleware

from flatdiff.engine.bundle import open_home_store
from flatdiff.engine.cluster import check_environment
from flatdiff.errors import FlatdiffError
from flatdiff.system.memory import share_memory
from pages.shared import plotly_js
from pages.shared.door import open_door
from pages.shared.guard import Guard
from pages.shared.uploads import UploadGuard

if TYPE_CHECKING:
    from flatdiff.checkpoints.card import Card
    from flatdiff.engine.engine import Engine

FIRST_PAGE_S = 5.0  # that the first visitor has the server to themselves


def assemble(engine: "Engine", cards: Sequence["Card"]) -> None:
    """Put together what is stored of the claim: of nine checkpoints it takes some seconds."""
    from flatdiff.measures.request import unfit
    from flatdiff.reports.columns import COLUMNS, requests_of

    for card in cards:
        if any(unfit(column.measure, card) for column in COLUMNS):
            continue  # a network of one's own: the claim is about diffusion models
        for request in requests_of(card).values():
            engine.handle(request).result()
    # What is loaded by now stays; the collector need not walk it again to find what pages leave
    # behind, and so looks for that more often.
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Load what every page needs while nobody waits; the cluster comes up in the background."""
    import pandas  # noqa: F401  (first import by many sessions at once can fail)
    import plotly.graph_objects  # noqa: F401

    from flatdiff.engine.engine import shared_engine
    from pages.shared.choose import sorted_out

    engine = shared_engine()
    cards, _ = sorted_out(engine.root)
    engine.measure_speed(cards)
    later = Timer(FIRST_PAGE_S, assemble, (engine, cards))
    later.daemon = True
    later.start()
    yield
    later.cancel()
    engine.close()


share_memory()
try:
    check_environment()
    open_home_store().close()
except FlatdiffError as error:  # before the server starts, which would show it as a traceback
    sys.exit(f"flatdiff does not start: {error}")
if missing := open_door(st.get_option("server.address"), os.environ):
    sys.exit(missing)
app = st.App(
    "pages/main.py",
    lifespan=lifespan,
    routes=[plotly_js.route(st.get_option("server.baseUrlPath"))],
    middleware=[Middleware(Guard), Middleware(UploadGuard)],
)
