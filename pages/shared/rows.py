"""Pictures side by side, in rows that a screen has room for."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

T = TypeVar("T")

MAX_COLUMNS = 3


def in_rows(
    items: Sequence[T], num_columns: int | None = None
) -> Iterator[tuple[DeltaGenerator, T]]:
    """Each item with its column.

    Args:
        items: what is shown.
        num_columns: of each row; default: as many as there are items, at most three; four stand
            two by two.
    """
    count = num_columns or (2 if len(items) == 4 else min(len(items), MAX_COLUMNS))
    for start in range(0, len(items), count or 1):
        yield from zip(st.columns(count), items[start : start + count], strict=False)
