"""Many checkpoints at once: as cards with a picture each, or as a table to sort."""

from collections.abc import Sequence
from hashlib import sha256
from math import isfinite

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from flatdiff.checkpoints.averages import METHODS, WEIGHT_TITLES
from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import shared_engine
from flatdiff.images.grid import image_grid
from flatdiff.views.base import with_error
from flatdiff.views.surfaces.thumbnail import thumbnails
from pages.gallery.filters import base_method
from pages.gallery.known import Known, gallery_requests, surfaces_of
from pages.shared.choose import label
from pages.shared.plain import plain
from pages.shared.rows import MAX_COLUMNS, in_rows

THUMBNAIL_COLUMNS = 4
ROW_HEIGHT = 44  # pixels
ROWS_SHOWN = 10
# Chosen by a click, before the widget of that name is drawn again.
OPENED = "opened"

COLUMNS = {
    "samples": st.column_config.ImageColumn("Samples", width="medium"),
    "checkpoint": st.column_config.TextColumn("Checkpoint", pinned=True),
    "method": st.column_config.TextColumn("Method", help="Of training"),
    "weights": st.column_config.TextColumn("Weights", help="Raw, or averaged over training"),
    "dataset": st.column_config.TextColumn("Dataset"),
    "step": st.column_config.NumberColumn("Step", format="localized"),
    "loss": st.column_config.NumberColumn("Held-out loss", format="%.4f"),
    "stderr": st.column_config.NumberColumn("± (standard error)", format="%.4f"),
    "rise": st.column_config.NumberColumn("LPF rise", format="%.4f"),
    "rise_stderr": st.column_config.NumberColumn("± (its standard error)", format="%.4f"),
    "parameters": st.column_config.NumberColumn("Weights in all", format="compact"),
    "digest": st.column_config.TextColumn("Digest"),
}


def as_cards(cards: Sequence[Card], known: Sequence[Known]) -> None:
    """Families under their names, three cards a row."""
    by_id = dict(zip([card.id for card in cards], known, strict=True))
    surfaces = dict(zip(by_id, thumbnails(surfaces_of(cards)), strict=True))
    for family in dict.fromkeys(card.family for card in cards):
        st.subheader(plain(family), divider="gray")
        own = [card for card in cards if card.family == family]
        for column, card in in_rows(own, MAX_COLUMNS):
            with column:
                _card(card, by_id[card.id], surfaces[card.id])


def as_table(cards: Sequence[Card], known: Sequence[Known]) -> None:
    """Sortable; a click on a row opens its checkpoint below."""
    rows = [_row(*pair) for pair in zip(cards, known, strict=True)]
    ids = [card.id for card in cards]
    # A row number means another checkpoint where others are shown.
    key = f"table-{sha256(repr(ids).encode()).hexdigest()[:12]}"
    st.dataframe(
        pd.DataFrame(rows, columns=list(COLUMNS)),
        hide_index=True,
        column_config=COLUMNS,
        row_height=ROW_HEIGHT,
        placeholder="–",
        height=ROW_HEIGHT * (min(len(rows), ROWS_SHOWN) + 1) + 2,
        key=key,
        on_select=lambda: _open_row(key, ids),
        selection_mode="single-row",
        alt="Checkpoints, one a row",
    )


def open_checkpoint(checkpoint_id: str | None) -> None:
    """Show one in detail from the next run on, or none."""
    st.session_state[OPENED] = checkpoint_id


def samples_of(card: Card, columns: int) -> None:
    """The picture itself, where there is one yet."""
    request = gallery_requests(card).get("samples")
    job = shared_engine().store.job(request.key) if request else None
    if request is None or job is None:
        return
    images = shared_engine().result(request, job.num_done).images
    if images.shape[1]:
        st.image(image_grid(images[0], columns), width="stretch", alt=f"Samples of {label(card)}")


def loss_text(known: Known) -> str:
    """As a person reads it."""
    if isfinite(known.loss):
        return f"held-out loss {with_error(known.loss, known.stderr)}"
    return "held-out loss not measured yet"


def rise_text(known: Known) -> str:
    """How flat it is, as a person reads it; "" where that was not measured."""
    if not isfinite(known.rise):
        return ""
    return f"rises by {with_error(known.rise, known.rise_stderr)} under weight noise (LPF)"


def _card(card: Card, known: Known, surface: NDArray[np.uint8] | None) -> None:
    """Samples beside the surface, method, loss, size, and the way on."""
    with st.container(border=True):
        st.markdown(f"**{plain(label(card))}**")
        samples, fingerprint = st.columns(2)
        with samples:
            samples_of(card, THUMBNAIL_COLUMNS)
        if surface is not None:
            alt = f"Loss surface of {label(card)}, on one scale with the others here"
            fingerprint.image(surface, width="stretch", alt=alt)
        lines = [
            loss_text(known),
            rise_text(known),
            f"{card.num_parameters:,} weights, step {card.step:,}",
        ]
        st.markdown("  \n".join(filter(None, lines)))
        st.button(
            "Details",
            key=f"open-{card.id}",
            icon=":material/open_in_full:",
            on_click=open_checkpoint,
            args=(card.id,),
        )


def _row(card: Card, known: Known) -> dict[str, object]:
    base = base_method(card)
    return {
        "samples": known.thumbnail,
        "checkpoint": card.id,
        "method": METHODS.get(base, base),
        "weights": WEIGHT_TITLES[card.weights],
        "dataset": card.dataset,
        "step": card.step,
        "loss": known.loss,
        "stderr": known.stderr,
        "rise": known.rise,
        "rise_stderr": known.rise_stderr,
        "parameters": card.num_parameters,
        "digest": card.digest[:12],
    }


def _open_row(key: str, ids: list[str]) -> None:
    rows = st.session_state[key].selection.rows
    open_checkpoint(ids[rows[0]] if rows else None)
