"""An atlas on a page: a surface under the pointer, and at once what the weights there draw.

A component around plotly.js that has the images of all points before anybody moves. Its settings,
cost, Run and progress stand with the picture.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.components.v2 import component
from streamlit.delta_generator import DeltaGenerator

from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import Handle
from flatdiff.measures.request import make_request
from flatdiff.measures.samples import IMAGES_A_CHUNK
from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.atlas import RESOLUTIONS, USUAL, AtlasResult, AtlasSettings
from flatdiff.measures.surfaces.settings import SurfaceSettings
from flatdiff.views.base import Point
from flatdiff.views.style import Series
from flatdiff.views.surfaces.atlas import dotted, point_words
from pages.shared.choose import whole_number
from pages.shared.job import job_panel
from pages.shared.plotly_js import FILE_NAME, joined

WITH_SAMPLES = "With samples"  # the view's name
MAX_ATLASES = 4  # of this many checkpoints, beside each other
KEY = "atlas"

_mount = component(
    "atlas",
    js=joined("atlas.js", "atlas_hands.js"),
    css=(Path(__file__).parent / "atlas.css").read_text("utf-8"),
    isolate_styles=False,  # plotly.js puts its own styles into the document
)


def choose_atlas(place: DeltaGenerator, surface: SurfaceSettings) -> AtlasSettings:
    """How fine the grid over a surface is, and what is drawn at each of its points."""
    columns = iter(place.columns(4))
    usual = USUAL[surface.axes, surface.dimensions]
    with next(columns):
        resolution = st.selectbox(
            "Points an axis",
            known := RESOLUTIONS[surface.axes],
            known.index(usual),
            key="points_between" if surface.axes == "checkpoints" else "points",
            bind="query-params",
            help="Of the grid whose samples are drawn; the checkpoint itself is one of them.",
        )
    with next(columns):
        images = whole_number("Images a point", "point_images", 4, 1, IMAGES_A_CHUNK)
    with next(columns):
        steps = whole_number("Steps a point", "point_steps", 20, 2, 1000, step=10)
    with next(columns):
        help_text = "Of x_T and of every noise; the same at every point of every checkpoint."
        seed = whole_number("Seed of x_T", "point_seed", 0, 0, 2**31 - 1, help_text=help_text)
    return AtlasSettings(
        axes=surface.axes,
        dimensions=surface.dimensions,
        span=surface.span,
        normalization=surface.normalization,
        direction_seed=surface.seed,
        resolution=resolution,
        num_images=images,
        num_sampling_steps=steps,
        seed=seed,
    )


def atlas_panel(
    cards: Sequence[Card],
    partners: Sequence[Card],
    settings: AtlasSettings,
    stored: DeltaGenerator,
) -> list[Handle]:
    """What it costs, Run, progress; of the partners only the ends of the axes count.

    Args:
        cards: of the checkpoints that are drawn.
        partners: that the plane goes through.
        settings: of all of them.
        stored: where it is said that all of it is: nobody waits for that line.
    """
    ends = partners[: settings.plane.num_marks]
    missing = st.empty()
    handles = job_panel(
        [make_request("atlas", card, settings, partners=ends) for card in cards],
        primary=False,
        stored=stored,
    )
    computed = np.array([handle.result().computed for handle in handles])
    if not computed.all():
        missing.info(f"{computed.sum():,} of {computed.size:,} points have their samples.")
    return handles


def show_atlas(
    figures: Sequence[tuple[go.Figure, str]],
    surfaces: Sequence[Series[SurfaceResult]],
    atlases: Sequence[AtlasResult],
    settings: AtlasSettings,
    point: Point | None,
    on_point: Callable[[float, float], None],
) -> None:
    """Draw them; the point is moved in the browser.

    Args:
        figures: with what each shows: one a checkpoint, or one of all.
        surfaces: of each checkpoint, whose losses are told.
        atlases: of the same, drawn or in the making.
        settings: theirs.
        point: where to begin; None: at the checkpoint.
        on_point: told (a, b) of a point that was clicked, before the page is drawn again.
    """
    drawings = list(starmap(_drawing, zip(surfaces, atlases, strict=True)))
    parts = [[drawing] for drawing in drawings] if len(figures) > 1 else [drawings]
    groups = [
        {"figure": dotted(figure, settings).to_json(), "alt": alt, "drawings": part}
        for (figure, alt), part in zip(figures, parts, strict=True)
    ]
    row = settings.centre[0]
    _mount(
        key=KEY,
        data={
            "groups": groups,
            "a": settings.a.tolist(),
            "b": settings.b.tolist(),
            "start": _nearest(settings, point or (0.0, 0.0)),
            "path": [[row, column] for column in settings.path],
            "plotly": FILE_NAME,
        },
        on_point_change=lambda: on_point(*st.session_state[KEY]["point"]),
    )


def _nearest(settings: AtlasSettings, point: Point) -> list[int]:
    """Row and column of the grid's point that is nearest to another one."""
    a, b = point
    return [int(np.abs(settings.b - b).argmin()), int(np.abs(settings.a - a).argmin())]


def _drawing(surface: Series[SurfaceResult], atlas: AtlasResult) -> dict[str, Any]:
    """The bytes of all images, row by row, and what is said of each point."""
    count = atlas.point_images.shape[2]
    return {
        "title": surface.title,
        "alt": f"{count} samples of {surface.title}",
        "images": b64encode(atlas.point_images.tobytes()).decode(),
        "shape": list(atlas.point_images.shape[2:]),
        "known": atlas.computed.ravel().tolist(),
        "words": point_words(surface.result, atlas),
    }
