"""Quantization: what do few bits a weight cost, where, and how much smaller is the file?"""

import shlex

import streamlit as st

from flatdiff.checkpoints.tensors import layer_names
from flatdiff.engine.engine import shared_engine
from flatdiff.landscape.quantization import WIDTHS, Scheme
from flatdiff.landscape.quantized_file import quantized_file
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import make_request
from flatdiff.measures.sensitivity import SensitivitySettings
from flatdiff.paper.reported import TABLE_4
from flatdiff.reports.reproduce import settings_flags
from flatdiff.views import SECTIONS, View
from pages.shared.choose import choose_checkpoints
from pages.shared.draw import draw, draw_all
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.panel import choose_panel
from pages.shared.record import numbers, record, series_of
from pages.shared.scheme import choose_options
from pages.shared.verdict import say
from pages.shared.weights import small_enough, weights_of


def reported() -> None:
    """As the paper reports it."""
    st.table(TABLE_4)
    st.caption(
        "34.47 → 48.02 is a change of +13.55; the paper prints +13.65. It states neither "
        "granularity nor symmetry. FID of another network on other data: compare the pattern of "
        "the rows, not the values."
    )


st.title("Quantization")
explained("Weights rounded to few bits, without calibration: a flat model should hardly notice.")
drawer = settings_drawer()
cards = choose_checkpoints(drawer)
with drawer:
    options = choose_options()
    bits = st.multiselect("Bits", WIDTHS, default=[8, 6, 4], key="widths", bind="query-params")

settings = QuantizationSettings(bits=(32, *sorted(bits, reverse=True)), **options)
on = choose_panel(drawer)
handles = job_panel([make_request("quantization", card, settings, on(card)) for card in cards])
series = series_of(cards, handles)
if not series:
    nothing_yet(handles, "press Run for the loss at each width.")
say("quantization", series)
upper = st.container()  # filled when it is known how the picture is wanted
log = st.toggle("Logarithmic loss", key="log", bind="query-params")
view = View(log=log)
with upper:
    draw_all(SECTIONS["quantization"].pictures(series, settings, view))
if log:
    st.caption("Rises that are not above 0 have no place on this axis; the table has them.")
st.dataframe(
    SECTIONS["quantization"].reading([(entry.title, entry.result) for entry in series]),
    hide_index=True,
    alt="Error, rise of the loss and file size by checkpoint and bit width",
)
st.caption(
    "± is one standard error over panel members, paired. File: one byte a weight whatever the "
    "width, with scales, zero points and names; packed: what it would need with its codes packed."
)
folded(
    "The paper's Table 4, as reported (FID on CIFAR-10, 32 → 8 bits)",
    reported,
    "reported-quantization",
)
numbers(cards, handles)
record(handles, view)

st.subheader("Which layers cannot do without their bits", divider="gray")
width = st.selectbox(
    "Bits of the one layer", WIDTHS, index=4, key="bits", bind="query-params", width=200
)
layer_handles = job_panel(
    [
        make_request(
            "sensitivity",
            card,
            SensitivitySettings(
                bits=width, layers=layer_names(shared_engine().root, card), **options
            ),
            on(card),
        )
        for card in cards
    ],
    primary=False,
)
layer_series = series_of(cards, layer_handles)
if layer_series:
    (layers,) = SECTIONS["sensitivity"].pictures(layer_series, layer_handles[0].request.settings)
    draw(layers)
    st.caption("The twenty most sensitive; the numbers below are of every layer.")
    numbers(cards, layer_handles)
    record(layer_handles)

st.subheader("The file", divider="gray")
with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = st.selectbox(
        "Checkpoint", [card.id for card in cards], key="file", bind="query-params"
    )
    file_bits = st.selectbox("Bits of the file", WIDTHS, key="file_bits", bind="query-params")
    card = next(card for card in cards if card.id == chosen)
    scheme = Scheme(bits=file_bits, **options)
    file_name = f"{card.family}-{card.name}-{file_bits}bit.safetensors"
    st.download_button(
        "Quantised file",
        lambda: quantized_file(card, weights_of(card), scheme),
        file_name=file_name,
        icon=":material/download:",
        on_click="ignore",
        disabled=not small_enough(card),
    )
words = ["flatdiff quantize", f"--checkpoint {shlex.quote(chosen)}"]
words += [*settings_flags(scheme), f"--out {shlex.quote(file_name)}"]
st.code(" ".join(words), language="bash")
if not small_enough(card):
    st.caption("A checkpoint of this size is quantised by the command alone.")
