"""The charts of the Train page: losses, flatness and samples of some runs, along their steps."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import pandas as pd
import streamlit as st

from flatdiff.checkpoints.averages import METHODS
from flatdiff.checkpoints.card import Card
from flatdiff.measures.along_run import LPF, NUM_SAMPLING_STEPS, PANEL_SIZE
from flatdiff.training.evaluations import (
    Evaluation,
    read_evaluations,
    read_samples,
    share_of_time,
    spread,
)
from flatdiff.training.run_folder import TrainingRun
from flatdiff.training.run_history import HistoryRow, common_width, thinned
from flatdiff.views.evaluations import Shown, flatness_curves, sample_strip
from flatdiff.views.training import SCALES, Look, LossCurve, Scale, looks, loss_curves
from pages.shared.choose import carry
from pages.shared.folded import folded
from pages.shared.plain import plain
from pages.shared.steady_chart import steady_chart

CURVE_POINTS = 400
CURVES_SHOWN = 6
STRIP_COLUMNS = 12
FLATNESS: dict[Shown, str] = {"lpf": "LPF", "gap": "rise"}
SMOOTHING = 0.6  # as TensorBoard begins
PINNED = "pinned_runs"  # in the session: goes along from page to page

Losses = dict[str, Sequence[HistoryRow]]  # by `<family>/<method>`
Evaluations = dict[str, Sequence[Evaluation]]


@dataclass(frozen=True)
class Chosen:
    """What somebody wants to see."""

    runs: tuple[str, ...]  # in the order of the legend
    smoothing: float = 0.0
    scale: Scale = "log"
    shown: Shown = "lpf"
    samples_of: str | None = None


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


def evaluations_of(runs: Sequence[TrainingRun]) -> Evaluations:
    """Of those that have some."""
    found = {run.id: read_evaluations(run.folder.evaluations) for run in runs}
    return {name: evaluations for name, evaluations in found.items() if evaluations}


def choose_charts(runs: Sequence[TrainingRun], losses: Losses) -> Chosen:
    """Which runs, and how they are drawn."""
    names = _choose_runs(runs, losses)
    evaluated = [name for name in evaluations_of(runs) if name in names]
    place = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    with place:
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            SMOOTHING,
            0.01,
            key="smoothing",
            bind="query-params",
            width=240,
            help="Weight of the past in an exponential moving average of the loss, without a "
            "bias to zero. What is smoothed stays behind, faint; 0 smooths nothing.",
        )
        scale: Scale = st.segmented_control(
            "Loss axis", SCALES, default="log", required=True, key="loss_axis", bind="query-params"
        )
        if not evaluated:
            return Chosen(tuple(names), smoothing, scale)
        shown: Shown = st.segmented_control(
            "Flatness",
            list(FLATNESS),
            default="lpf",
            format_func=FLATNESS.__getitem__,
            required=True,
            key="flatness",
            bind="query-params",
            help="LPF: the mean loss under noise on the weights. Rise: how far that is above the "
            "loss without noise.",
        )
        samples_of = st.selectbox(
            "Samples of", evaluated, key="samples_of", bind="query-params", width=240
        )
    return Chosen(tuple(names), smoothing, scale, shown, samples_of)


def _choose_runs(runs: Sequence[TrainingRun], losses: Losses) -> list[str]:
    """Pinned ones first; the others own runs before anybody chooses, else what came along."""
    own = [run.id for run in runs]
    names = list(dict.fromkeys([*own, *losses]))
    left, right = st.columns([3, 2])
    with right:
        pinned = _choose_pinned(names)
    _take_new(own)
    default = None if "curves" in st.session_state else (own or names)[:CURVES_SHOWN]
    with left:
        options = list(dict.fromkeys([*pinned, *names]))
        chosen = st.multiselect("Runs", options, default, key="curves", bind="query-params")
    return list(dict.fromkeys([*pinned, *chosen]))


def _choose_pinned(names: Sequence[str]) -> list[str]:
    """Kept from page to page."""
    carry("pinned", [name for name in st.session_state.get(PINNED, []) if name in names])
    pinned = st.multiselect(
        "Pinned",
        names,
        key="pinned",
        bind="query-params",
        placeholder="None",
        help="Shown first, whatever else is chosen; kept in the link and from page to page.",
    )
    st.session_state[PINNED] = pinned
    return pinned


def _take_new(own: Sequence[str]) -> None:
    """What was just started takes the place of what was shown for want of own runs."""
    new = [name for name in st.session_state.pop("new", []) if name in own]
    if new:
        before = [name for name in st.session_state.get("curves", []) if name in own]
        st.session_state["curves"] = list(dict.fromkeys([*before, *new]))


def show_charts(runs: Sequence[TrainingRun], losses: Losses, chosen: Chosen) -> None:
    """Losses, flatness beside them, samples below, and all numbers."""
    drawn = {name: losses[name] for name in chosen.runs if name in losses}
    if not drawn:
        st.info("No losses yet: they appear here as soon as a run takes its first steps.")
        return
    every = evaluations_of(runs)
    evaluated = {name: every[name] for name in drawn if name in every}
    look = looks(list(drawn))
    width = common_width(list(drawn.values()), CURVE_POINTS)
    curves = [LossCurve(name, look[name], *thinned(rows, width)) for name, rows in drawn.items()]
    places = st.columns(2 if evaluated else 1)
    with places[0]:
        _show_losses(curves, width, chosen)
    if evaluated:
        with places[1]:
            _show_flatness(evaluated, look, chosen)
            st.caption(_cost(runs, evaluated))
        _show_samples(runs, chosen.samples_of)
    folded("Numbers", partial(_numbers, curves, evaluated), "numbers-runs")


def _show_losses(curves: Sequence[LossCurve], width: int, chosen: Chosen) -> None:
    steady_chart(
        loss_curves(curves, chosen.smoothing, chosen.scale),
        key="losses",
        alt="Training loss by step, a line a run",
    )
    every = f"means of {width:,} steps" if width > 1 else "every step"
    smooth = ", smoothed; without that, faint and in the crosshair's brackets"
    st.caption(
        f"Line: {every}{smooth if chosen.smoothing else ''}. "
        "Band: from the least to the greatest batch, where the run's own history is there; a rare "
        "one far above is cut off until you double-click. A click in the legend hides a run."
    )


def _show_flatness(evaluated: Evaluations, look: dict[str, Look], chosen: Chosen) -> None:
    found = {name: (look[name], each) for name, each in evaluated.items()}
    steady_chart(
        flatness_curves(found, chosen.shown, chosen.scale),
        key="flatness_chart",
        alt="Flatness by step, a line a run",
    )


def _cost(runs: Sequence[TrainingRun], evaluated: Evaluations) -> str:
    """What is shown, and what it took."""
    shares = {
        run.id: share
        for run in runs
        if (share := share_of_time(run.history, evaluated.get(run.id, ()))) is not None
    }
    took = ", ".join(f"{plain(name)} {share:.1%}" for name, share in shares.items())
    return (
        f"Raw weights on {PANEL_SIZE} held-out images, dropout off; filter-relative noise of "
        f"σ {LPF.lpf_sigma:g}. Band: ± one standard error over {LPF.num_pairs} antithetic pairs, "
        "the same for every step and run."
        + (f" Time that evaluations took of the whole: {took}." if took else "")
    )


def _show_samples(runs: Sequence[TrainingRun], name: str | None) -> None:
    """A strip of the run that is chosen."""
    run = next((run for run in runs if run.id == name), None)
    if run is None:
        return
    steps = [e.step for e in read_evaluations(run.folder.evaluations)]
    found = {
        step: samples
        for step in spread(steps, STRIP_COLUMNS)
        if (samples := read_samples(run.folder.evaluations, step)) is not None
    }
    if not found:
        return
    st.markdown(f"**Samples of {plain(run.id)}**")
    alt = f"Samples of {run.id} after {len(found)} numbers of steps, a column each"
    steady_chart(sample_strip(found), key="strip", alt=alt)
    st.caption(
        f"A column a step, a row a noise: the same x_T and the same {NUM_SAMPLING_STEPS} sampling "
        "steps through the raw weights."
    )


def _numbers(curves: Sequence[LossCurve], evaluated: Evaluations) -> None:
    columns = ("step", "loss", "low", "high")
    tables = [
        pd.DataFrame({c: getattr(curve, c) for c in columns}).assign(run=curve.run)
        for curve in curves
    ]
    table = pd.concat(tables).set_index("run").reset_index()
    st.dataframe(table, hide_index=True, alt="The losses behind the chart")
    if evaluated:
        rows = [
            {"run": name, **asdict(e), "gap": e.gap}
            for name, each in evaluated.items()
            for e in each
        ]
        alt = "The evaluations behind the chart"
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=alt)
