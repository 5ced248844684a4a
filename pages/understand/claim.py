"""Claim: are the flat checkpoints the better ones?"""

import numpy as np
import pandas as pd
import streamlit as st

from flatdiff.engine.engine import Handle
from flatdiff.engine.store import DONE
from flatdiff.paper.rank_correlation import RankCorrelation, rank_correlation
from flatdiff.paper.reported import TABLES
from flatdiff.reports.columns import COLUMNS, Column, Value, requests_of
from flatdiff.views.base import with_error
from pages.shared.choose import choose_checkpoints, label
from pages.shared.job import job_panel, nothing_yet

UNKNOWN: Value = (float("nan"), float("nan"))


def value_of(column: Column, handle: Handle) -> Value:
    """A column's number, once its measurement is done."""
    job = handle.job()
    return column.value(handle.result()) if job is not None and job.state == DONE else UNKNOWN


def correlation_text(found: RankCorrelation) -> str:
    """The coefficient with its interval."""
    if not np.isfinite(found.rho):
        return ""
    return f"{found.rho:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


st.title("The claim")
st.markdown(
    "The paper's claim is that flat diffusion models are the better ones: less exposure bias, "
    "less harm from rounding, better samples. Here is every checkpoint with what was measured of "
    "it, and how well the two orders agree. In every column, less is better."
)
cards = choose_checkpoints(st.container(), everything=True, measures=[c.measure for c in COLUMNS])
by_card = {card.id: requests_of(card) for card in cards}
unique = {request.key: request for row in by_card.values() for request in row.values()}
handles = dict(zip(unique, job_panel(list(unique.values())), strict=True))
values = {
    label(card): [
        value_of(column, handles[by_card[card.id][column.title].key]) for column in COLUMNS
    ]
    for card in cards
}
if not any(np.isfinite(value[0]) for row in values.values() for value in row):
    nothing_yet(
        list(handles.values()), "press Run, and every measure is taken of every checkpoint."
    )

titles = [column.title for column in COLUMNS]
rows = {name: [with_error(*value) for value in row] for name, row in values.items()}
table = pd.DataFrame(rows, index=titles).T
st.dataframe(table, alt="Every measure of every checkpoint")
st.caption("Mean ± one standard error; an eigenvalue ± its residual. All at default settings.")

st.subheader("Do the orders agree?", divider="gray")
numbers = {
    title: np.array([row[k][0] for row in values.values()]) for k, title in enumerate(titles)
}
sharp = [column.title for column in COLUMNS if column.group == "sharpness"]
good = [column.title for column in COLUMNS if column.group == "benefit"]
agreement = pd.DataFrame(
    {
        benefit: [
            correlation_text(rank_correlation(numbers[one], numbers[benefit])) for one in sharp
        ]
        for benefit in good
    },
    index=sharp,
)
st.table(agreement)
st.caption(
    "Spearman's rank correlation over checkpoints with a 95 % bootstrap interval: +1 where the "
    "flattest is the best and so on down. Checkpoints of one training run resemble each other, so "
    "nine of them are hardly nine cases; the interval does not know that."
)
st.subheader("What the paper reports", divider="gray")
for title, reported in TABLES.items():
    with st.expander(title):
        st.table(reported)
st.caption("Other networks and other data: compare the pattern of the rows, not the values.")
