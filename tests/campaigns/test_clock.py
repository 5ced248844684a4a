"""The short form of the campaign: one jump ahead, and one to before 1970."""

import shutil

import pytest

from tests.campaigns.clock import NEGATIVE, Counts, clock, noted_by, seconds_of
from tests.campaigns.conftest import Aside


@pytest.mark.slow  # a server, and a browser
@pytest.mark.skipif(
    not (shutil.which("cc") and shutil.which("chromium")),
    reason="NOT TESTED: it needs a C compiler and chromium",
)
def test_jobs_end_though_the_clock_jumps(aside: Aside) -> None:
    """And no page shows a time below nothing."""
    assert aside(lambda: clock(jumps="+2h -60y", rounds=1, resolution=11)) == 0


def test_a_broken_promise_is_seen() -> None:
    """Each by itself."""
    assert Counts(jumps=1, done=1).clean
    names = ("unended", "different", "disordered", "disowned", "negative", "unmoved", "faults")
    assert not any(Counts(jumps=1, done=1, **{name: 1}).clean for name in names)
    assert not Counts(jumps=1).clean
    assert NEGATIVE.search("took -3.5 s")
    assert not NEGATIVE.search("3.5 s, 2026-11-29")


def test_jumps_are_read() -> None:
    """And told from a clock that stands still."""
    assert seconds_of("-2h") == -7200
    assert noted_by(1e9, 1e9 + 5)
    assert noted_by(None, -5.0)
    assert not noted_by(1e9, 1e9 + 7200)
    assert not noted_by(None, 1e9)
