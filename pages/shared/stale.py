"""A stale widget is one that no page of a session shows any more.

Streamlit forgets its value and keeps what it knows of it - callback, arguments, what they refer to
- for as long as the tab is open, under a new name for every measurement: some 7 KB a page, 40 MB
an hour for a class.
"""

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState


def session_state(wrapped: SafeSessionState | SessionState) -> SessionState:
    """Streamlit's own record of a session, below what makes it safe for threads."""
    while isinstance(wrapped, SafeSessionState):
        wrapped = wrapped._state
    return wrapped


def forget_stale_widgets() -> None:
    """To be called as a page begins: what the last one showed may still be clicked on."""
    context = get_script_run_ctx()
    assert context is not None
    state = session_state(context.session_state)
    known, shown = state._new_widget_state, state._old_state
    known.widget_metadata = {
        name: metadata
        for name, metadata in known.widget_metadata.items()
        if name in known.states or name in shown
    }
