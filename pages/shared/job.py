"""The job panel of a measurement page: what it costs, Run, progress, Cancel, stored."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn
from uuid import uuid4
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flatdiff.engine.engine import Handle, shared_engine
from flatdiff.engine.progress import Progress
from flatdiff.engine.store import ACTIVE, DONE, FAILED
from flatdiff.measures.request import Request
from flatdiff.system.access import Action, may, serves_others
from flatdiff.system.span import Span, duration, in_words, longest
from pages.shared.about import about
from pages.shared.looks import (
    FIRST_LOOK_S,
    LOOK_S,
    details,
    note_press,
    pressed_just_now,
    stage_of,
    wait_for_a_picture,
)
from pages.shared.plain import plain

# Where a server has guests: what one of them may have going at a time, in presses of Run.
MAX_RUNS = 3
RUNS = "runs"  # in the session: the keys that each press of Run began
REFUSED = "refused"  # in the session: what to say instead of running


def job_panel(
    requests: Sequence[Request], *, primary: bool = True, stored: DeltaGenerator | None = None
) -> list[Handle]:
    """Show where some requests stand and let the person run, stop or repeat them.

    Args:
        requests: what the page needs together.
        primary: whether Ctrl+Enter runs this panel; only one on a page can be.
        stored: where it is said that all of it is; default: here.

    Returns:
        A handle each; their results may be partial or empty.
    """
    shared_engine().require_running()
    handles = [shared_engine().handle(request) for request in requests]
    _do_what_was_asked(handles)
    if refused := st.session_state.pop(REFUSED, ""):
        st.warning(refused)
    known = _progress_of(handles)
    if any(progress.active for progress in known):
        _running(handles, stage_of(known), details(handles))
    elif len(known) == len(handles) and all(p.state == "done" for p in known):
        with stored or st.container():
            _stored(handles, known)
    else:
        _ready(handles, known, primary)
    return handles


def _progress_of(handles: Sequence[Handle]) -> list[Progress]:
    """Of those that were ever asked for, in one look at what else is being computed."""
    jobs = shared_engine().store.jobs_of(handle.key for handle in handles)
    return shared_engine().progress([jobs[h.key] for h in handles if h.key in jobs])


def _ready(handles: Sequence[Handle], known: Sequence[Progress], primary: bool) -> None:
    """Cost, Run, and what went wrong last time."""
    engine = shared_engine()
    for handle in handles:
        job = handle.job()
        if job is not None and job.state == FAILED:
            st.error(f"{plain(handle.request.checkpoint)}: {plain(job.error or '')}")
    if any(progress.state == "cancelled" for progress in known):
        done, total = sum(p.done for p in known), sum(p.total for p in known)
        st.caption(f"Cancelled at {done} of {total} evaluations; Run continues from there.")
    estimate = engine.estimate([handle.request for handle in handles])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run",
            key=f"run-{_name(handles)}",
            type="primary",
            icon=":material/play_arrow:",
            shortcut="Ctrl+Enter" if primary else None,
            on_click=_ask,
            args=(handles, _run),
        )
        least = "at least " if estimate.open_ended else ""
        st.caption(f"{least}{estimate.evaluations:,} evaluations, {_cost(estimate.seconds)}")


def _name(handles: Sequence[Handle]) -> str:
    """Tells the buttons of two panels on one page apart."""
    return handles[0].request.measure


def _cost(seconds: Span | None) -> str:
    if seconds is None:
        return "time unknown: the speed of this machine is not measured yet"
    return f"{in_words(seconds)} on this machine"


def _running(handles: Sequence[Handle], stage: int, drawn: int) -> None:
    """Progress; the page itself is drawn again only when there is more to see."""
    eager = not drawn and pressed_just_now()

    @st.fragment(run_every=FIRST_LOOK_S if eager else LOOK_S)
    def watch() -> None:
        if eager:
            wait_for_a_picture(handles)
        found = _progress_of(handles)
        finer = details(handles) > drawn or (drawn and stage_of(found) != stage)
        over = not any(progress.active for progress in found)
        if finer or over or (eager and not pressed_just_now()):
            st.rerun()
        done, total = sum(p.done for p in found), sum(p.total for p in found)
        st.progress(min(done / max(total, 1), 1.0), text=_progress_text(found, done, total))
        wanted = [handle for handle in handles if handle.key not in _left()]
        for handle in wanted:
            handle.look(_watcher())
        if any(map(_may_cancel, wanted)):
            st.button(
                "Cancel",
                key=f"cancel-{_name(handles)}",
                icon=":material/stop:",
                on_click=_cancel,
                args=(handles,),
            )
        else:
            why = "Somebody else began this" if wanted else "Others wait for this too"
            st.caption(f"{why}: it goes on for them, and shows here when done.")

    watch()


def _watcher() -> str:
    """A name for this session, by which its Cancel is told from that of others."""
    return st.session_state.setdefault("watcher", uuid4().hex)


def _left() -> set[str]:
    """Keys of jobs that this session has cancelled and others have not."""
    return st.session_state.setdefault("left", set())


def _progress_text(found: Sequence[Progress], done: int, total: int) -> str:
    active = [progress for progress in found if progress.active]
    parts = [f"{done:,} of {total:,} evaluations"]
    rates = [progress.rate for progress in active if progress.rate]
    if rates:
        parts.append(speed(sum(rates) / len(rates)))
    left = longest(progress.eta for progress in active)
    parts.append(f"{in_words(left)} left" if left else "measuring the speed")
    ahead = max((progress.queue_position for progress in active), default=0)
    if ahead and not done:
        parts.append(f"{ahead} ahead in the queue")
    return " · ".join(parts)


def speed(rate: float) -> str:
    """Evaluations in a time that makes them a number.

    >>> speed(24.3), speed(0.02)
    ('24.3 a second', '1.2 a minute')
    """
    return f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"


def _stored(handles: Sequence[Handle], known: Sequence[Progress]) -> None:
    """When it was computed, and Recompute."""
    seconds = sum(progress.seconds for progress in known)
    times = [progress.finished_at for progress in known if progress.finished_at]
    when = f"computed {moment(max(times))}, " if times else ""
    row = f"stored-{_name(handles)}"
    with st.container(horizontal=True, vertical_alignment="center", key=row):
        st.caption(f"From store, {when}{duration(seconds)} of computing.")
        if may(Action.RECOMPUTE):
            st.button(
                "Recompute",
                key=f"recompute-{_name(handles)}",
                icon=":material/refresh:",
                type="tertiary",
                on_click=_ask,
                args=(handles, _recompute),
            )


# Callbacks run before the page does, so that a click is never lost to a page that decides to draw
# itself again first. What Run and Recompute do is done by the page all the same: a callback knows
# the settings that stood there when its button was last drawn, and not the number that was typed
# a moment before the click.


def _asked_by(handles: Sequence[Handle]) -> str:
    """Where the session keeps what a panel's button was pressed for, until the page does it."""
    return f"asked-{_name(handles)}"


def _ask(handles: Sequence[Handle], action: Callable[[Sequence[Handle]], None]) -> None:
    st.session_state[_asked_by(handles)] = action, _checkpoints(handles)


def _do_what_was_asked(handles: Sequence[Handle]) -> None:
    """Unless none of the checkpoints is left that the button was pressed for.

    Ctrl+Enter in a dialog reaches the page behind it, which may come back with another one.
    """
    action, pressed_for = st.session_state.pop(_asked_by(handles), (None, set()))
    if action is not None and pressed_for & _checkpoints(handles):
        note_press()
        action(handles)


def _checkpoints(handles: Sequence[Handle]) -> set[str]:
    return {handle.request.checkpoint for handle in handles}


def _run(handles: Sequence[Handle]) -> None:
    if not _may_run(handles):
        return
    for handle in handles:
        _left().discard(handle.key)
        shared_engine().submit(handle.request)


def _may_run(handles: Sequence[Handle]) -> bool:
    """Whether this session may have one more computation; notes it, or why not."""
    active = {job.key for job in shared_engine().store.jobs(ACTIVE)}
    runs = [keys for keys in st.session_state.get(RUNS, []) if active.intersection(keys)]
    if serves_others() and len(runs) >= MAX_RUNS:
        st.session_state[REFUSED] = (
            f"You have {MAX_RUNS} computations going, which is what one visitor may have here: "
            "wait for one, or cancel it on its page."
        )
        return False
    # What goes on already is somebody else's, and stays so.
    own = [handle.key for handle in handles if handle.key not in active]
    st.session_state[RUNS] = [*runs, own]
    return True


def _may_cancel(handle: Handle) -> bool:
    """Whether this session may stop it, where nobody else waits for it."""
    own = {key for keys in st.session_state.get(RUNS, []) for key in keys}
    return may(Action.CANCEL_ANY) or (may(Action.CANCEL_OWN) and handle.key in own)


def _cancel(handles: Sequence[Handle]) -> None:
    for handle in filter(_may_cancel, handles):
        if handle.leave(_watcher()):
            _left().add(handle.key)


def _recompute(handles: Sequence[Handle]) -> None:
    if not _may_run(handles):
        return
    for handle in handles:
        _left().discard(handle.key)
        shared_engine().recompute(handle.request)


def nothing_yet(handles: Sequence[Handle], how: str) -> NoReturn:
    """Say why a page has no picture yet, and end it."""
    found = [job for handle in handles if (job := handle.job()) is not None]
    if any(job.state in ACTIVE for job in found):
        st.info("Computing: the first results appear here in a moment.")
    elif any(job.state == DONE for job in found):
        st.error(
            "Everything was computed and no loss is a finite number: the weights hold NaN or "
            "infinity, or the perturbation is far too large. Check the checkpoint, or go less far."
        )
    else:
        st.info(f"Nothing computed for this view yet: {how}")
    about(handles[0].request.measure)
    st.stop()


def moment(timestamp: float) -> str:
    """A time in the reader's own zone."""
    zone = ZoneInfo(st.context.timezone) if st.context.timezone else None
    return datetime.fromtimestamp(timestamp, zone).strftime("%-d %b %Y, %H:%M")
