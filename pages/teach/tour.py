"""Tour: what flatness is and what it buys, in six steps with a question each."""

import streamlit as st

from pages.shared.glossary import all_terms
from pages.shared.stored import bundled_pair
from pages.teach.tour_steps import STEPS


def go_to(number: int) -> None:
    """Another step; to be called before its box is drawn."""
    st.session_state["part"] = number


st.title("Tour")
numbers = list(range(1, len(STEPS) + 1))
number = st.segmented_control(
    "Part",
    numbers,
    default=1,
    required=True,
    key="part",
    bind="query-params",
    label_visibility="collapsed",
)
title, show = list(STEPS.items())[number - 1]
st.subheader(f"{number}. {title}", divider="gray")
show(bundled_pair())
with st.container(horizontal=True, key="way"):
    for other, word, icon in (
        (number - 1, "Back", ":material/arrow_back:"),
        (number + 1, "Next", ":material/arrow_forward:"),
    ):
        if other in numbers:
            said = f"{word}: {list(STEPS)[other - 1]}"
            st.button(said, icon=icon, on_click=go_to, args=(other,), key=f"way{other}")
all_terms()
