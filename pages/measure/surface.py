"""Surface: how does the loss rise around a checkpoint?"""

import numpy as np
import streamlit as st

from flatdiff.config import NORMALIZATIONS
from flatdiff.errors import SettingsError
from flatdiff.figures.surface import common_range, surface_3d, surface_contour, surface_lines
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.requests import make_request
from pages.shared.choose import choose_checkpoints, seed_input, whole_number
from pages.shared.job import job_panel, nothing_yet
from pages.shared.record import numbers, record, series_of

st.title("Loss surface")
st.markdown(
    "How fast does the loss rise when the weights move in a random direction? A flat checkpoint "
    "stays dark far from its centre. All surfaces share one panel, one pair of directions and one "
    "colour scale."
)
cards = choose_checkpoints()
columns = st.columns(5)
with columns[0]:
    dimensions = st.segmented_control(
        "Dimensions",
        [1, 2],
        default=2,
        format_func=lambda n: f"{n}-D",
        required=True,
        key="dimensions",
        bind="query-params",
    )
with columns[1]:
    resolution = whole_number(
        "Resolution",
        "resolution",
        25,
        2,
        256,
        help_text="Cells along each axis; an odd number has the checkpoint itself at the centre.",
    )
with columns[2]:
    span = st.number_input(
        "Span",
        0.01,
        10.0,
        1.0,
        step=0.25,
        key="span",
        bind="query-params",
        help="The axes run over [-span, span]; at 1 every filter moves by its own norm.",
    )
with columns[3]:
    normalization = st.selectbox(
        "Normalization",
        NORMALIZATIONS,
        key="normalization",
        bind="query-params",
        help="What a direction's length is measured against (Li et al. 2018).",
    )
with columns[4]:
    seed = seed_input("Of the random directions; the same for every checkpoint.")

try:
    settings = SurfaceSettings(
        dimensions=2 if dimensions == 2 else 1,
        resolution=resolution,
        span=span,
        normalization=normalization,
        seed=seed,
    )
except SettingsError as error:
    st.error(str(error))
    st.stop()
handles = job_panel([make_request("surface", card, settings) for card in cards])
series = series_of(cards, handles)
limits = common_range([entry.result for entry in series]) if series else None
if limits is None:
    nothing_yet(handles, "press Run, and a coarse picture comes first.")

log = st.toggle("Logarithmic loss", key="log", bind="query-params")
if dimensions == 1:
    st.plotly_chart(
        surface_lines(series, log=log),
        key="lines",
        alt="Loss against distance along one direction, one line a checkpoint",
    )
else:
    flat, relief = st.tabs(["Contours", "Relief"])
    for tab, draw in ((flat, surface_contour), (relief, surface_3d)):
        with tab:
            for column, entry in zip(st.columns(len(series)), series, strict=True):
                column.markdown(f"**{entry.title}**")
                column.plotly_chart(
                    draw(entry.result, limits, log=log),
                    key=f"{draw.__name__}-{entry.title}",
                    alt=f"Loss surface of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
                )

st.subheader("Is this picture right?", divider="gray")
checks = [
    {
        "checkpoint": entry.title,
        "loss at the checkpoint": entry.result.base_loss,
        "± over the panel": entry.result.base_stderr,
        "noise floor": entry.result.noise_floor,
        "highest rise": float(np.nanmax(entry.result.loss)) - entry.result.base_loss,
        "not a number": f"{entry.result.nonfinite_fraction:.1%}",
        "|cosine| of the axes": f"{abs(entry.result.axes_cosine):.4f}",
        "a = 1 is, of ‖θ‖": f"{entry.result.relative_step:.2f}",
    }
    for entry in series
]
st.dataframe(checks, hide_index=True, alt="Checks of each surface")
st.caption(
    "The noise floor is the standard deviation of the loss over other draws of the panel: a rise "
    "below it may be chance. Random planes can mislead; another seed is another plane."
)
numbers(cards, handles)
record(handles)
