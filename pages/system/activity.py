"""Activity: what is being computed, what was, and what the store holds."""

import streamlit as st

from flatdiff.engine.engine import shared_engine
from flatdiff.engine.store import ACTIVE, Job
from flatdiff.system.access import Action, may
from flatdiff.system.span import duration, in_words
from pages.shared.job import moment
from pages.shared.plain import plain

FINISHED_SHOWN = 50


@st.fragment(run_every=1.0)
def running() -> None:
    """Queued and running jobs, each with a way to stop it."""
    engine = shared_engine()
    jobs = engine.store.jobs(ACTIVE)
    if not jobs:
        st.caption("Nothing is being computed. Run something on a page under Measure.")
    for job, progress in zip(jobs, engine.progress(jobs), strict=True):
        name = f"{job.request.measure} of {plain(job.request.checkpoint)}"
        left = f", {in_words(progress.eta)} left" if progress.eta is not None else ""
        bar, stop = st.columns([5, 1], vertical_alignment="center")
        bar.progress(
            min(progress.done / max(progress.total, 1), 1.0),
            text=f"{name}: {progress.state}, {progress.done} of {progress.total}{left}",
        )
        if may(Action.CANCEL_ANY):
            stop.button(
                "Cancel",
                key=f"cancel-{job.key}",
                icon=":material/stop:",
                help="Stops it for everybody who waits for it; what is done is kept.",
                on_click=engine.handle(job.request).cancel,
            )


def as_row(job: Job) -> dict[str, object]:
    """A finished job as the table shows it."""
    return {
        "measure": job.request.measure,
        "checkpoint": job.request.checkpoint,
        "state": job.state,
        "evaluations": f"{job.num_done} of {job.num_items}",
        "computing": duration(job.seconds),
        "ended": moment(job.finished_at) if job.finished_at else "",
        "reason": job.error or "",
    }


st.title("Activity")
st.subheader("Running and queued", divider="gray")
running()

engine = shared_engine()
finished = [job for job in reversed(engine.store.jobs()) if job.state not in ACTIVE]
st.subheader(f"Finished: {len(finished)}", divider="gray")
if finished:
    st.dataframe(
        [as_row(job) for job in finished[:FINISHED_SHOWN]], hide_index=True, alt="Finished jobs"
    )
    if len(finished) > FINISHED_SHOWN:
        st.caption(f"The latest {FINISHED_SHOWN} are shown.")

st.subheader("Store", divider="gray")
size = engine.store.database.size_bytes() / 1e6
st.markdown(f"{size:.1f} MB in `{engine.store.database.path}`")
for damaged in engine.store.database.damaged_files():
    st.warning(
        f"An earlier store was damaged and is kept as `{damaged}`; what could be read was taken "
        "over, the rest is computed again when asked for. Delete the file when you like."
    )
if may(Action.CLEAR):
    sure = st.checkbox("I want to delete every finished result; running jobs stay", key="sure")
    if st.button("Clear the store", disabled=not sure, icon=":material/delete:"):
        engine.clear()
        st.rerun()
