"""The short form of the campaign: three programs of today on a newer store."""

import pytest

from tests.campaigns.versions import Counts, versions


@pytest.mark.slow  # six programs start
def test_a_newer_store_is_named_and_left_alone() -> None:
    """In both of SQLite's ways to keep a journal."""
    assert versions(rounds=1) == 0


def test_a_broken_promise_is_seen() -> None:
    """Each by itself."""
    assert Counts(programs=2).clean
    assert not any(Counts(**{name: 1}).clean for name in ("untold", "touched"))
