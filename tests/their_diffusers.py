"""diffusers, imported by the first test that wants anything of it.

Importing it takes seconds, and every process of the tests reads all their files.
"""

from typing import Any

import pytest


class _Later:
    """Has the classes of a module that may not be there."""

    def __getattr__(self, name: str) -> Any:
        if not name[0].isupper():  # pytest asks every object that it finds whether it is a mock
            raise AttributeError(name)
        reason = "diffusers is not installed: no comparison"
        return getattr(pytest.importorskip("diffusers", reason=reason), name)


diffusers: Any = _Later()
