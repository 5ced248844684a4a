"""The runs of the Train page: where each stands, its buttons, and the losses of some together."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from flatdiff.checkpoints.averages import METHODS
from flatdiff.checkpoints.card import Card
from flatdiff.system.access import Action, may
from flatdiff.training import launcher
from flatdiff.training.run_folder import TrainingRun
from flatdiff.training.run_history import HistoryRow, common_width, thinned
from flatdiff.views.training import LossCurve, loss_curves
from pages.gallery.new_run import attempt
from pages.shared.choose import plain
from pages.shared.job import duration, speed
from pages.shared.rows import in_rows

GALLERY = Path(__file__).with_name("checkpoints.py")
FAMILY_DASHES = ("solid", "longdash", "dashdot", "longdashdot")
CURVE_POINTS = 120
CURVES_SHOWN = 6
RUNS_SHOWN = 4

Losses = dict[str, Sequence[HistoryRow]]  # by `<family>/<method>`


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
                st.page_link(
                    st.Page(GALLERY, default=True),
                    label="Checkpoint",
                    icon=":material/grid_view:",
                    query_params={"card": run.checkpoints[0]},
                )
            _command(run)


def _standing(run: TrainingRun, total: int) -> str:
    """Progress in words."""
    steps = f"{run.step:,} of {total:,} steps"
    saved = "nothing saved yet" if run.saved_step is None else f"saved at {run.saved_step:,}"
    if run.state == "running":
        rate = run.history.rate
        pace = (
            [speed(rate), f"{duration((total - run.step) / rate)} left"]
            if rate
            else ["measuring the speed"]
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


def losses_of(runs: Sequence[TrainingRun], cards: Sequence[Card]) -> Losses:
    """Of runs, and of finished ones of which only the checkpoint is left."""
    found: Losses = {run.id: run.history.rows for run in runs}
    for card in cards:
        if card.weights == "raw" and card.name in METHODS and card.loss_history:
            found.setdefault(card.id, _rows_of(card))
    return {name: rows for name, rows in found.items() if rows}


def _rows_of(card: Card) -> list[HistoryRow]:
    """A card keeps means of a hundred steps, and no single batch."""
    rows, before = [], 0
    for step, loss in card.loss_history:
        rows.append(HistoryRow(int(step), int(step) - before, loss, loss, loss, 0.0))
        before = int(step)
    return rows


def choose_curves(runs: Sequence[TrainingRun], losses: Losses) -> list[str]:
    """Which losses are drawn: own runs before anybody chooses, else those that came along."""
    own = [run.id for run in runs]
    options = list(dict.fromkeys([*own, *losses]))
    new = [name for name in st.session_state.pop("new", []) if name in options]
    if new:  # take the place of what was shown for want of own runs
        before = [name for name in st.session_state.get("curves", []) if name in own]
        st.session_state["curves"] = list(dict.fromkeys([*before, *new]))
    default = None if "curves" in st.session_state else (own or options)[:CURVES_SHOWN]
    return st.multiselect("Losses of", options, default, key="curves", bind="query-params")


def show_losses(losses: Losses, chosen: Sequence[str]) -> None:
    """The chart, what is smoothed in it, and its numbers."""
    shown = {name: losses[name] for name in chosen if name in losses}
    if not shown:
        st.info("No losses yet: they appear here as soon as a run takes its first steps.")
        return
    width = common_width(list(shown.values()), CURVE_POINTS)
    families = list(dict.fromkeys(name.split("/")[0] for name in shown))
    curves = [_curve(name, rows, width, families) for name, rows in shown.items()]
    st.plotly_chart(loss_curves(curves), key="losses", alt="Training loss by step, a line a run")
    every = f"the mean of every {width:,} steps" if width > 1 else "every step"
    st.caption(
        f"Line: {every}, of single batches of training. Band: from the least to the greatest "
        "batch among them, where the run's own history is there; a rare batch far above is cut "
        "off until you double-click. Colour: method. Dashes: name."
    )
    with st.expander("Numbers"):
        columns = ("step", "loss", "low", "high")
        tables = [
            pd.DataFrame({c: getattr(curve, c) for c in columns}).assign(run=curve.title)
            for curve in curves
        ]
        table = pd.concat(tables).set_index("run").reset_index()
        st.dataframe(table, hide_index=True, alt="The losses behind the chart")


def _curve(name: str, rows: Sequence[HistoryRow], width: int, families: list[str]) -> LossCurve:
    family, _, method = name.partition("/")
    title = f"{METHODS.get(method, method)} ({family})"
    dash = FAMILY_DASHES[families.index(family) % len(FAMILY_DASHES)]
    return LossCurve(title, method, dash, *thinned(rows, width))
