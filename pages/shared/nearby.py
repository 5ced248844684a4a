"""A point of a loss surface: chosen by a click or typed, and what the weights there draw."""

from collections.abc import Sequence

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.images.grid import image_grid
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.samples import pixel_changes
from flatdiff.measures.statistics import mean, standard_error
from flatdiff.measures.surfaces.nearby import EXAMPLE, NearbyResult, NearbySettings
from flatdiff.measures.surfaces.settings import SurfaceSettings
from flatdiff.views.base import GRID_COLUMNS, Point, with_error
from pages.shared.choose import label, measurable, whole_number
from pages.shared.job import job_panel
from pages.shared.plain import plain
from pages.shared.record import numbers, record

HELP = "The coordinates of a point; a click on a surface fills them in."


def choose_point(dimensions: int) -> Point | None:
    """The point that is in the link, or None where none is chosen."""
    names = ("a", "b")[:dimensions]
    values = [
        st.number_input(
            f"Point {name}",
            value=None,
            step=0.1,
            format="%.4g",
            key=name,
            bind="query-params",
            placeholder="none",
            help=HELP,
            width=180,
        )
        for name in names
    ]
    if all(value is None for value in values):
        return None
    a, b = [*(value or 0.0 for value in values), 0.0][:2]
    return a, b


def pick(a: float, b: float) -> None:
    """Choose a point as if it had been typed; to be called before its boxes are drawn."""
    for name, value in (("a", a), ("b", b)):
        st.session_state[name] = float(f"{value:.6g}")


def pick_from_chart(key: str) -> None:
    """The point that was clicked in a chart; a second click on it says nothing."""
    points = st.session_state[key].selection.points
    if points:
        pick(points[0]["x"], points[0]["y"])


def nearby_request(
    card: Card,
    surface: SurfaceSettings,
    partners: Sequence[Card],
    point: Point,
    sampling: dict[str, int],
) -> Request:
    """What the weights at a point draw; of the partners only those that the point depends on."""
    settings = NearbySettings(
        axes=surface.axes,
        normalization=surface.normalization,
        direction_seed=surface.seed,
        a=point[0],
        b=point[1],
        **sampling,
    )
    return make_request("nearby", card, settings, partners=partners[: settings.num_ends])


def show_nearby(
    cards: Sequence[Card], partners: Sequence[Card], surface: SurfaceSettings, point: Point | None
) -> None:
    """Samples from the point beside those from the centre, for every checkpoint."""
    st.subheader("What do the weights at a point draw?", divider="gray")
    cards = measurable(cards, ["nearby"])
    if point is None:
        st.info(
            "Click a point of a surface, or type its coordinates above: the weights there draw "
            "samples from the same noise as the checkpoint itself."
        )
        st.button("Show an example", icon=":material/ads_click:", on_click=pick, args=EXAMPLE)
        return
    columns = st.columns(3)
    with columns[0]:
        images = whole_number("Images", "num_images", 16, 1, 256, step=8)
    with columns[1]:
        steps = whole_number("Sampling steps", "num_sampling_steps", 50, 2, 1000, step=10)
    with columns[2]:
        help_text = "Of x_T and of every noise; the same for every point and checkpoint."
        seed = whole_number("Noise seed", "noise_seed", 0, 0, 2**31 - 1, help_text=help_text)
    sampling = {"num_images": images, "num_sampling_steps": steps, "seed": seed}
    requests = [
        nearby_request(card, surface, partners, place, sampling)
        for place in ((0.0, 0.0), point)
        for card in cards
    ]
    by_key = {request.key: request for request in requests}
    handles = dict(zip(by_key, job_panel(list(by_key.values()), primary=False), strict=True))
    found = [handles[request.key] for request in requests]
    centres, places = found[: len(cards)], found[len(cards) :]
    for card, centre, place in zip(cards, centres, places, strict=True):
        _show_pair(label(card), centre.result(), place.result())
    numbers(cards, places)
    record(places)


def _show_pair(title: str, centre: NearbyResult, place: NearbyResult) -> None:
    """Two grids of the same noise, and how far they are apart."""
    if not len(centre.images) and not len(place.images):
        return
    st.markdown(f"**{plain(title)}**")
    coordinates = f"({place.a:.4g}, {place.b:.4g})"
    for column, where, grid in zip(
        st.columns(2),
        ("at the centre", f"at {coordinates}"),
        (centre.images, place.images),
        strict=True,
    ):
        if len(grid):
            column.image(
                image_grid(grid, GRID_COLUMNS),
                caption=where,
                width="stretch",
                alt=f"{len(grid)} samples of {title} {where}",
            )
    count = min(len(centre.images), len(place.images))
    if count:
        changes = pixel_changes(place.images[:count], centre.images[:count])
        st.caption(
            f"The weights at {coordinates} are {place.relative_distance:.1%} of their norm away "
            f"from the centre. Mean change of a pixel: "
            f"{with_error(mean(changes), standard_error(changes))} of 255."
        )
