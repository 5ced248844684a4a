"""The short form of the campaign: two commands on a disk with no room for what they write."""

import pytest

from tests.campaigns.disks import Counts, disks
from tests.disks import MOUNTABLE, NOT_MOUNTABLE


@pytest.mark.slow
@pytest.mark.skipif(not MOUNTABLE, reason=NOT_MOUNTABLE)
def test_commands_end_in_a_sentence_and_lose_nothing() -> None:
    """And on one that can only be read."""
    assert disks(commands="quantize measure", free_kib=(8,)) == 0


def test_a_broken_promise_is_seen() -> None:
    """Each by itself."""
    assert Counts(commands=1, refused=1).clean
    assert not any(Counts(**{name: 1}).clean for name in ("untold", "lost", "torn", "stuck"))
