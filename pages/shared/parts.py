"""Parts of a page that is read in order: the choice of one, and the way to those beside it."""

from collections.abc import Mapping, Sequence

import streamlit as st

KEY = "part"


def part_input(names: Sequence[str]) -> str:
    """Choose one, the first if nobody does; the link has its name.

    Args:
        names: short, in their order.
    """
    return st.segmented_control(
        "Part",
        names,
        default=names[0],
        required=True,
        key=KEY,
        bind="query-params",
        label_visibility="collapsed",
    )


def way_on(titles: Mapping[str, str], name: str) -> None:
    """Draw the buttons that lead to the parts before and after.

    Args:
        titles: of all parts, by their names, in their order.
        name: of the part that is shown.
    """
    names = list(titles)
    here = names.index(name)
    with st.container(horizontal=True, key="way"):
        for other, word, icon in (
            (here - 1, "Back", ":material/arrow_back:"),
            (here + 1, "Next", ":material/arrow_forward:"),
        ):
            if 0 <= other < len(names):
                said = f"{word}: {titles[names[other]]}"
                key = f"way{other + 1}"
                st.button(said, icon=icon, on_click=_go_to, args=(names[other],), key=key)


def _go_to(name: str) -> None:
    """Another part; called before its box is drawn."""
    st.session_state[KEY] = name
