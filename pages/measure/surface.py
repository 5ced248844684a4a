"""Surface: how does the loss rise around a checkpoint, and between checkpoints?"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from flatdiff.checkpoints.collection import short_names, trajectory
from flatdiff.engine.engine import Handle
from flatdiff.measures.request import make_request, unfit
from flatdiff.views import SECTIONS, Series, View
from flatdiff.views.base import Point
from flatdiff.views.surface import valley_pictures, what_to_doubt
from flatdiff.views.surfaces.loss_scale import common_range
from flatdiff.views.surfaces.overlay import MAX_OVERLAID, overlay_3d, overlay_lines
from flatdiff.views.surfaces.plot import (
    MAX_RELIEFS,
    X_TITLES,
    colour_bar,
    drawable,
    surface_contour,
    surface_lines,
)
from flatdiff.views.surfaces.relief import surface_3d
from flatdiff.views.surfaces.valleys import valley_row, whole
from pages.shared.atlas import (
    MAX_ATLASES,
    WITH_SAMPLES,
    atlas_panel,
    choose_atlas,
    show_atlas,
)
from pages.shared.choose import measurable
from pages.shared.draw import draw_all
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.nearby import choose_point, pick, pick_from_chart, show_nearby
from pages.shared.panel import choose_panel
from pages.shared.plain import plain
from pages.shared.plane import choose_surface
from pages.shared.record import numbers, record, series_of
from pages.shared.rows import in_rows
from pages.shared.scenes import Scene, flat_instead, linked_scenes
from pages.shared.verdict import say

OVERLAY, VALLEYS = "Overlay", "Valleys"
LINES_ALT = "Loss against distance along one direction, one line a checkpoint"

st.title("Loss surface")
explained(
    "How fast does the loss rise when the weights move? A flat checkpoint stays dark far from its "
    "centre."
)
drawer = settings_drawer()
cards, partners, settings = choose_surface(drawer)
on = choose_panel(drawer)
handles = job_panel(
    [make_request("surface", card, settings, on(card), partners) for card in cards]
)
upper = st.container()  # filled when it is known how the picture is wanted
# Before there is a picture, too: what is not drawn is not in the link.
views = ["Contours", "3-D"] if settings.dimensions == 2 else ["Lines"]
if settings.dimensions == 2 and len(cards) >= MAX_OVERLAID:
    views.append(OVERLAY)
if settings.dimensions == 2:
    views.append(VALLEYS)
if not all(unfit("atlas", card) for card in cards):
    views.append(WITH_SAMPLES)
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = st.segmented_control(
        "View",
        views,
        default=views[0],
        required=True,
        key="view" if settings.dimensions == 2 else "view_1d",
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
drawn = {entry.title: entry for entry in series}


def contour(entry: Series, point: Point | None, small: bool = False) -> go.Figure:
    """Of one checkpoint, on the scale of all."""
    return surface_contour(
        entry.result,
        limits,
        log=log,
        names=names,
        trajectory=trajectory(places),
        point=point,
        bar=False,
        small=small,
    )


def contour_alt(entry: Series) -> str:
    """What it shows."""
    return f"Loss surface of {entry.title}, {low:.3f} to {high:.3f}"


def scale() -> None:
    """Colours of all contours."""
    bar = colour_bar(limits, log=log)
    alt = f"Colours from a loss of {low:.3f}, dark, to {high:.3f}"
    st.plotly_chart(bar, key="bar", alt=alt, config={"displayModeBar": False})


def contours() -> None:
    """One a checkpoint; a click on a point chooses it."""
    small = len(series) > 4  # three a row, in several rows
    for column, entry in in_rows(series):
        key = f"contour-{entry.title}"
        column.markdown(f"**{plain(entry.title)}**")
        column.plotly_chart(
            contour(entry, point, small),
            key=key,
            on_select=partial(pick_from_chart, key),
            selection_mode="points",
            alt=contour_alt(entry),
        )
    scale()


def lines(point: Point | None) -> go.Figure:
    """One a checkpoint."""
    return surface_lines(series, log=log, x_title=X_TITLES[settings.axes], point=point)


def with_samples() -> list[Handle]:
    """The first few, each with what the weights under the pointer draw."""
    titles = short_names(cards)
    asked = [card for card in measurable(cards, ["atlas"]) if titles[card.id] in drawn][
        :MAX_ATLASES
    ]
    atlas = choose_atlas(drawer, settings)
    above, below = st.container(), st.container()
    with above:
        found = atlas_panel(asked, partners, atlas, stored=below)
    shown = [drawn[titles[card.id]] for card in asked]
    figures = [(contour(entry, None), contour_alt(entry)) for entry in shown]
    if settings.dimensions == 1:
        figures = [(lines(None), LINES_ALT)]
    with above:
        show_atlas(figures, shown, [handle.result() for handle in found], atlas, point, pick)
        if settings.dimensions == 2:
            scale()
    return found


def some_of(most: int) -> list[Series]:
    """Those to be seen in 3-D, where there are more than it has room for."""
    titles = list(drawn)
    if len(titles) <= most:
        return series
    chosen = st.multiselect(
        "In this picture",
        titles,
        titles[:most],
        key=f"shown_{most}",
        bind="query-params",
        max_selections=most,
    )
    return [drawn[title] for title in titles if title in (chosen or titles[:most])]


def reliefs(shown: Sequence[Series], flat: bool) -> None:
    """Side by side in 3-D; flat says whether contours stand above them."""
    scenes = [
        Scene(
            entry.title,
            f"Relief of the loss of {entry.title}, {low:.3f} to {high:.3f}",
            surface_3d(entry.result, limits, log=log, point=point),
        )
        for entry in shown
    ]
    linked_scenes(scenes, pick, flat)


def overlay(pair: Sequence[Series], flat: bool) -> None:
    """Two in one scene; from above where 3-D is not drawn."""
    names = " and ".join(entry.title for entry in pair)
    alt = f"Loss surfaces of {names} over each other, {low:.3f} to {high:.3f}"
    if flat:
        lines = overlay_lines(pair, limits, log=log, point=point)
        st.plotly_chart(lines, key="overlay", alt=alt)
    linked_scenes([Scene(names, alt, overlay_3d(pair, limits, log=log, point=point))], pick, flat)


def basins() -> None:
    """How each basin grows, the tree of valleys where there are several, and both in numbers."""
    if not (pictures := list(valley_pictures(series, View(names=names)))):
        st.info("Valleys are told when every point of the surface is there.")
        return
    draw_all(pictures)
    rows = [{"checkpoint": entry.title, **valley_row(entry.result)} for entry in whole(series)]
    st.dataframe(rows, hide_index=True, alt="Valleys of each surface")


shown = some_of(MAX_RELIEFS) if view == "3-D" else some_of(MAX_OVERLAID) if view == OVERLAY else []
with upper:
    if not partners:
        say("surface", series)
    atlases = with_samples() if view == WITH_SAMPLES else []
    if view == "Lines":
        st.plotly_chart(lines(point), key="lines", alt=LINES_ALT)
    elif view != WITH_SAMPLES:
        flat = flat_instead()
        if view == "Contours" or (flat and view == "3-D"):
            contours()
        if view == "3-D":
            reliefs(shown, flat)
        if view == OVERLAY:
            overlay(shown, flat)
        if view == VALLEYS:
            basins()
    st.caption("What is compared shares one panel, one pair of directions and one colour scale.")
show_nearby(cards, partners, settings, point)  # the answer to a click, where the eye is
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


def checks() -> None:
    """One column a checkpoint: two or three fit on any screen, eight checks in a row do not."""
    found = SECTIONS["surface"].reading([(entry.title, entry.result) for entry in series])
    st.dataframe(found.set_index("checkpoint").T, alt="Checks of each surface")
    st.caption(
        "The noise floor is the standard deviation of the loss over other draws of the panel: a "
        "rise below it may be chance. The interpolation error is the largest one found at points "
        "that the interpolation was not told of."
    )


doubt = what_to_doubt([entry.result for entry in series])
folded(f"**Is this picture right?** · {doubt}", checks, "checks")
st.caption("Planes can mislead; another seed is another plane.")
numbers(cards, handles)
record(handles, View(log=log, names=names, trajectory=trajectory(places), point=point))
if atlases:
    numbers(cards, atlases)
    record(atlases)
