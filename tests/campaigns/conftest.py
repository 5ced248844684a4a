"""Campaigns as tests."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

Aside = Callable[[Callable[[], int]], int]


@pytest.fixture
def aside() -> Iterator[Aside]:
    """Calls a function in a thread of its own: the browser of other tests keeps a loop in this."""
    with ThreadPoolExecutor(1) as thread:
        yield lambda campaign: thread.submit(campaign).result()
