"""Ruler: how far does everything that moves the weights move them?"""

import pandas as pd
import streamlit as st

from flatdiff.cards import Card
from flatdiff.engine import shared_engine
from flatdiff.figures.ruler import ruler_dots
from flatdiff.ruler import Mark, Scales, ruler
from flatdiff.tensors import Tensors, read_tensors
from pages.shared.choose import all_cards, choose_checkpoints, label

DEFAULT_RHO = 0.1  # the paper's


@st.cache_data(max_entries=64, show_spinner=False)
def marks_of(digest: str, scales: Scales, _card: Card, _relatives: list[Card]) -> list[Mark]:
    """The marks of a checkpoint; its other weights of the same run are the family."""
    family = {card.weights: tensors_of(card) for card in _relatives}
    return list(ruler(tensors_of(_card), family, scales))


def tensors_of(card: Card) -> Tensors:
    """Its weights."""
    return read_tensors(shared_engine().root, card)


def relatives(card: Card) -> list[Card]:
    """The other checkpoints of the same training run: raw, EMA and SWA weights."""
    base = card.method.partition("-")[0]
    return [
        other
        for other in all_cards()
        if other.family == card.family
        and other.method.partition("-")[0] == base
        and other.id != card.id
    ]


st.title("One ruler")
st.markdown(
    "SAM's ascent, the noise behind LPF, the sphere of the distance curves, rounding and "
    "averaging all move the weights. Here is how far, as a share of the weights' own norm: what "
    "is flat at one distance need not be at another."
)
cards = choose_checkpoints()
columns = st.columns(3)
with columns[0]:
    rho = st.number_input(
        "SAM's ρ", 0.0001, 100.0, DEFAULT_RHO, format="%.4g", key="rho", bind="query-params"
    )
with columns[1]:
    sigma = st.number_input(
        "LPF's σ", 0.00001, 1.0, 0.01, format="%.4g", key="sigma", bind="query-params"
    )
with columns[2]:
    radius = st.number_input(
        "Norm γ on the sphere",
        0.001,
        1000.0,
        10.0,
        format="%.4g",
        key="gamma",
        bind="query-params",
    )
scales = Scales(sam_rho=(rho,), lpf_sigma=(sigma / 10, sigma), radii=(radius / 10, radius))
marks = {
    label(card): (card.method, marks_of(card.digest, scales, card, relatives(card)))
    for card in cards
}
st.plotly_chart(
    ruler_dots(marks), key="ruler", alt="Relative norm of every change of the weights, by kind"
)
st.caption(
    "Rounding: one symmetric grid a tensor, from the largest weight. Other checkpoints: the other "
    "weights (raw, EMA, SWA) of the same training run. All of it follows from the weights alone."
)
with st.expander("Numbers"):
    rows = [
        {"checkpoint": title, "kind": mark.kind, "how much": mark.label, "‖δ‖ / ‖θ‖": value}
        for title, (_, found) in marks.items()
        for mark in found
        for value in [mark.relative_norm]
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Every mark on the ruler")
