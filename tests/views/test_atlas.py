"""Maps of what is drawn over a surface, and the words that stand beside each point."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from flatdiff.measures.surfaces.atlas import AtlasSettings
from flatdiff.views.surfaces.atlas import at_points, atlas_rows, dotted, point_words
from tests.results import atlas, surface
from tests.subjects import changed

EMPTY = np.full((3, 3), np.nan)


def test_map_has_every_point_where_it_lies() -> None:
    """Images that say their column and row; what is not drawn yet is as grey as the gaps."""
    place = np.add.outer(10 * np.arange(3), np.arange(3)).astype(np.uint8)  # 10 a row, 1 a column
    images = place[:, :, None, None, None, None] + np.array([0, 100])[:, None, None, None]
    computed = np.ones((3, 3), bool)
    computed[2, 1] = False
    drawn = changed(atlas(), point_images=images.astype(np.uint8), computed=computed)
    rows = np.stack(atlas_rows(drawn))[..., 0, 0, 0]
    assert rows.tolist() == [
        [20, 128, 22],
        [10, 11, 12],
        [0, 1, 2],
        [120, 128, 122],
        [110, 111, 112],
        [100, 101, 102],
    ]


def test_between_cells_a_surface_is_bilinear() -> None:
    """A function that is bilinear itself comes back exactly, also on another grid; holes stay."""
    flat = surface()
    values = 2 + flat.a[None] - 3 * flat.b[:, None] + flat.a[None] * flat.b[:, None]
    points = changed(atlas(), a=np.array([-1, -0.3, 0.9]), b=np.array([-0.5, 0, 0.25]))
    expected = 2 + points.a[None] - 3 * points.b[:, None] + points.a[None] * points.b[:, None]
    np.testing.assert_allclose(at_points(flat, values, points), expected, atol=1e-14)
    values[:, 0] = np.nan
    assert np.isnan(at_points(flat, values, points)[:, 0]).all()


@pytest.mark.parametrize("drawn", [True, False])
def test_words_of_a_point(drawn: bool) -> None:
    """Numbers made up; at the centre nothing has changed, however it was rounded."""
    known = surface()
    loss = np.full(known.loss.shape, known.base_loss + 1e-13)
    loss[0, 0] = known.base_loss + 0.5
    errors = {"stderr": np.full_like(loss, 0.1), "rise_stderr": np.full_like(loss, 0.02)}
    change = np.full((3, 3), 31.0) if drawn else EMPTY
    change[1, 1] = 0.0
    points = changed(atlas(), pixel_change=change, pixel_change_stderr=change / 10)
    words = point_words(changed(known, loss=loss, **errors), points)
    base = f"Loss {known.base_loss:.2f} ± 0.10."
    assert words[4] == base
    said = f"Loss {known.base_loss + 0.5:.2f} ± 0.10, +0.500 ± 0.020 from the centre."
    assert words[0] == said + (" Pixels changed by 31.0 ± 3.1 of 255." if drawn else "")
    assert point_words(changed(known, loss=np.full_like(loss, np.nan)), points)[0] == (
        "Loss not known."
    )


def test_dots_stand_at_the_points_and_everything_is_on_the_picture() -> None:
    """A mark beyond the grid is not cut off; a line has no dots."""
    figure = go.Figure(go.Scatter(x=[2.0], y=[-3.0]))
    shown: Any = dotted(figure, AtlasSettings(resolution=3))
    dots = list(shown.data)[-1]
    assert sorted(zip(dots.x, dots.y, strict=True)) == [
        (a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)
    ]
    low, high = shown.layout.xaxis.range
    assert low < -1 < 2 < high < 2.5
    low, high = shown.layout.yaxis.range
    assert -3.5 < low < -3 < 1 < high
    assert not dotted(go.Figure(), AtlasSettings(dimensions=1)).data
