"""Lie detector: which flatness can be faked by changing nothing?"""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.tensors import read_shapes
from flatdiff.engine.engine import shared_engine
from flatdiff.landscape.noise import LPF_MODES, LpfMode
from flatdiff.landscape.rescaling import rescalable
from flatdiff.measures.request import make_request
from flatdiff.measures.rescaling import RescalingResult, RescalingSettings, factors_up_to
from flatdiff.views import SECTIONS
from flatdiff.views.base import with_error
from flatdiff.views.rescaling import factor_name
from flatdiff.views.style import Series
from pages.shared.choose import choose_checkpoints, label, seed_input
from pages.shared.draw import draw_all
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.noise import perturbations_input, sigma_input
from pages.shared.plain import plain
from pages.shared.record import numbers, record, series_of
from pages.shared.rows import in_rows

MODES: dict[LpfMode, str] = {
    "absolute": "absolute noise",
    "filter_relative": "filter-relative noise",
}
MISSING = "measured yet, or no finite number"
Found = Series[RescalingResult]


def finding(entry: Found) -> str:
    """What a checkpoint's curves show, from one end of the factors to the other."""
    result = entry.result
    absolute, relative = result.lpf
    if not np.isfinite([*absolute, *relative, *result.loss_change]).all():
        return f"- **{plain(entry.title)}**: not everything is {MISSING}."
    moved = np.abs(result.loss_change).max()
    return (
        f"- **{plain(entry.title)}**: its LPF runs from {absolute.min():.3f} to "
        f"{absolute.max():.3f} under absolute noise. Under filter-relative noise it moves by "
        f"{np.ptp(relative):.5f}, and the loss without noise by {moved:.5f}."
    )


def choose_factor(entry: Found, number: int, default: float) -> int:
    """The position of the factor that a person multiplies one checkpoint by."""
    names = [factor_name(factor) for factor in entry.result.factors]
    st.markdown(f"**{plain(entry.title)}**")
    chosen = st.select_slider(
        "Multiply by",
        names,
        factor_name(default),
        key=f"factor{number}",
        bind="query-params",
    )
    return names.index(chosen)


def reading(result: RescalingResult, at: int) -> str:
    """What is measured of a checkpoint at one factor."""
    rows = {"loss without noise": with_error(result.loss[at], float("nan"))}
    for m, mode in enumerate(LPF_MODES):
        rows[f"LPF, {MODES[mode]}"] = with_error(result.lpf[m, at], result.stderr[m, at])
    return "  \n".join(f"{name}: **{text or 'not ' + MISSING}**" for name, text in rows.items())


def verdict(series: Sequence[Found], chosen: Sequence[int], mode: LpfMode) -> str:
    """Which of the rescaled checkpoints one kind of noise calls the flattest."""
    row = LPF_MODES.index(mode)
    at = list(zip(series, chosen, strict=True))
    lpf = np.array([entry.result.lpf[row, k] for entry, k in at])
    stderr = np.array([entry.result.stderr[row, k] for entry, k in at])
    first, second = np.argsort(lpf)[:2]
    clear = lpf[second] - lpf[first] > 2 * np.hypot(stderr[first], stderr[second])
    name = f"**{plain(series[first].title)}** as the flattest" if clear else "no winner"
    return f"{MODES[mode]} sees {name}"


def rescaled_share(card: Card) -> tuple[int, float]:
    """How many convolutions are multiplied, and their share of all weights."""
    shapes = read_shapes(shared_engine().root, card)
    names = rescalable(shapes, use_scale_shift_norm=card.flags.use_scale_shift_norm)
    count = sum(int(np.prod(shapes[name])) for name in names)
    return sum(n.endswith("in_layers.2.weight") for n in names), count / card.num_parameters


st.title("Lie detector")
explained(
    "Which flatness can be faked by changing nothing? Some weights have no size of their own. A "
    "convolution that stands before a group norm can be multiplied by 4 and the network computes "
    "what it did, because the norm divides the 4 out again. The model is neither better nor "
    "worse, so an honest measure of flatness must not move."
)
cards = choose_checkpoints(st.container(), measures=("rescaling",))
columns = st.columns(4)
with columns[0]:
    largest = st.selectbox("Largest factor", [2, 4, 8, 16], 1, key="largest", bind="query-params")
with columns[1]:
    sigma = sigma_input()
with columns[2]:
    perturbations = perturbations_input(40, "In antithetic pairs.")
with columns[3]:
    seed = seed_input("Of the weight noise; the same for every factor and checkpoint.")
settings = RescalingSettings(
    factors=factors_up_to(largest),
    lpf_sigma=sigma,
    num_perturbations=perturbations,
    seed=seed,
)
handles = job_panel([make_request("rescaling", card, settings) for card in cards])
series = [e for e in series_of(cards, handles) if np.isfinite(e.result.lpf).any()]
if not series:
    nothing_yet(handles, "press Run to rescale and measure.")

draw_all(SECTIONS["rescaling"].pictures(series, settings))
st.caption(SECTIONS["rescaling"].caveat)
st.markdown("\n".join(finding(entry) for entry in series))

st.subheader("Fake it yourself", divider="gray")
chosen = []
for number, (column, entry) in enumerate(in_rows(series), 1):
    with column:
        lowest = number == len(series) > 1
        chosen.append(choose_factor(entry, number, entry.result.factors[0] if lowest else 1.0))
        st.markdown(reading(entry.result, chosen[-1]))
if len(series) > 1:
    first, second = (verdict(series, chosen, mode) for mode in LPF_MODES)
    st.markdown(f"With these factors {first}, and {second}. What they compute has not changed.")

st.subheader("What it means", divider="gray")
st.markdown(
    "- **Absolute noise can be fooled.** The larger the weights, the less the same noise is to "
    "them. Dinh et al. (2017) showed for networks with ReLU that any minimum can be made to look "
    "as sharp as one likes by a rescaling that leaves the function as it is.\n"
    "- **Noise in units of each filter's size cannot**, not by this: it grows with the weights "
    "(filter normalization, Li et al. 2018).\n"
    "- So two models that were trained differently are compared by filter-relative noise, or by "
    "both. A difference that only absolute noise sees may be one of weight sizes."
)
with st.expander("Which weights are multiplied, and why the loss moves at all"):
    for card in cards:
        count, share = rescaled_share(card)
        st.markdown(
            f"- {plain(label(card))}: {count} convolutions with their biases, {share:.0%} of all "
            "weights: the first one of every residual block (`in_layers.2`)."
        )
    st.markdown(
        "Only they feed a group norm and nothing else; all others feed a sum, an attention or the "
        "output. The bias is multiplied too, as the norm takes one mean off several channels. The "
        "norm divides by √(variance + 10⁻⁵), so that the scale is not divided out to the last "
        "digit: with small factors the 10⁻⁵ is felt, and that is what moves the loss."
    )
numbers(cards, handles)
record(handles)
