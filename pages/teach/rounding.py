"""Rounding: what happens to weights, samples and loss as the bits go down?"""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.tensors import layer_names
from flatdiff.engine.engine import shared_engine
from flatdiff.images.grid import image_grid
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.quantization import QuantizationResult, QuantizationSettings
from flatdiff.measures.request import make_request
from flatdiff.measures.samples import SamplesSettings
from flatdiff.views.base import GRID_COLUMNS, with_error
from flatdiff.views.quantization import quantization_lines
from flatdiff.views.style import Series
from flatdiff.views.teaching.rounding import rounding_strip
from pages.shared.choose import choose_checkpoints, label
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.plain import plain
from pages.shared.record import numbers, record, series_of
from pages.shared.rows import in_rows
from pages.shared.weights import MAX_PARAMETERS, small_enough, weights_of

DEFAULT_TENSOR = "middle_block.0.in_layers.2.weight"


@st.cache_resource(  # the array itself, not a copy: what is drawn of it is known by it
    max_entries=64, show_spinner=False, hash_funcs={Card: lambda card: (card.name, card.digest)}
)
def tensor_of(card: Card, name: str) -> NDArray[np.float32]:
    """One tensor of a checkpoint; cached, so that dragging reads no file."""
    return weights_of(card)[name]


@st.cache_data(
    max_entries=16, show_spinner=False, hash_funcs={Card: lambda card: (card.name, card.digest)}
)
def common_tensors(cards: Sequence[Card]) -> list[str]:
    """The tensors that all of some checkpoints have, by name."""
    names = [layer_names(shared_engine().root, card) for card in cards]
    return [name for name in names[0] if all(name in others for others in names)]


def show_weights(cards: Sequence[Card], bits: int) -> None:
    """One tensor of each checkpoint, its weights falling on the levels."""
    small = [card for card in cards if small_enough(card)]
    if len(small) < len(cards):
        st.info(f"Checkpoints of over {MAX_PARAMETERS:,} weights are too large to be read here.")
    names = common_tensors(small) if small else []
    if not names:
        return
    default = names.index(DEFAULT_TENSOR) if DEFAULT_TENSOR in names else 0
    name = st.selectbox("Tensor", names, default, key="tensor", bind="query-params")
    tensors = [tensor_of(card, name) for card in small]
    largest = max(float(np.abs(values).max()) for values in tensors) or 1.0
    for column, (card, values) in in_rows(list(zip(small, tensors, strict=True))):
        column.markdown(f"**{plain(label(card))}**")
        column.plotly_chart(
            rounding_strip(values, bits, card.method, largest),
            key=f"strip-{card.id}",
            alt=f"{values.size:,} weights of {label(card)} and the levels they are rounded to",
        )


def loss_text(result: QuantizationResult, bits: int) -> str:
    """What a width does to the loss, and to the weights."""
    k = result.bits.index(bits)
    rise = with_error(result.rise[k], result.rise_stderr[k])
    return (
        f"Loss at {bits} bits: {result.loss[k]:.4f}, a rise of **{rise or 'not known yet'}**. "
        f"The weights have moved by {result.relative_error[k]:.1%} of their norm."
    )


def show_samples(entry: Series, bits: int) -> None:
    """Two grids from the same noise."""
    result = entry.result
    st.markdown(f"**{plain(entry.title)}**")
    for column, width in zip(st.columns(2), (32, bits), strict=True):
        column.image(
            image_grid(result.images[result.bits.index(width)], GRID_COLUMNS),
            caption=f"{width} bits",
            width="stretch",
            alt=f"Samples of {entry.title} at {width} bits",
        )


st.title("Rounding")
explained(
    "A weight in 32 bits can have billions of values; in 4 bits, 15. Rounding moves every weight "
    "to the nearest level that is left: a step away from where training ended. If the loss is "
    "flat around that point, the step costs little. Drag the bits and watch."
)
cards = choose_checkpoints(st.container(), measures=("samples",))
bits = st.select_slider("Bits a weight", WIDTHS, 4, key="weight_bits", bind="query-params")
samples = [make_request("samples", card, SamplesSettings(bits=WIDTHS)) for card in cards]
losses = [make_request("quantization", card, QuantizationSettings(bits=WIDTHS)) for card in cards]
handles = job_panel([*losses, *samples])
of_loss, of_samples = handles[: len(cards)], handles[len(cards) :]

st.subheader("The weights", divider="gray")
st.markdown(
    f"At {bits} bits a weight has one of **{2**bits - 1} levels**, evenly spaced from minus to "
    "plus the largest weight of its tensor. Above, the weights as they are; below, how many fall "
    "on each level; between, some of them on their way."
)
show_weights(cards, bits)

loss_series = series_of(cards, of_loss)
image_series = [e for e in series_of(cards, of_samples) if e.result.images.shape[1]]
if not loss_series and not image_series:
    nothing_yet(handles, "press Run for samples and loss at every width.")
if loss_series:
    st.subheader("The loss", divider="gray")
    for entry in loss_series:
        st.markdown(f"- **{plain(entry.title)}**: {loss_text(entry.result, bits)}")
    log = st.toggle("Logarithmic loss", True, key="log_rise", bind="query-params")
    figure = quantization_lines(loss_series, log=log).add_vline(
        x=WIDTHS.index(bits) + 1, line={"dash": "dot", "color": "gray"}
    )
    st.plotly_chart(figure, key="rises", alt="Rise of the loss by bits, one line a checkpoint")
    st.caption(
        "Rise over the loss at 32 bits on the same held-out images and noise, ± one standard "
        "error, paired."
        + (" A rise that is not above 0 has no place on this axis." if log else "")
    )
    numbers(cards, of_loss)
    record(of_loss)
if image_series:
    st.subheader("The samples", divider="gray")
    for entry in image_series:
        show_samples(entry, bits)
    st.caption("From the same noise at every width, so that a difference is that of the weights.")
    numbers(cards, of_samples)
    record(of_samples)

st.subheader("What it means", divider="gray")
st.markdown(
    "Each bit less doubles the distance between levels, and with it the length of the step. Down "
    "to 6 bits the bundled networks hardly notice; below, the loss of the flat one (SAM) rises "
    "less. Rounding is one direction among all that flatness speaks of; that a flat model "
    "forgives it is the paper's claim, and two checkpoints are no proof. "
    "One grid a tensor, no calibration; finer choices are on the page Quantization."
)
