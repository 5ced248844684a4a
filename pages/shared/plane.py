"""Widgets to choose a loss surface: where the weights move, how far and how finely."""

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flatdiff.checkpoints.card import Card
from flatdiff.landscape.noise import NORMALIZATIONS
from flatdiff.measures.surfaces.settings import (
    SURFACE_MODES,
    Axes,
    SurfaceMode,
    SurfaceSettings,
)
from pages.shared.choose import choose_checkpoints, choose_plane, seed_input, size, whole_number

AXES: dict[Axes, str] = {
    "random": "random directions",
    "checkpoints": "between checkpoints",
    "eigenvectors": "Hessian eigenvectors",
}
MODES: dict[SurfaceMode, str] = {"interpolated": "interpolated", "exact": "every cell"}


def choose_surface(place: DeltaGenerator) -> tuple[list[Card], list[Card], SurfaceSettings]:
    """The checkpoints at the centres, the ends of the axes with what is marked, the settings."""
    columns = place.columns(3)
    with columns[0]:
        axes = st.selectbox(
            "Axes",
            list(AXES),
            format_func=AXES.__getitem__,
            key="axes",
            bind="query-params",
            help="Where the weights move: in random directions, from one checkpoint to others, or "
            "in the directions of the highest curvature.",
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
            help="Interpolated: few points, and an error that is measured at points held out; "
            "where the surface is not smooth, every cell is computed after all.",
        )
    if axes == "checkpoints":
        first, partners = choose_plane(place, dimensions == 2)
        cards = [first]
    else:
        cards, partners = choose_checkpoints(place), []
    return cards, partners, _settings(place, axes, mode, 2 if dimensions == 2 else 1)


def _settings(
    place: DeltaGenerator, axes: Axes, mode: SurfaceMode, dimensions: int
) -> SurfaceSettings:
    """What is left open, asked for where it matters."""
    slots = iter(place.columns(4))
    chosen = {"axes": axes, "mode": mode, "dimensions": dimensions}
    if axes != "checkpoints":
        chosen |= _directions(axes, slots)
    if mode == "exact":
        with next(slots):
            chosen["resolution"] = whole_number(
                "Resolution",
                "resolution",
                25,
                2,
                256,
                help_text="Cells along each axis; with an odd number the checkpoint is one.",
            )
    return SurfaceSettings(**chosen)


def _directions(axes: Axes, slots: Iterator[DeltaGenerator]) -> dict[str, object]:
    """Span, normalization and seed of directions that start at one checkpoint."""
    found: dict[str, object] = {}
    with next(slots):
        found["span"] = size(
            "Span",
            "span",
            1.0,
            0.01,
            10.0,
            "The axes run over [-span, span]: at 1 every filter moves by its own norm; along "
            "eigenvectors it is the norm of the perturbation.",
        )
    if axes == "random":
        with next(slots):
            found["normalization"] = st.selectbox(
                "Normalization",
                NORMALIZATIONS,
                key="normalization",
                bind="query-params",
                help="What a direction's length is measured against (Li et al. 2018).",
            )
    with next(slots):
        found["seed"] = seed_input("Of the directions; the same for every checkpoint.")
    return found
