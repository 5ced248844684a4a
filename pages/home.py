"""Home: what flatness is, in a picture, and three ways on."""

from collections.abc import Sequence

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.surfaces.settings import SurfaceSettings
from flatdiff.views.surfaces.loss_scale import common_range
from flatdiff.views.surfaces.plot import colour_bar, drawable, surface_contour
from flatdiff.views.surfaces.relief import surface_3d
from pages.shared.page_list import (
    CHECKPOINTS,
    CLAIM,
    COMPARE,
    RESCALING,
    SAM,
    SURFACE,
    THEORY,
    TOUR,
    TRAIN,
)
from pages.shared.plain import plain
from pages.shared.rows import in_rows
from pages.shared.scenes import Scene, flat_instead, linked_scenes
from pages.shared.stored import bundled_pair, stored
from pages.shared.verdict import say

# As the page of surfaces begins.
SHOWN = SurfaceSettings(mode="interpolated")
# What each door says, and the pages behind it.
DOORS = {
    "See": (
        "Six steps, a question each; loss surfaces; and what was found.",
        (TOUR, SURFACE, CLAIM),
    ),
    "Measure mine": (
        "A checkpoint of yours, or one that you train here.",
        (CHECKPOINTS, TRAIN, COMPARE),
    ),
    "Learn": (
        "Why flat weights should help, and which flatness is a fake.",
        (THEORY, SAM, RESCALING),
    ),
}


def picture(cards: Sequence[Card]) -> bool:
    """Two surfaces that turn together, or their contours; False where none is stored."""
    series = [s for s in stored("surface", SHOWN, cards) if drawable(s.result)]
    limits = common_range([entry.result for entry in series]) if series else None
    if limits is None:
        return False
    names = {entry.title: f"Loss surface of {entry.title}" for entry in series}
    flat = flat_instead()
    if flat:
        for column, entry in in_rows(series):
            column.markdown(f"**{plain(entry.title)}**")
            contour = surface_contour(entry.result, limits, bar=False)
            column.plotly_chart(contour, key=f"home-{entry.title}", alt=names[entry.title])
        bar = colour_bar(limits)
        st.plotly_chart(bar, key="bar", alt="Its colours", config={"displayModeBar": False})
    scenes = [Scene(s.title, names[s.title], surface_3d(s.result, limits)) for s in series]
    linked_scenes(scenes, lambda _a, _b: None, flat, turning=True)
    return True


def doors() -> None:
    """Three ways on."""
    for column, (title, (said, links)) in in_rows(list(DOORS.items())):
        with column, st.container(border=True):
            st.markdown(f"#### {title}")
            st.caption(said)
            for page in links:
                page.link()


st.title("flatdiff")
st.markdown("How flat is this diffusion model, and what does that buy?")
pair = bundled_pair()
if picture(pair):
    st.caption(
        "How fast the loss rises when the weights move, each in the same two directions, on one "
        "scale. The wider the valley, the flatter the model."
    )
    say("lpf", stored("lpf", LpfSettings(), pair))
    say("frechet", stored("frechet", FrechetSettings(), pair))
else:
    st.info("The first picture appears here once a loss surface of two checkpoints is measured.")
doors()
