"""Samples at points of a surface: at the centre and at another checkpoint they are known."""

from typing import Any

import numpy as np
import pytest
import torch

from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import MEASURE as SURFACE
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.measures.surfaces.nearby import MEASURE, NearbySettings
from tests.subjects import card_of, changed, computed, digits_subject
from tests.tiny import TINY, random_network

FEW: dict[str, Any] = {"num_images": 10, "num_sampling_steps": 3, "seed": 5}


def between(*seeds: int) -> Subject:
    """A random network with others as its partners."""
    model, *others = (random_network(TINY, seed) for seed in seeds)
    weights = [torch.cat([p.detach().flatten() for p in other.parameters()]) for other in others]
    return Subject(card_of(TINY), model, Panel(size=4), weights)


def images(subject: Subject, **settings: Any) -> np.ndarray:
    """Of a few short chains."""
    return computed(subject, "nearby", NearbySettings(**FEW, **settings)).images


def drawn_by(seed: int) -> np.ndarray:
    """The samples measure's own images of a random network."""
    subject = digits_subject(4, model=random_network(TINY, seed))
    return computed(subject, "samples", SamplesSettings(bits=(32,), **FEW)).images[0]


def test_centre_draws_the_checkpoints_own_samples() -> None:
    """Another measure draws the same images bit for bit: same x_T, same noises, same chunks."""
    found = images(digits_subject(4, model=random_network(TINY, 3)))
    assert found.shape == (10, 8, 8, 1)
    assert np.array_equal(found, drawn_by(3))


@pytest.mark.parametrize(("a", "b", "seed"), [(1.0, 0.0, 1), (0.0, 0.0, 0)])
def test_ends_of_a_line_draw_as_the_checkpoints_there(a: float, b: float, seed: int) -> None:
    """The other network is asked itself; its weights come back from a sum, so up to rounding."""
    found = images(between(0, 1), axes="checkpoints", a=a, b=b)
    difference = np.abs(found.astype(int) - drawn_by(seed).astype(int))
    assert difference.max() <= 1
    assert np.abs(found.astype(int) - drawn_by(1 - seed).astype(int)).max() > 20


def test_third_checkpoint_is_drawn_where_the_plane_has_it() -> None:
    """Its coordinates are those that the surface marks; the network there is asked itself."""
    subject = between(0, 1, 2)
    surface = SurfaceSettings(axes="checkpoints", resolution=2)
    a, b, off = computed(subject, "surface", surface).marks[1]
    assert off < 1e-5
    found = images(subject, axes="checkpoints", a=float(a), b=float(b))
    assert np.abs(found.astype(int) - drawn_by(2).astype(int)).max() <= 1


class Watched(Subject):
    """Keeps where its weights were when something was asked of them."""

    def losses(self) -> Any:
        """Of the surface measure."""
        self.seen = self.weights.theta.clone()
        return super().losses()

    def relative_norm(self, vector: Any) -> float:
        """Of this measure."""
        self.seen = self.weights.theta.clone()
        return super().relative_norm(vector)


@pytest.mark.parametrize("axes", ["random", "checkpoints", "eigenvectors"])
def test_point_is_the_surfaces_point(axes: Any) -> None:
    """The weights themselves are compared, in a cell of a surface and at the same (a, b)."""
    base = between(0, 1, 2)
    subject = Watched(base.card, base.model, base.panel, base.partners)
    surface = SurfaceSettings(axes=axes, resolution=4, seed=9, normalization="layer")
    SURFACE.evaluate(subject, surface, ("cell", 2, 0))
    expected = subject.seen
    axis = surface.axis(4)
    nearby = NearbySettings(
        axes=axes,
        a=float(axis[0]),
        b=float(axis[2]),
        direction_seed=9,
        normalization="layer",
        num_images=1,
        num_sampling_steps=2,
    )
    arrays = MEASURE.evaluate(subject, nearby, ("nearby", 0, 1))
    assert torch.equal(subject.seen, expected)
    origin = subject.weights.origin.double()
    distance = (expected.double() - origin).norm() / origin.norm()
    assert float(arrays["relative_distance"]) == pytest.approx(float(distance), rel=1e-6)
    assert torch.equal(subject.weights.theta, subject.weights.origin)


def test_missing_chunks_are_missing_images() -> None:
    """Of chunks of 8 and 2; a distance is known with the first of any."""
    settings = NearbySettings(**FEW, a=0.5)
    done = {
        1: {"images": np.ones((2, 4, 4, 1), np.uint8), "relative_distance": np.array(0.25)},
    }
    assert MEASURE.assemble(settings, {}).images.shape[0] == 0
    assert np.isnan(MEASURE.assemble(settings, {}).relative_distance)
    result = MEASURE.assemble(settings, done)
    assert (len(result.images), result.relative_distance, result.a) == (2, 0.25, 0.5)
    assert [item[2] for item in MEASURE.items(settings)] == [8, 2]


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"a": 1.0}, 0),
        ({"a": 1.0, "axes": "checkpoints"}, 1),
        ({"a": 1.0, "b": 0.1, "axes": "checkpoints"}, 2),
        ({"b": 0.1, "axes": "eigenvectors"}, 0),
        ({"axes": "checkpoints"}, 0),
    ],
)
def test_ends_that_a_point_depends_on(changes: dict[str, Any], ends: int) -> None:
    """On the line the second axis does not matter, and at the centre neither does."""
    assert MEASURE.min_partners(NearbySettings(**changes)) == ends


def test_what_changes_nothing_is_not_told_apart() -> None:
    """The centre is the same point of every plane; a normalization is of random axes alone."""
    centre = NearbySettings()
    assert NearbySettings(axes="eigenvectors", direction_seed=3, a=-0.0) == centre
    assert NearbySettings(axes="random", normalization="layer") == centre
    ends = NearbySettings(axes="checkpoints", a=1, normalization="none", direction_seed=4)
    assert ends == NearbySettings(axes="checkpoints", a=1.0)
    assert NearbySettings(a=0.5, direction_seed=3) != NearbySettings(a=0.5)
    assert changed(centre, seed=1) != centre
