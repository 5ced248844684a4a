"""The error estimate of interpolated surfaces against the truth, on the bundled checkpoints."""

import numpy as np
import pytest

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.landscape.interpolation import interpolation_matrix
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures.surface import MEASURE, SurfaceSettings
from flatdiff.measures.surfaces.result import level_error
from flatdiff.system.files import PROJECT_ROOT
from tests.tiny import CPU

ROOT = PROJECT_ROOT / "checkpoints"
SETTINGS = SurfaceSettings(mode="interpolated")


def true_and_estimated(card: Card) -> tuple[float, float]:
    """Worst error of the coarsest level at 192 points it was not told of, and what it expected.

    The points are the other nodes of the finest level.
    """
    subject = Subject(card, load_model(ROOT, card, CPU), Panel())
    items, grids = MEASURE.items(SETTINGS), SETTINGS.grids
    known, truth = grids.known(0), grids.even(2)
    done = {
        k: MEASURE.evaluate(subject, SETTINGS, item)
        for k, item in enumerate(items)
        if item[0] == "node" and item[1:] in {*known, *truth}
    }
    losses = {items[k][1:]: arrays["losses"].mean() for k, arrays in done.items()}
    matrix = interpolation_matrix(grids.places(known), grids.places(truth))
    guess = matrix @ np.array([losses[node] for node in known])
    missed = np.abs(guess - [losses[node] for node in truth]).max()
    return float(missed), level_error(SETTINGS, done, 0)


@pytest.mark.slow
def test_true_error_is_within_twice_the_estimate() -> None:
    """On all nine: the estimate saw 16 points, the truth another 192."""
    cards = [card for card in list_cards(ROOT) if isinstance(card, Card)]
    found = {card.id: true_and_estimated(card) for card in cards}
    assert len(found) == 9
    assert {name: pair for name, pair in found.items() if pair[0] > 2 * pair[1]} == {}
