"""Samples over a surface: each point's are another measure's own, bit for bit."""

from typing import Any

import numpy as np
import pytest

from flatdiff.errors import SettingsError
from flatdiff.landscape.subject import Subject
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.measures.surfaces.atlas import MEASURE, MIDDLE, SIXTHS, AtlasResult, AtlasSettings
from flatdiff.measures.surfaces.nearby import NearbySettings
from tests.measures.test_nearby import between
from tests.subjects import changed, computed, digits_subject
from tests.tiny import TINY, random_network

FEW: dict[str, Any] = {"num_images": 3, "num_sampling_steps": 2, "seed": 5}


def atlas(subject: Subject, **settings: Any) -> AtlasResult:
    """Of a few short chains at every point."""
    return computed(subject, "atlas", AtlasSettings(**FEW, **settings))


def test_centre_draws_the_checkpoints_own_samples() -> None:
    """The samples measure, which knows no points, draws the same images from the same noise."""
    subject = digits_subject(4, model=random_network(TINY, 3))
    found = atlas(subject, resolution=3)
    own = computed(subject, "samples", SamplesSettings(bits=(32,), **FEW)).images[0]
    assert found.point_images.shape == (3, 3, *own.shape)
    assert found.computed.all()
    assert np.array_equal(found.point_images[1, 1], own)
    assert not np.array_equal(found.point_images[0, 2], own)


@pytest.mark.parametrize("axes", ["random", "checkpoints", "eigenvectors"])
def test_points_draw_what_nearby_draws_there(axes: Any) -> None:
    """A corner and a point inside, by coordinates that are written by hand."""
    subject = between(0, 1, 2)
    wide: dict[str, Any] = {"axes": axes, "direction_seed": 9, "normalization": "layer"}
    resolution = 7 if axes == "checkpoints" else 5
    found = atlas(subject, **wide, resolution=resolution, span=0.8)
    low, high, inside = (-0.25, 1.25, 0.25) if axes == "checkpoints" else (-0.8, 0.8, 0.4)
    column = int(np.flatnonzero(np.isclose(found.a, inside))[0])
    for (i, j), (a, b) in {(-1, 0): (low, high), (-1, column): (inside, high)}.items():
        assert (found.a[j], found.b[i]) == (a, b)
        there = computed(subject, "nearby", NearbySettings(**wide, **FEW, a=a, b=b))
        assert np.array_equal(found.point_images[i, j], there.images)
        assert found.relative_distance[i, j] == there.relative_distance > 0


def test_line_ends_at_the_other_checkpoint() -> None:
    """One dimension: the other network is asked itself; its weights come back up to rounding."""
    found = atlas(between(0, 1), axes="checkpoints", dimensions=1, resolution=7)
    settings = AtlasSettings(axes="checkpoints", dimensions=1, resolution=7)
    assert (found.b.tolist(), found.a[list(settings.path)].tolist()) == (
        [0],
        [0, 0.25, 0.5, 0.75, 1],
    )
    other = digits_subject(4, model=random_network(TINY, 1))
    own = computed(other, "samples", SamplesSettings(bits=(32,), **FEW)).images[0]
    there = found.point_images[0, settings.path[-1]].astype(int)
    assert np.abs(there - own).max() <= 1


@pytest.mark.parametrize(
    ("axes", "known"), [("random", MIDDLE), ("eigenvectors", MIDDLE), ("checkpoints", SIXTHS)]
)
@pytest.mark.parametrize("dimensions", [1, 2])
def test_checkpoints_are_points_to_the_bit(axes: Any, known: Any, dimensions: Any) -> None:
    """0 and, between checkpoints, 1 are on every grid that is taken; the usual one is, too."""
    for resolution in (None, *known):
        settings = AtlasSettings(axes=axes, dimensions=dimensions, resolution=resolution)
        row, column = settings.centre
        assert (settings.a[column], settings.b[row]) == (0, 0)
        assert settings.a[settings.path[-1]] == 1
        assert len(settings.b) == (len(settings.a) if dimensions == 2 else 1)
        plane = SurfaceSettings(axes=axes, dimensions=dimensions)
        assert np.array_equal(settings.a, plane.axis(len(settings.a)))


def test_points_in_the_making() -> None:
    """Changes are told once the centre is drawn; what is not drawn is marked."""
    settings = AtlasSettings(resolution=3, num_images=2)
    places = [item[1:] for item in MEASURE.items(settings)]
    assert sorted(places) == [(i, j) for i in range(3) for j in range(3)]

    def drawn(*wanted: tuple[int, int]) -> AtlasResult:
        done = {
            places.index(place): {
                "images": np.array([place[1] * 10, place[1] * 30], np.uint8).reshape(2, 1, 1, 1),
                "relative_distance": np.array(0.25),
            }
            for place in wanted
        }
        return MEASURE.assemble(settings, done)

    assert drawn().point_images.shape == (3, 3, 0, 1, 1, 1)
    assert not drawn().computed.any()
    corner = drawn((0, 2))
    assert (corner.computed.sum(), corner.relative_distance[0, 2]) == (1, 0.25)
    assert np.isnan(corner.pixel_change).all()
    both = drawn((0, 2), (1, 1))
    assert (both.pixel_change[0, 2], both.pixel_change[1, 1]) == (20, 0)
    assert both.pixel_change_stderr[0, 2] == pytest.approx(10)  # of 10 and 30
    assert both.point_images[0, 2].ravel().tolist() == [20, 60]
    assert np.isnan(both.pixel_change[2, 2])


def test_what_changes_nothing_is_not_told_apart() -> None:
    """The usual grid has one name; between checkpoints neither span nor directions count."""
    assert AtlasSettings(resolution=9) == AtlasSettings() != AtlasSettings(resolution=7)
    assert AtlasSettings(span=1) == AtlasSettings()
    ends = AtlasSettings(axes="checkpoints", dimensions=1)
    assert ends == changed(ends, span=3.0, normalization="none", direction_seed=4, resolution=13)
    assert AtlasSettings(direction_seed=4) != AtlasSettings()


def test_ends_and_cost() -> None:
    """A line between checkpoints has one end, a plane two; each image passes at each step."""
    for dimensions in (1, 2):
        settings = AtlasSettings(axes="checkpoints", dimensions=dimensions)
        assert MEASURE.min_partners(settings) == dimensions
    assert MEASURE.min_partners(AtlasSettings(axes="eigenvectors")) == 0
    settings = AtlasSettings(num_images=3, num_sampling_steps=7)
    assert MEASURE.image_forwards(settings, ("place", 0, 0), 256) == 21


@pytest.mark.parametrize("resolution", [9, 8, 12])
def test_grid_that_misses_a_checkpoint_is_refused(resolution: int) -> None:
    """Nine points from -0.25 to 1.25 have none at 0."""
    with pytest.raises(SettingsError, match=r"^resolution must be one of 7, 13, 19, 25, 31; got"):
        AtlasSettings(axes="checkpoints", resolution=resolution)
