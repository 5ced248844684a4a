"""The drawer holds what a page can be asked otherwise, so that its picture comes first.

Open or closed, it stays so from page to page.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

KEY = "drawer"
OPEN = "drawer_is_open"  # in the session, as the widget's own state ends with its page


def settings_drawer() -> DeltaGenerator:
    """A place for settings, which a page fills by `with`; closed until somebody opens it."""
    return st.expander(
        "Settings",
        expanded=st.session_state.get(OPEN, False),
        key=KEY,
        icon=":material/tune:",
        on_change=_remember,
    )


def _remember() -> None:
    st.session_state[OPEN] = bool(st.session_state[KEY])
