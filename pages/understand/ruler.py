"""Ruler: how far does everything that moves the weights move them?"""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.landscape.perturbation_sizes import Mark, Scales, ruler
from flatdiff.views.perturbation_sizes import ruler_dots
from pages.shared.choose import all_cards, choose_checkpoints, label, size
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.weights import MAX_PARAMETERS, small_enough, weights_of

DEFAULT_RHO = 0.1  # the paper's


@st.cache_data(
    max_entries=64, show_spinner=False, hash_funcs={Card: lambda card: (card.name, card.digest)}
)
def marks_of(card: Card, relatives: Sequence[Card], scales: Scales) -> list[Mark]:
    """The marks of a checkpoint; cached by the weights of all."""
    family = {other.name: weights_of(other) for other in relatives}
    return list(ruler(weights_of(card), family, scales))


def relatives_of(card: Card, known: Sequence[Card]) -> list[Card]:
    """The other checkpoints of the same training run: other weights of it, or other states."""
    run = [other for other in known if card.recipe is not None and other.recipe == card.recipe]
    return [other for other in run if other.id != card.id and small_enough(other)]


def numbers(marks: Mapping[str, tuple[str, Sequence[Mark]]]) -> None:
    """Every mark, a row each."""
    rows = [
        {"checkpoint": title, "kind": mark.kind, "how much": mark.label, "‖δ‖ / ‖θ‖": value}
        for title, (_, found) in marks.items()
        for mark in found
        for value in [mark.relative_norm]
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Every mark on the ruler")


st.title("One ruler")
explained(
    "SAM's ascent, the noise behind LPF, the sphere of the distance curves, rounding and "
    "averaging all move the weights. Here is how far, as a share of the weights' own norm: what "
    "is flat at one distance need not be at another."
)
known = all_cards()
cards = choose_checkpoints(st.container(), known)
columns = st.columns(3)
with columns[0]:
    rho = size("SAM's ρ", "rho", DEFAULT_RHO, 0.0001, 100.0)
with columns[1]:
    sigma = size("LPF's σ", "sigma", 0.01, 0.00001, 1.0)
with columns[2]:
    radius = size("Norm γ on the sphere", "gamma", 10.0, 0.001, 1000.0)
scales = Scales(sam_rho=(rho,), lpf_sigma=(sigma / 10, sigma), radii=(radius / 10, radius))
small = [card for card in cards if small_enough(card)]
if len(small) < len(cards):
    st.info(f"Checkpoints of more than {MAX_PARAMETERS:,} weights are too large to be read here.")
if not small:
    st.stop()
marks = {
    label(card): (card.method, marks_of(card, relatives_of(card, known), scales)) for card in small
}
st.plotly_chart(
    ruler_dots(marks), key="ruler", alt="Relative norm of every change of the weights, by kind"
)
st.caption(
    "Rounding: one symmetric grid a tensor, from the largest weight. Other checkpoints: those of "
    "the same training run. All of it follows from the weights alone."
)
folded("Numbers", partial(numbers, marks), "numbers-ruler")
