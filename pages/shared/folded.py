"""What is folded is drawn once somebody opens it: a page is there sooner without."""

from collections.abc import Callable

import streamlit as st


@st.fragment
def folded(
    title: str,
    content: Callable[[], object],
    key: str,
    *,
    icon: str | None = None,
    expanded: bool = False,
) -> None:
    """A line that opens into more.

    Args:
        title: the line.
        content: draws what is below it.
        key: of this line, once on a page.
        icon: in front of the line.
        expanded: whether it is open at first.
    """
    shown = st.expander(title, expanded=expanded, key=key, on_change="rerun", icon=icon)
    if shown.open:
        with shown:
            content()
