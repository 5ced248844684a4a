"""Exposure bias: how far does the sampler drift from what the network was trained on?"""

import streamlit as st

from flatdiff.errors import SettingsError
from flatdiff.figures.exposure import exposure_curves, exposure_gaps
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.requests import make_request
from pages.shared.choose import choose_checkpoints, seed_input, whole_number
from pages.shared.job import job_panel, nothing_yet
from pages.shared.record import numbers, record, series_of

st.title("Exposure bias")
st.markdown(
    "In training the network sees real images with noise; while sampling it sees its own output. "
    "The norm of the noise it predicts shows the difference: the closer the two curves, the "
    "smaller the exposure bias."
)
cards = choose_checkpoints()
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
        help_text="In each of the two curves; the error falls with their square root.",
    )
with columns[2]:
    seed = seed_input("Of x_T and of every noise; the same for every checkpoint.")

try:
    settings = ExposureSettings(num_sampling_steps=steps, num_images=images, seed=seed)
except SettingsError as error:
    st.error(str(error))
    st.stop()
handles = job_panel([make_request("exposure", card, settings) for card in cards])
series = series_of(cards, handles)
if not series:
    nothing_yet(handles, "press Run to see the two curves.")

st.plotly_chart(
    exposure_curves(series),
    key="curves",
    alt="Norm of the predicted noise by step, while sampling and in training",
)
st.subheader("Gap: sampling minus training", divider="gray")
st.plotly_chart(exposure_gaps(series), key="gaps", alt="Gap by step with one standard error")
st.dataframe(
    [
        {
            "checkpoint": entry.title,
            "mean gap of ‖ε‖": f"{entry.result.mean_gap:+.4f} ± "
            f"{entry.result.mean_gap_stderr:.4f}",
            "summed over steps": f"{entry.result.summed_gap:+.3f}",
            "mean gap of ‖ε‖²": f"{entry.result.mean_squared_gap:+.3f} ± "
            f"{entry.result.mean_squared_gap_stderr:.3f}",
            "images": entry.result.num_images,
            "training below √d at step 0": "yes"
            if entry.result.training[0] < entry.result.sqrt_dimension
            else "no",
        }
        for entry in series
    ],
    hide_index=True,
    alt="Every gap with its standard error",
)
st.caption(
    "The paper reports a “‖ε‖² gap” of +11.39 for ADM and +3.32 for +SAM on CIFAR-10 without "
    "defining it; every plausible gap stands here under its own name."
)
numbers(cards, handles)
record(handles)
