"""Presenting is for a wall: large type, no controls, the next page and the one before.

It is in the link, `?present=1`, as everything is that somebody chose.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

ON = {"present": "1"}
STYLE = Path(__file__).with_name("present.css")


def presenting() -> bool:
    """Whether this view is for a wall."""
    return st.query_params.get("present") == ON["present"]


def stage(pages: Sequence[Any], current: Any) -> None:
    """Dress the page, and say where one can go from here.

    Args:
        pages: all there are, in their order.
        current: the one that is shown.
    """
    st.html(STYLE)
    place = [page.url_path for page in pages].index(current.url_path)
    before, after = pages[place - 1], pages[(place + 1) % len(pages)]
    with st.container(horizontal=True, key="wall"):
        st.page_link(before, label=before.title, icon=":material/arrow_back:", query_params=ON)
        st.page_link(after, label=after.title, icon=":material/arrow_forward:", query_params=ON)
        st.button("End", key="end", icon=":material/close_fullscreen:", on_click=_end)


def _end() -> None:
    del st.query_params["present"]
