"""Claim: are the flat checkpoints the better ones?"""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from flatdiff.checkpoints.collection import short_names
from flatdiff.engine.engine import Handle
from flatdiff.engine.store import DONE
from flatdiff.measures.comparison import Estimate
from flatdiff.paper.claim_chart import Point, claim_scatter
from flatdiff.paper.rank_correlation import RunsAgree, runs_agree
from flatdiff.paper.reported import TABLES
from flatdiff.reports.columns import COLUMNS, Column, Value, requests_of
from flatdiff.views.base import with_error
from pages.shared.choose import choose_checkpoints
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.plain import plain
from pages.shared.rows import in_rows
from pages.shared.runs import runs_of

UNKNOWN: Value = (float("nan"), float("nan"))


def value_of(column: Column, handle: Handle) -> Value:
    """A column's number, once its measurement is done."""
    job = handle.job()
    return column.value(handle.result()) if job is not None and job.state == DONE else UNKNOWN


def cell_of(found: RunsAgree) -> str:
    """Correlation and chance; nothing where there are too few runs."""
    return f"{found.rho:+.2f}, {found.p_value:.0%}" if np.isfinite(found.rho) else ""


st.title("The claim")
explained(
    "The paper's claim is that flat diffusion models are the better ones: less exposure bias, "
    "less harm from rounding, better samples."
)
drawer = settings_drawer()
cards = choose_checkpoints(drawer, everything=True, measures=[c.measure for c in COLUMNS])
sharp = [column.title for column in COLUMNS if column.group == "sharpness"]
with drawer:
    by = st.selectbox("Flatness by", sharp, key="by", bind="query-params", width=320)
by_card = {card.id: requests_of(card) for card in cards}
unique = {request.key: request for row in by_card.values() for request in row.values()}
handles = dict(zip(unique, job_panel(list(unique.values())), strict=True))
names = short_names(cards)
values = {
    card.id: [value_of(column, handles[by_card[card.id][column.title].key]) for column in COLUMNS]
    for card in cards
}
if not any(np.isfinite(value[0]) for row in values.values() for value in row):
    nothing_yet(
        list(handles.values()), "press Run, and every measure is taken of every checkpoint."
    )

good = [column.title for column in COLUMNS if column.group == "benefit"]
runs = runs_of(cards)
numbers = {
    title: {card.id: values[card.id][k] for card in cards}
    for k, title in enumerate(column.title for column in COLUMNS)
}


def agreement(one: str, benefit: str) -> RunsAgree:
    """Of two columns, over training runs."""
    x, y = (np.array([numbers[title][run][0] for run in sorted(runs)]) for title in (one, benefit))
    return runs_agree(x, y)


for column, benefit in in_rows(good, 2):
    points = [
        Point(
            names[card.id],
            card.method,
            card.family,
            Estimate(*numbers[by][card.id]),
            Estimate(*numbers[benefit][card.id]),
            card.id in runs,
        )
        for card in cards
    ]
    with column:
        if said := agreement(by, benefit).sentence(benefit):
            st.markdown(f"**{plain(said)}**")
        st.plotly_chart(
            claim_scatter(points, by, benefit),
            key=f"claim-{benefit}",
            alt=f"{by} against {benefit}, one point a checkpoint",
        )
st.caption(
    "One point a checkpoint, ± two standard errors both ways, less is better on both axes. Raw "
    "weights at the end of a training run are one case each; their averages and earlier states, "
    "drawn faint, resemble them and are counted nowhere. The test is exact, over all orders of "
    "the runs: of three, none can be decided at 5 %; of five, one in sixty."
)


def all_numbers() -> None:
    """Every measure of every checkpoint, and how often each agrees with each benefit."""
    rows = {names[card.id]: [with_error(*value) for value in values[card.id]] for card in cards}
    table = pd.DataFrame(rows, index=list(numbers)).T
    st.dataframe(table, alt="Every measure of every checkpoint")
    st.caption("Mean ± one standard error; an eigenvalue ± its residual. All at default settings.")
    found = pd.DataFrame(
        {benefit: [cell_of(agreement(one, benefit)) for one in sharp] for benefit in good},
        index=sharp,
    )
    st.table(found)
    st.caption(
        "Spearman's rank correlation over training runs, +1 where the flattest is the best and so "
        "on down, and how often chance alone does as much."
    )


folded("All numbers, and every measure against every benefit", all_numbers, "numbers-claim")
st.subheader("What the paper reports", divider="gray")
for title, reported in TABLES.items():
    folded(title, partial(st.table, reported), f"reported-{title}")
st.caption("Other networks and other data: compare the pattern of the rows, not the values.")
