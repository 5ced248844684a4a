"""Comparisons of rises drawn from distributions whose true difference is known."""

from dataclasses import replace

import numpy as np
import pytest

from flatdiff.errors import SettingsError
from flatdiff.measures.comparison import (
    Comparison,
    Estimate,
    Rises,
    compare,
    ratio_of,
    sentence,
)
from flatdiff.measures.statistics import crossed_mean


def strata(draw: np.random.Generator, members: int) -> np.ndarray:
    """One timestep in each equal part of [0, 1000), dealt at random, as a panel has them."""
    t = (np.arange(members) + draw.random(members)) * 1000 / members
    return draw.permutation(t.astype(np.int64))


def drawn(
    seed: int, pairs: int = 16, members: int = 64, effect: float = 0.0
) -> tuple[Rises, Rises]:
    """Rises of two checkpoints under other noise on another panel for every seed.

    Both share effects of noise, timestep, image, and of image and noise together, with tails as
    losses have them; each has such effects of its own, a tenth as large.
    """
    draw = np.random.default_rng(seed)
    t = strata(draw, members)

    def effects(size: float) -> np.ndarray:
        level = np.exp(-t / 300)
        image = level * (draw.gamma(2.0, 1.0, members) - 2)
        noise = draw.normal(0, 0.2, (pairs, 1)) * level
        return size * (level + image + noise + 0.5 * level * draw.normal(size=(pairs, members)))

    both = 1 + effects(1.0)
    a, b = (both + effects(0.1) for _ in range(2))
    return Rises(a + effect, t), Rises(b, t)


def with_rises(rises: Rises) -> Estimate:
    found = crossed_mean(rises.gaps, rises.timesteps)
    return Estimate(found.value, found.stderr, rises)


def alone(rises: Rises) -> Estimate:
    return replace(with_rises(rises), rises=None)


def test_effect_and_ratio_by_hand() -> None:
    """A 2 x 2 table one can add up: means 2.5 and 5."""
    t = np.array([0, 500])
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 4.0], [6.0, 8.0]])
    found = compare(Rises(a, t), Rises(b, t))
    assert (found.effect, found.ratio) == (-2.5, 0.5)
    assert found.low < -2.5 < found.high


def test_pairing_takes_out_what_both_share() -> None:
    """What they share scatters ten times as much as what is their own."""
    a, b = drawn(1, effect=0.12)
    found = compare(a, b)
    assert 0 < found.low < 0.12 < found.high
    apart = ratio_of(alone(a), alone(b))
    assert not apart.decided


@pytest.mark.parametrize("effect", [0.0, 0.05])
@pytest.mark.parametrize(("pairs", "members"), [(16, 64), (50, 256)])
def test_interval_covers_the_truth(effect: float, pairs: int, members: int) -> None:
    """Of 95 % in 93 to 97 of 100 cases, where there is a difference and where there is none."""
    found = [compare(*drawn(seed, pairs, members, effect)) for seed in range(1000)]
    covered = np.mean([each.low <= effect <= each.high for each in found])
    assert 0.93 <= covered <= 0.97


def test_interval_of_a_ratio_covers_it() -> None:
    """Of rises that rise and fall together, one twice the other on average."""
    covered = 0
    for seed in range(1000):
        a, b = drawn(seed)
        a = Rises(2 * a.gaps, a.timesteps)
        found = ratio_of(with_rises(a), with_rises(b))
        covered += found.low <= 2.0 <= found.high
    assert 930 <= covered <= 970


def test_ratio_in_pairs_is_told_more_closely() -> None:
    """Than of the same two numbers without what they are the means of."""
    a, b = drawn(3, effect=2.0)
    paired, apart = ratio_of(with_rises(a), with_rises(b)), ratio_of(alone(a), alone(b))
    assert apart.low < paired.low < paired.ratio < paired.high < apart.high


def test_what_does_not_share_a_panel_is_refused() -> None:
    """Other numbers of pairs or members."""
    t = np.arange(4)
    with pytest.raises(SettingsError, match="gaps must be of shape"):
        compare(Rises(np.zeros((3, 4)), t), Rises(np.zeros((4, 4)), t))
    with pytest.raises(SettingsError, match="two pairs and members"):
        compare(Rises(np.zeros((1, 4)), t), Rises(np.zeros((1, 4)), t))


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
