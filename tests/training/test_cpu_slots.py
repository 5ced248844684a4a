"""Turns: as many as cores, waited for, given back."""

from pathlib import Path

import pytest

from flatdiff.system.processor import num_cores
from flatdiff.training import cpu_slots
from flatdiff.training.cpu_slots import wait_for_turn


def never() -> bool:
    return False


@pytest.fixture
def one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one core and a state directory of its own."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    monkeypatch.setattr(cpu_slots, "num_cores", lambda: 1)
    monkeypatch.setattr(cpu_slots, "LOOK_EVERY_S", 0.01)


@pytest.mark.usefixtures("one_core")
def test_second_waits_until_the_first_is_over() -> None:
    """It is told once that it waits; the first ends at its third look."""
    told: list[str] = []
    first = wait_for_turn(never, lambda: told.append("first"))
    assert first is not None
    looks: list[int] = []

    def stop() -> bool:
        looks.append(1)
        if len(looks) == 3:
            first.close()
        return False

    second = wait_for_turn(stop, lambda: told.append("second"))
    assert second is not None
    second.close()
    assert told == ["second"]
    assert len(looks) == 3


@pytest.mark.usefixtures("one_core")
def test_who_waits_can_be_stopped() -> None:
    """And holds nothing then."""
    first = wait_for_turn(never, lambda: None)
    assert first is not None
    with first:
        assert wait_for_turn(lambda: True, lambda: None) is None


def test_as_many_turns_as_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them can be had at the same time."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    held = [wait_for_turn(lambda: True, lambda: None) for _ in range(num_cores() + 1)]
    assert [lock is None for lock in held] == [False] * num_cores() + [True]
    for lock in held[:-1]:
        assert lock is not None
        lock.close()
