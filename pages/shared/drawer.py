"""The drawer holds what a page can be asked otherwise, so that its picture comes first.

Open or closed, it stays so from page to page.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

KEY = "drawer"
OPEN = "drawer_is_open"  # in the session, as the widget's own state ends with its page
BEGAN = "drawer_began"  # open or closed, on this visit of the page


def settings_drawer() -> DeltaGenerator:
    """A place for settings, which a page fills by `with`; closed until somebody opens it."""
    if KEY not in st.session_state:
        st.session_state[BEGAN] = st.session_state.get(OPEN, False)
    # The same at every run of a visit: another drawer would lose what is being typed into it.
    return st.expander(
        "Settings",
        expanded=st.session_state[BEGAN],
        key=KEY,
        icon=":material/tune:",
        on_change=_remember,
    )


def _remember() -> None:
    st.session_state[OPEN] = bool(st.session_state[KEY])
