"""The runs of the Train page: where each stands, and its buttons."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from flatdiff.checkpoints.averages import METHODS
from flatdiff.system.access import Action, may
from flatdiff.system.span import in_words
from flatdiff.training import launcher
from flatdiff.training.run_cost import time_left
from flatdiff.training.run_folder import TrainingRun
from flatdiff.training.sweep import Sweep, go_on, list_sweeps, standing_among, stop_sweep
from pages.gallery.new_run import attempt
from pages.shared.job import speed
from pages.shared.page_list import CHECKPOINTS
from pages.shared.plain import plain
from pages.shared.rows import in_rows

RUNS_SHOWN = 4


def show_runs(runs: Sequence[TrainingRun]) -> None:
    """What goes on, and the latest of the others; the rest folded away."""
    alive = sum(run.alive for run in runs)
    first = max(alive, RUNS_SHOWN)
    for column, run in in_rows(runs[:first], 2):
        with column:
            show_run(run)
    if rest := runs[first:]:
        with st.expander(f"{len(rest)} earlier"):
            for run in rest:
                show_run(run)


def show_sweeps(root: Path, runs: Sequence[TrainingRun]) -> None:
    """How far each is, with Stop or Continue for all its runs, which are among those given."""
    for sweep, conducted in list_sweeps(root):
        standing = standing_among(sweep, runs)
        if standing.done == standing.num_runs:
            continue
        name = sweep.common.out.name
        failed = f", {len(standing.failed)} failed" if standing.failed else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"Sweep **{plain(name)}**: {standing.done} of {standing.num_runs} runs done, "
                f"{len(standing.alive)} going on{failed}"
            )
            if conducted and may(Action.STOP_RUN):
                _sweep_button("Stop all", ":material/stop:", stop_sweep, sweep)
            if not conducted and may(Action.START_RUN):
                _sweep_button("Continue all", ":material/play_arrow:", go_on, sweep)


def _sweep_button(label: str, icon: str, action: Callable[[Sweep], None], sweep: Sweep) -> None:
    key = f"{label}-{sweep.common.out.name}"
    st.button(label, key=key, icon=icon, on_click=attempt, args=(action, sweep))


def show_run(run: TrainingRun) -> None:
    """One run: its name, how far it is, what can be done."""
    total = run.steps or run.step
    with st.container(border=True):
        st.markdown(f"**{plain(run.id)}**, {plain(METHODS.get(run.method, run.method))}")
        if run.state == "failed":
            st.error(f"It ended before its time: {plain(run.reason)}")
        st.progress(min(run.step / max(total, 1), 1.0), text=_standing(run, total))
        with st.container(horizontal=True, vertical_alignment="center"):
            _buttons(run)
            if run.checkpoints:
                CHECKPOINTS.link("Checkpoint", card=run.checkpoints[0])
            _command(run)


def _standing(run: TrainingRun, total: int) -> str:
    """Progress in words."""
    steps = f"{run.step:,} of {total:,} steps"
    saved = "nothing saved yet" if run.saved_step is None else f"saved at {run.saved_step:,}"
    if run.state == "running":
        rate = run.history.rate
        left = time_left(run.history.rows, run.history.began_step, total)
        pace = (
            [speed(rate), f"{in_words(left)} left"] if rate and left else ["measuring the speed"]
        )
        return " · ".join([steps, *pace, saved])
    words = {
        "waiting": f"waiting for a free processor core · {saved}",
        "starting": f"starting · {saved}",
        "done": f"done: {steps}",
        "stopped": f"stopped at {steps}, all of it saved",
        "failed": f"{steps} are saved" if run.saved_step else saved,
    }
    return words[run.state]


def _buttons(run: TrainingRun) -> None:
    if run.alive:
        _stop_button(run)
        return
    if run.options is not None and run.state != "done" and may(Action.CONTINUE_RUN):
        st.button(
            "Continue",
            key=f"continue-{run.id}",
            icon=":material/play_arrow:",
            on_click=attempt,
            args=(launcher.resume, run),
        )
    if may(Action.DELETE_RUN):
        _delete_button(run)


def _stop_button(run: TrainingRun) -> None:
    if may(Action.STOP_RUN):
        st.button(
            "Stop",
            key=f"stop-{run.id}",
            icon=":material/stop:",
            help="Saves the state and ends; Continue goes on from there with the same result.",
            on_click=attempt,
            args=(launcher.stop, run),
        )


def _delete_button(run: TrainingRun) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(
            "Its saved state, history and log are deleted, and it can not be continued. "
            "Checkpoints stay."
        )
        st.button(
            "Delete this run",
            key=f"delete-{run.id}",
            type="primary",
            on_click=attempt,
            args=(launcher.delete, run),
        )


def _command(run: TrainingRun) -> None:
    """The same on the command line."""
    with st.popover("Command", icon=":material/terminal:"):
        if run.options is None:
            st.markdown(
                "It was begun by an older program, or its options are damaged: continue it with "
                "the command that began it, and `--resume`."
            )
            return
        more = [] if run.state == "done" else launcher.resume_flags(run)
        st.markdown(
            "What made it:"
            if run.state == "done"
            else "The same in a terminal, in the project's folder; stop it here first:"
            if run.alive
            else "Continues it in a terminal, in the project's folder:"
        )
        st.code(launcher.shown(run.options).command(*more), language="bash", wrap_lines=True)
