"""The short form of the campaign: one process of each kind is stopped for good."""

import pytest

from tests.campaigns.pauses import Counts, pauses


@pytest.mark.slow  # what is silent is given up after half a minute
def test_every_job_ends_though_a_process_is_stopped() -> None:
    """By an engine in this process, and at the command line."""
    assert pauses(rounds=1, pause_s=2, programs="engine command", resolution=21) == 0


def test_a_broken_promise_is_seen() -> None:
    """Each by itself."""
    assert Counts(done=1).clean
    broken = {"unended": 1, "different": 1, "doubled": 1, "left": 1, "slowest_cancel_s": 2.0}
    assert not any(Counts(**{name: value}).clean for name, value in broken.items())
