"""Patience with a clock of the test's own: slower each time, and with an end."""

import itertools

from flatdiff.engine.patience import GIVE_UP_AFTER_S, LONGEST_PAUSE_S, Patience


def test_pauses_grow_and_end() -> None:
    """Tried again as soon as it is allowed; the pauses add up to less than a minute."""
    now, pauses = 0.0, []
    patience = Patience(lambda: now)
    while patience.failed():
        pauses.append(patience.left_s())
        now += patience.left_s()
    assert all(before <= after for before, after in itertools.pairwise(pauses))
    assert pauses[0] < 1 < pauses[-1] == LONGEST_PAUSE_S
    assert GIVE_UP_AFTER_S <= now < 60
    assert not patience.failed(), "nor later"


def test_what_passed_is_forgotten() -> None:
    """The next trouble gets as much as the first."""
    now = 0.0
    patience = Patience(lambda: now)
    assert patience.new
    assert patience.left_s() == 0
    patience.failed()
    assert not patience.new
    first = patience.left_s()
    now = GIVE_UP_AFTER_S
    patience.passed()
    assert (patience.new, patience.left_s()) == (True, 0)
    assert patience.failed()
    assert patience.left_s() == first > 0
