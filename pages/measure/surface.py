"""Surface: how does the loss rise around a checkpoint, and between checkpoints?"""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from flatdiff.cards import Card
from flatdiff.config import NORMALIZATIONS
from flatdiff.figures.surface import (
    MAX_RELIEFS,
    X_TITLES,
    common_range,
    drawable,
    surface_3d,
    surface_contour,
    surface_lines,
)
from flatdiff.measures.surface_settings import (
    SURFACE_MODES,
    Axes,
    SurfaceMode,
    SurfaceSettings,
)
from flatdiff.readings import reading
from flatdiff.requests import make_request
from flatdiff.sections import View
from pages.shared.choose import (
    choose_checkpoints,
    choose_plane,
    plain,
    seed_input,
    whole_number,
)
from pages.shared.job import job_panel, nothing_yet
from pages.shared.record import numbers, record, series_of
from pages.shared.rows import in_rows

AXES: dict[Axes, str] = {
    "random": "random directions",
    "checkpoints": "between checkpoints",
    "eigenvectors": "Hessian eigenvectors",
}
MODES: dict[SurfaceMode, str] = {"interpolated": "interpolated", "exact": "every cell"}


def trajectory(places: Sequence[Card]) -> list[int]:
    """Positions of the raw weights of the first one's training run, in the order of steps."""
    run = [
        k
        for k, card in enumerate(places)
        if card.weights == "raw" and card.recipe is not None and card.recipe == places[0].recipe
    ]
    return sorted(run, key=lambda k: places[k].step)


st.title("Loss surface")
st.markdown(
    "How fast does the loss rise when the weights move? A flat checkpoint stays dark far from its "
    "centre. What is compared shares one panel, one pair of directions and one colour scale."
)
columns = st.columns(3)
with columns[0]:
    axes = st.selectbox(
        "Axes",
        list(AXES),
        format_func=AXES.__getitem__,
        key="axes",
        bind="query-params",
        help="Where the weights move: in random directions, from one checkpoint to others, or in "
        "the directions of the highest curvature.",
    )
with columns[1]:
    dimensions = st.segmented_control(
        "Dimensions",
        [1, 2],
        default=2,
        format_func=lambda n: f"{n}-D",
        required=True,
        key="dimensions",
        bind="query-params",
    )
with columns[2]:
    mode = st.selectbox(
        "Computed",
        SURFACE_MODES,
        format_func=MODES.__getitem__,
        key="mode",
        bind="query-params",
        help="Interpolated: few points, and an error that is measured at points held out; where "
        "the surface is not smooth, every cell is computed after all.",
    )
two = dimensions == 2
if axes == "checkpoints":
    first, partners = choose_plane(two)
    cards = [first]
else:
    cards, partners = choose_checkpoints(), []

slots = iter(st.columns(4))
resolution, span, normalization, seed = 25, 1.0, "filter", 0
if axes != "checkpoints":
    with next(slots):
        span = st.number_input(
            "Span",
            0.01,
            10.0,
            1.0,
            step=0.25,
            key="span",
            bind="query-params",
            help="The axes run over [-span, span]: at 1 every filter moves by its own norm; along "
            "eigenvectors it is the norm of the perturbation.",
        )
if axes == "random":
    with next(slots):
        normalization = st.selectbox(
            "Normalization",
            NORMALIZATIONS,
            key="normalization",
            bind="query-params",
            help="What a direction's length is measured against (Li et al. 2018).",
        )
if axes != "checkpoints":
    with next(slots):
        seed = seed_input("Of the directions; the same for every checkpoint.")
if mode == "exact":
    with next(slots):
        resolution = whole_number(
            "Resolution",
            "resolution",
            25,
            2,
            256,
            help_text="Cells along each axis; with an odd number the checkpoint is one of them.",
        )

settings = SurfaceSettings(
    axes=axes,
    mode=mode,
    dimensions=2 if two else 1,
    resolution=resolution,
    span=span,
    normalization=normalization,
    seed=seed,
)
requests = [make_request("surface", card, settings, partners=partners) for card in cards]
handles = job_panel(requests)
series = [entry for entry in series_of(cards, handles) if drawable(entry.result)]
limits = common_range([entry.result for entry in series]) if series else None
if limits is None:
    nothing_yet(handles, "press Run, and a coarse picture comes first.")

log = st.toggle("Logarithmic loss", key="log", bind="query-params")
places = [*cards, *partners] if partners else []
names = [card.title if card.name == card.method else card.name for card in places]
if not two:
    st.plotly_chart(
        surface_lines(series, log=log, x_title=X_TITLES[axes]),
        key="lines",
        alt="Loss against distance along one direction, one line a checkpoint",
    )
else:
    flat, relief = st.tabs(["Contours", "Relief"])
    with flat:
        for column, entry in in_rows(series):
            column.markdown(f"**{plain(entry.title)}**")
            column.plotly_chart(
                surface_contour(
                    entry.result, limits, log=log, names=names, trajectory=trajectory(places)
                ),
                key=f"contour-{entry.title}",
                alt=f"Loss surface of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            )
    with relief:
        for column, entry in in_rows(series[:MAX_RELIEFS]):
            column.markdown(f"**{plain(entry.title)}**")
            column.plotly_chart(
                surface_3d(entry.result, limits, log=log),
                key=f"relief-{entry.title}",
                alt=f"Relief of the loss of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            )
        if len(series) > MAX_RELIEFS:
            st.caption(
                f"Of the first {MAX_RELIEFS} of {len(series)} checkpoints; contours are of all."
            )
if partners:
    result = series[0].result
    if np.isfinite(result.barrier):
        st.markdown(
            f"**Barrier: {result.barrier:.4f}** at a = {result.barrier_at:.2f}: the highest loss "
            "above the straight line between the two checkpoints' losses."
        )
    st.dataframe(
        [
            {"checkpoint": card.id, "a": a, "b": b, "off the plane": f"{off:.0%}"}
            for card, (a, b, off) in zip(partners, result.marks, strict=False)
        ],
        hide_index=True,
        alt="Where the other checkpoints lie",
    )
    st.caption(
        "Off the plane: the share of a checkpoint's distance from the first one that the plane "
        "does not hold; only its shadow is drawn. A dotted line joins the states of one training "
        "run, where some were kept (`train --keep-every-steps`)."
    )

for entry in series:
    if entry.result.note:
        st.info(f"{plain(entry.title)}: {entry.result.note}")
st.subheader("Is this picture right?", divider="gray")
checks = reading("surface", [(entry.title, entry.result) for entry in series])
st.dataframe(checks, hide_index=True, alt="Checks of each surface")
st.caption(
    "The noise floor is the standard deviation of the loss over other draws of the panel: a rise "
    "below it may be chance. The interpolation error is the largest one found at points that the "
    "interpolation was not told of. Planes can mislead; another seed is another plane."
)
numbers(cards, handles)
record(handles, View(log=log, names=names, trajectory=trajectory(places)))
