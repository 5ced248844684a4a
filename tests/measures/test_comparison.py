"""Comparisons of rises drawn from distributions whose true difference is known."""

import numpy as np
import pytest

from flatdiff.errors import SettingsError
from flatdiff.measures.comparison import Comparison, compare, sentence


def rises(seed: int, shift: float, shared: np.ndarray) -> np.ndarray:
    """A crossed design: a shared part by pair and member, own noise, and the true rise."""
    own = np.random.default_rng(seed).normal(0, 0.02, shared.shape)
    return shared + own + shift


def crossed(seed: int, pairs: int = 20, members: int = 30) -> np.ndarray:
    """Effects of pairs and of members that both checkpoints share."""
    draw = np.random.default_rng(seed)
    return draw.normal(0, 0.3, (pairs, 1)) + draw.normal(0, 0.5, (1, members))


def test_effect_and_ratio_by_hand() -> None:
    """A 2 x 2 table one can add up: means 2.5 and 5, whatever is resampled."""
    found = compare(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 4.0], [6.0, 8.0]]))
    assert (found.effect, found.ratio) == (-2.5, 0.5)
    assert -4 <= found.low <= found.effect <= found.high <= -1


def test_pairing_takes_out_what_both_share() -> None:
    """Shared effects are ten times the difference; unpaired the interval would hold 0."""
    shared = crossed(1)
    found = compare(rises(2, 0.05, shared), rises(3, 0.08, shared))
    assert found.high < 0
    assert found.low < -0.03 < found.high


def test_interval_covers_the_truth() -> None:
    """95 % intervals in 200 repetitions, own noise with row and column parts: 88 % at least."""
    covered = 0
    for seed in range(200):
        a, b = (crossed(10_000 + 2 * seed + side, 12, 15) + 1 for side in (0, 1))
        found = compare(a, b - 0.2, seed)
        covered += found.low <= 0.2 <= found.high
    assert covered >= 176


def test_no_difference_is_rarely_called_one() -> None:
    """Equal distributions: at most 12 of 100 comparisons are decided."""
    wrong = sum(
        compare(crossed(2 * seed, 12, 15), crossed(2 * seed + 1, 12, 15)).decided
        for seed in range(100)
    )
    assert wrong <= 12


def test_what_does_not_share_a_panel_is_refused() -> None:
    """Other numbers of pairs or members."""
    with pytest.raises(SettingsError, match="gaps must be of shape"):
        compare(np.zeros((3, 4)), np.zeros((4, 4)))
    with pytest.raises(SettingsError, match="two pairs and members"):
        compare(np.zeros((1, 4)), np.zeros((1, 4)))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Comparison(0.09, 0.08, 0.1, 2.0), "A is sharper than B: its loss rises by 0.09 more"),
        (Comparison(-0.01, -0.03, 0.02, 0.9), "cannot be told apart"),
        (Comparison(-0.01, -0.03, -0.001, 0.9), "A is flatter than B"),
    ],
)
def test_sentence(found: Comparison, words: str) -> None:
    """What a person reads follows the interval, not the effect."""
    assert words in sentence("A", "B", found)
