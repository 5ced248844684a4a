"""Surface: how does the loss rise around a checkpoint, and between checkpoints?"""

from functools import partial

import numpy as np
import streamlit as st

from flatdiff.checkpoints.collection import trajectory
from flatdiff.measures.request import make_request
from flatdiff.views import SECTIONS, View
from flatdiff.views.relief import surface_3d
from flatdiff.views.surface_plot import (
    MAX_RELIEFS,
    X_TITLES,
    colour_bar,
    common_range,
    drawable,
    surface_contour,
    surface_lines,
)
from pages.shared.choose import plain
from pages.shared.drawer import settings_drawer
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.nearby import choose_point, pick, pick_from_chart, show_nearby
from pages.shared.plane import choose_surface
from pages.shared.record import numbers, record, series_of
from pages.shared.rows import in_rows
from pages.shared.scenes import Scene, flat_instead, linked_scenes
from pages.shared.verdict import say

st.title("Loss surface")
explained(
    "How fast does the loss rise when the weights move? A flat checkpoint stays dark far from its "
    "centre."
)
drawer = settings_drawer()
cards, partners, settings = choose_surface(drawer)
handles = job_panel([make_request("surface", card, settings, partners=partners) for card in cards])
upper = st.container()  # filled when it is known how the picture is wanted
# Before there is a picture, too: what is not drawn is not in the link.
view = "Contours"
with st.container(horizontal=True, vertical_alignment="bottom"):
    if settings.dimensions == 2:
        view = st.segmented_control(
            "View",
            ["Contours", "3-D"],
            default=view,
            required=True,
            key="view",
            bind="query-params",
        )
    point = choose_point(settings.dimensions)
    log = st.toggle("Logarithmic loss", key="log", bind="query-params")

series = [entry for entry in series_of(cards, handles) if drawable(entry.result)]
found = common_range([entry.result for entry in series]) if series else None
if found is None:
    nothing_yet(handles, "press Run, and a coarse picture comes first.")
low, high = limits = found
places = [*cards, *partners] if partners else []
names = [card.short_title for card in places]


def contours() -> None:
    """One a checkpoint; a click on a point chooses it."""
    for column, entry in in_rows(series):
        key = f"contour-{entry.title}"
        column.markdown(f"**{plain(entry.title)}**")
        column.plotly_chart(
            surface_contour(
                entry.result,
                limits,
                log=log,
                names=names,
                trajectory=trajectory(places),
                point=point,
                bar=False,
            ),
            key=key,
            on_select=partial(pick_from_chart, key),
            selection_mode="points",
            alt=f"Loss surface of {entry.title}, {low:.3f} to {high:.3f}",
        )
    bar = colour_bar(limits, log=log)
    alt = f"Colours from a loss of {low:.3f}, dark, to {high:.3f}"
    st.plotly_chart(bar, key="bar", alt=alt, config={"displayModeBar": False})


def reliefs(flat: bool) -> None:
    """The first few in 3-D; flat says whether contours stand above them."""
    scenes = [
        Scene(
            entry.title,
            f"Relief of the loss of {entry.title}, {low:.3f} to {high:.3f}",
            surface_3d(entry.result, limits, log=log, point=point),
        )
        for entry in series[:MAX_RELIEFS]
    ]
    linked_scenes(scenes, pick, flat)
    if len(series) > MAX_RELIEFS:
        st.caption(f"The first {MAX_RELIEFS} of {len(series)} checkpoints; contours show all.")


with upper:
    if not partners:
        say("surface", series)
    if settings.dimensions == 1:
        st.plotly_chart(
            surface_lines(series, log=log, x_title=X_TITLES[settings.axes], point=point),
            key="lines",
            alt="Loss against distance along one direction, one line a checkpoint",
        )
    else:
        flat = flat_instead()
        if view == "Contours" or flat:
            contours()
        if view == "3-D":
            reliefs(flat)
    st.caption("What is compared shares one panel, one pair of directions and one colour scale.")
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
checks = SECTIONS["surface"].reading([(entry.title, entry.result) for entry in series])
# One column a checkpoint: two or three fit on any screen, eight checks in a row do not.
st.dataframe(checks.set_index("checkpoint").T, alt="Checks of each surface")
st.caption(
    "The noise floor is the standard deviation of the loss over other draws of the panel: a rise "
    "below it may be chance. The interpolation error is the largest one found at points that the "
    "interpolation was not told of. Planes can mislead; another seed is another plane."
)
numbers(cards, handles)
record(handles, View(log=log, names=names, trajectory=trajectory(places), point=point))

show_nearby(cards, partners, settings, point)
