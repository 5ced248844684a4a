"""The error estimate of interpolated surfaces against the truth, on the bundled checkpoints."""

import numpy as np
import pytest

from flatdiff.cards import Card, list_cards
from flatdiff.checkpoints import load_model
from flatdiff.files import PROJECT_ROOT
from flatdiff.interpolation import interpolate
from flatdiff.measures.surface import MEASURE, SurfaceSettings
from flatdiff.measures.surface_result import level_error
from flatdiff.measures.surface_settings import GRIDS
from flatdiff.panel import Panel
from flatdiff.subject import Subject
from tests.tiny import CPU

ROOT = PROJECT_ROOT / "checkpoints"
SETTINGS = SurfaceSettings(mode="interpolated")


def true_and_estimated(card: Card) -> tuple[float, float]:
    """Worst error of the coarse spline at 320 points it was not told of, and what it expected.

    The points are the nodes of the finer grid; all but those held out are unknown to both.
    """
    subject = Subject(card, load_model(ROOT, card, CPU), Panel())
    items, grids = MEASURE.items(SETTINGS), GRIDS[2]
    wanted = {("node", *node) for level in (0, 1) for node in grids.nodes(level)}
    done = {
        k: MEASURE.evaluate(subject, SETTINGS, item)
        for k, item in enumerate(items)
        if item in wanted
    }
    losses = {items[k][1:]: arrays["losses"].mean() for k, arrays in done.items()}
    axes = [grids.axis(level) for level in (0, 1)]
    coarse, fine = (np.array([[losses[i, j] for j in axis] for i in axis]) for axis in axes)
    guess = interpolate(coarse, (axes[0], axes[0]), (axes[1], axes[1]))
    return float(np.abs(guess - fine).max()), level_error(SETTINGS, done, 0)


@pytest.mark.slow
def test_true_error_is_within_twice_the_estimate() -> None:
    """On all nine: the estimate saw 24 points, the truth another 296."""
    cards = [card for card in list_cards(ROOT) if isinstance(card, Card)]
    found = {card.id: true_and_estimated(card) for card in cards}
    assert len(found) == 9
    assert {name: pair for name, pair in found.items() if pair[0] > 2 * pair[1]} == {}
