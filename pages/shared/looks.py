"""A look is a page's glance at what is being computed: how often, and whether there is news."""

import time
from bisect import bisect
from collections.abc import Sequence

import streamlit as st

from flatdiff.engine.engine import Handle
from flatdiff.engine.progress import Progress
from flatdiff.engine.store import RUNNING
from flatdiff.views import SECTIONS

# The picture is drawn again when so much is done: soon at first, then rarely.
REFRESH_SHARES = (0.003, 0.01, 0.03, 0.08, 0.2, 0.4, 0.7)

# How often a page looks: often at first for whoever pressed Run, until there is a first picture.
LOOK_S, FIRST_LOOK_S = 1.0, 0.5
FIRST_S = 6.0  # since Run
PRESSED = "pressed"  # in the session: when Run was pressed last, on the monotonic clock

# Each look of a page is work for the server and the browser, which the workers wait for; inside of
# one, asking is cheap.
WAIT_S, BLINK_S = 0.45, 0.05


def note_press() -> None:
    """Somebody in this session has pressed Run just now."""
    st.session_state[PRESSED] = time.monotonic()


def pressed_just_now() -> bool:
    """Whether this session waits for a first picture."""
    return time.monotonic() - st.session_state.get(PRESSED, -FIRST_S) < FIRST_S


def wait_for_a_picture(handles: Sequence[Handle]) -> None:
    """Until there is one, or nothing is being computed, or it is time for the next look.

    Whoever leaves the page meanwhile is not held up: Streamlit ends a script that asks for the
    session's state, as `pressed_just_now` does.
    """
    until = time.monotonic() + WAIT_S
    while pressed_just_now() and time.monotonic() < until and _running(handles):
        if details(handles):
            return
        time.sleep(BLINK_S)


def _running(handles: Sequence[Handle]) -> bool:
    """Whether there is something to wait for that is not itself waiting for others."""
    return any(job.state == RUNNING for handle in handles if (job := handle.job()) is not None)


def stage_of(found: Sequence[Progress]) -> int:
    """How often a picture has been drawn again by now, by what is done."""
    done, total = sum(p.done for p in found), sum(p.total for p in found)
    return bisect(REFRESH_SHARES, done / max(total, 1))


def details(handles: Sequence[Handle]) -> int:
    """How detailed their pictures are by now, all together."""
    return sum(
        SECTIONS[handle.request.measure].detail(handle.result())
        for handle in handles
        if (job := handle.job()) and job.num_done >= max(1, handle.request.num_sketched)
    )
