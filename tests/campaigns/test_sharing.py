"""The short form of the campaign: one surface for two servers and two command lines."""

import pytest

from tests.campaigns.conftest import Aside
from tests.campaigns.sharing import Counts, sharing


@pytest.mark.slow  # four programs start
def test_one_computation_for_all_though_one_is_killed(aside: Aside) -> None:
    """The one that computes."""
    assert aside(lambda: sharing(rounds=1, resolution=9)) == 0


def test_a_broken_promise_is_seen() -> None:
    """Each by itself."""
    assert Counts(surfaces=1, kills=1, answers=2).clean
    bad = ("unended", "different", "doubled", "twice", "shown")
    assert not any(Counts(**{name: 1}).clean for name in bad)
