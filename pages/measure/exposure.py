"""Exposure bias: how far does the sampler drift from what the network was trained on?"""

import streamlit as st

from flatdiff.landscape.quantization import FULL_PRECISION_BITS, WIDTHS
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.request import make_request
from flatdiff.views import SECTIONS
from pages.shared.choose import choose_checkpoints, seed_input, whole_number
from pages.shared.draw import draw
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.panel import SPLITS
from pages.shared.record import numbers, record, series_of
from pages.shared.scheme import choose_options
from pages.shared.verdict import say

# Delta of the CIFAR-10 ADM with 20 steps, t = 19 downwards, as its authors publish it (t counts
# from 1; arXiv 2308.15321).
PUBLISHED = "1.96e-5 6.79e-5 2.74e-4 7.98e-4 1.92e-3 3.86e-3 7.11e-3 1.21e-2 1.93e-2 2.95e-2 "
PUBLISHED += "4.34e-2 6.23e-2 8.72e-2 0.1189 0.1604 0.2118"


def reported() -> None:
    """As its authors report it."""
    st.table({"t": range(19, 3, -1), "δ": PUBLISHED.split()})
    st.caption(
        "Reported, not measured here: for a CIFAR-10 ADM at 20 steps and no other. t counts from "
        "1, so that row t stands at step i = t − 1."
    )


st.title("Exposure bias")
explained(
    "Sampling, the network sees its own output: the closer the curves, the smaller the bias."
)
drawer = settings_drawer()
cards = choose_checkpoints(drawer, measures=("exposure",))
with drawer:
    columns = st.columns(3)
    with columns[0]:
        steps = whole_number(
            "Sampling steps",
            "num_sampling_steps",
            20,
            2,
            1000,
            step=10,
            help_text="T' of the respaced process; the paper uses 20 and 100.",
        )
    with columns[1]:
        images = whole_number(
            "Images",
            "num_images",
            128,
            2,
            10_000,
            step=16,
            help_text="In each curve; the error falls with their square root.",
        )
    with columns[2]:
        seed = seed_input("Of x_T and of every noise; the same for every checkpoint.")
    columns = st.columns([2, 1])
    with columns[0]:
        scale = st.slider(
            "λ of epsilon scaling",
            0.95,
            1.10,
            1.0,
            step=0.001,
            format="%.3f",
            key="eps_scale",
            bind="query-params",
            help="The sampler divides every predicted noise by λ before it uses it; 1 leaves it. "
            "Its authors use 1.017 on CIFAR-10 and 1.006 on LSUN tower at 100 steps.",
        )
    with columns[1]:
        bits = st.selectbox(
            "Bits of the weights",
            [FULL_PRECISION_BITS, *WIDTHS],
            key="bit_width",
            bind="query-params",
            help="32: the weights as they are.",
        )
    columns = st.columns([2, 1], vertical_alignment="bottom")
    with columns[0]:
        split = st.selectbox(
            "Real images",
            list(SPLITS),
            list(SPLITS).index("train"),
            format_func=SPLITS.__getitem__,
            key="reference_split",
            bind="query-params",
            help="Of the training curve, and where the chains of δ begin. On images that it was "
            "not trained on a network that has overfitted errs more, which has nothing to do with "
            "sampling.",
        )
    with columns[1]:
        blurred = st.toggle(
            "Blur grey levels",
            key="dequantize",
            bind="query-params",
            help="Noise as wide as one grey level on the real images, so that a network cannot "
            "tell them from samples by their levels; no step is left out then.",
        )
    options = choose_options() if bits < 32 else {}

settings = ExposureSettings(
    num_sampling_steps=steps,
    num_images=images,
    eps_scale=scale,
    bits=bits,
    reference_split=split,
    dequantize=blurred,
    seed=seed,
    **options,
)
handles = job_panel([make_request("exposure", card, settings) for card in cards])
series = series_of(cards, handles)
if not series:
    nothing_yet(handles, "press Run to see the two curves.")

say("exposure", series)
curves, gaps, deltas = SECTIONS["exposure"].pictures(series, settings)
draw(curves)
st.caption(
    "In training the network sees real images with noise, while sampling its own output: the norm "
    "of the noise that it predicts shows the difference. Grey: steps whose noise is finer than "
    "half a grey level; means leave them out, for there the network tells real images by their "
    "levels."
)
st.subheader("Gap: sampling minus training", divider="gray")
draw(gaps)
st.dataframe(
    SECTIONS["exposure"].reading([(entry.title, entry.result) for entry in series]),
    hide_index=True,
    alt="Every gap with its standard error",
)
st.caption(
    "The paper reports a “‖ε‖² gap” of +11.39 for ADM and +3.32 for +SAM on CIFAR-10 without "
    "defining it; every plausible gap stands here under its own name."
)
st.subheader("δ: how far a chain strays from the image it began with", divider="gray")
draw(deltas)
st.caption(
    "A real image is noised to the last step and the sampler runs from there. δ is the squared "
    "difference of two standard deviations: that of the distance to the image, and the one "
    "that noising the image to step i has. The chain forgets the image, so δ grows to the left "
    "even for a perfect network; compare checkpoints, not the curve with 0."
)
folded("δ of the CIFAR-10 ADM, as its authors report it (20 steps)", reported, "reported-exposure")
numbers(cards, handles)
record(handles)
