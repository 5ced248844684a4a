"""Watchers, on a clock of our own."""

from flatdiff.engine.watchers import LOOKS_FOR_S, Watchers


def test_the_last_one_to_leave() -> None:
    """Each is told how many others are still there, whatever the order."""
    watchers = Watchers()
    for name in "abc":
        watchers.look("job", name)
    watchers.look("other job", "d")
    assert [watchers.leave("job", name) for name in "bac"] == [2, 1, 0]
    assert watchers.leave("job", "a") == 0, "left twice"
    assert watchers.leave("no such job", "a") == 0


def test_a_closed_tab_does_not_count() -> None:
    """To the moment: who looked within the time counts, who looked before does not."""
    now = 0.0
    watchers = Watchers(lambda: now)
    watchers.look("job", "closed")
    now = LOOKS_FOR_S / 2
    watchers.look("job", "open")
    watchers.look("job", "me")
    now = LOOKS_FOR_S + 0.01
    assert watchers.leave("job", "me") == 1


def test_coming_back_counts() -> None:
    """Leaving is no farewell for ever."""
    watchers = Watchers()
    watchers.look("job", "a")
    watchers.look("job", "b")
    assert watchers.leave("job", "a") == 1
    watchers.look("job", "a")
    assert watchers.leave("job", "b") == 1
