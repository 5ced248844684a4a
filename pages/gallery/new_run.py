"""The form of the Train page: what is to be trained, what it costs, Start."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from flatdiff import launcher
from flatdiff.cards import Card
from flatdiff.config import BaseMethod
from flatdiff.engine import shared_engine
from flatdiff.errors import FlatdiffError
from flatdiff.recipe import PRESETS, Recipe
from flatdiff.requests import architecture_of
from flatdiff.run_cost import cost
from flatdiff.run_folders import TrainingRun
from flatdiff.run_options import RunOptions
from flatdiff.turns import num_turns
from pages.shared.choose import plain, whole_number
from pages.shared.job import duration

BASES: dict[BaseMethod, str] = {"adm": "ADM", "ip": "+IP", "sam": "+SAM"}


def number(title: str, key: str, preset: float | None, help_text: str, **bounds: Any) -> Any:
    """A setting that may be left to the preset, whose value stands in the empty box."""
    shown = "never" if preset is None else f"{preset:g}"
    return st.number_input(
        title,
        value=None,
        placeholder=shown,
        key=key,
        bind="query-params",
        help=f"{help_text} Left empty: {shown}.",
        **bounds,
    )


def recipe_settings(preset: str, steps: int | None) -> dict[str, Any]:
    """The rest of a recipe, folded away; None leaves a setting to the preset."""
    base = RunOptions(out=Path(), preset=preset, steps=steps).recipe()
    whole: dict[str, Any] = {"min_value": 1, "max_value": 10_000_000, "step": 1}
    real: dict[str, Any] = {"min_value": 0.0, "format": "%g"}
    chosen: dict[str, Any] = {}
    with st.expander("More settings"):
        left, right = st.columns(2)
        with left:
            chosen["batch_size"] = number(
                "Batch size", "batch", base.batch_size, "Images a step.", **whole
            )
            chosen["learning_rate"] = number(
                "Learning rate", "lr", base.learning_rate, "Of Adam, constant.", **real
            )
            chosen["sam_rho"] = number(
                "SAM radius ρ",
                "sam_rho",
                base.sam_rho,
                "How far +SAM climbs in weight space before it takes its gradient.",
                **real,
            )
            chosen["input_perturbation"] = number(
                "IP strength γ",
                "input_perturbation",
                base.input_perturbation,
                "Of the extra noise on the input of +IP, in units of the noise.",
                **real,
            )
            chosen["num_threads"] = whole_number(
                "Processor threads", "threads", 1, 1, 64, help_text="Of each run."
            )
        with right:
            chosen["ema_decay"] = number(
                "EMA decay", "ema", base.ema_decay, "Share of the old average kept a step.", **real
            )
            chosen["swa_start_step"] = number(
                "SWA from step",
                "swa_start",
                base.swa_start_step,
                "The first step whose weights enter the mean.",
                **whole,
            )
            chosen["swa_every_steps"] = number(
                "SWA every", "swa_every", base.swa_every_steps, "Steps between models.", **whole
            )
            chosen["save_every_steps"] = whole_number(
                "Save every", "save", 500, 1, 1_000_000, help_text="What a crash can cost at most."
            )
            chosen["keep_every_steps"] = number(
                "Keep every",
                "keep",
                None,
                "So often the raw weights become a checkpoint of their own, to see a run's way.",
                **whole,
            )
    return chosen


def choose_runs(root: Path) -> list[RunOptions]:
    """The options of each run that is to be started; none where a choice is impossible."""
    columns = st.columns([2, 3, 2, 2, 2])
    preset = columns[0].selectbox("Preset", list(PRESETS), key="preset", bind="query-params")
    methods = columns[1].pills(
        "Methods",
        list(BASES),
        format_func=BASES.__getitem__,
        selection_mode="multi",
        default=["adm", "sam"],
        key="methods",
        bind="query-params",
        help="+IP perturbs the input; +SAM climbs before each step, which takes two gradients.",
    )
    name = columns[2].text_input(
        "Name",
        st.session_state.setdefault("free_name", launcher.free_name(root)),
        key="name",
        bind="query-params",
        help="The folder of the checkpoints; runs of several methods share one.",
    )
    with columns[3]:
        steps = number(
            "Steps",
            "steps",
            RunOptions(out=Path(), preset=preset).recipe().steps,
            "Optimizer steps.",
            min_value=1,
            max_value=10_000_000,
            step=1000,
        )
    with columns[4]:
        seed = whole_number(
            "Seed", "run_seed", 0, 0, 2**31 - 1, help_text="Of weights, data order and noise."
        )
    settings = recipe_settings(preset, steps)
    if not methods:
        st.info("Choose at least one method.")
        return []
    try:
        out = launcher.family_folder(root, (name or "").strip())
        return [
            RunOptions(out=out, preset=preset, method=m, steps=steps, seed=seed, **settings)
            for m in BASES
            if m in methods
        ]
    except FlatdiffError as error:
        st.warning(plain(str(error)))
        return []


def startable(root: Path, chosen: Sequence[RunOptions]) -> list[RunOptions]:
    """Those that nothing stands in the way of; a sentence for each other."""
    free = []
    for options in chosen:
        try:
            launcher.refuse_start(root, options)
            free.append(options)
        except FlatdiffError as error:
            st.caption(f":material/info: {plain(str(error))}.")
    return free


def cost_text(recipes: Sequence[Recipe], runs: Sequence[TrainingRun], cards: list[Card]) -> str:
    """Steps and time of some runs, as many at once as there are cores."""
    known = {card.flags: architecture_of(card) for card in cards}
    rates = shared_engine().store.rates()
    total = sum(recipe.steps for recipe in recipes)
    counted = f"{len(recipes)} run{'s' if len(recipes) > 1 else ''}, {total:,} steps"
    costs = []
    for recipe in recipes:
        architecture = known.get(recipe.flags)
        forward = rates.of(architecture, "surface") if architecture else None
        costs.append(cost(recipe, runs, forward))
    if any(c is None for c in costs):
        return f"{counted}; no time is known for this network here until its first run has begun"
    seconds = [c.seconds for c in costs if c]
    wall = max(max(seconds), sum(seconds) / num_turns())
    how = "by the speed of runs before" if all(c and c.measured for c in costs) else "roughly"
    return f"{counted}, about {duration(wall)} on this machine, {how}"


def attempt(action: Callable[..., None], *arguments: Any) -> None:
    """Do it, or keep the sentence for the page that follows."""
    try:
        action(*arguments)
    except FlatdiffError as error:
        st.session_state.setdefault("refused", []).append(str(error))


def new_runs(root: Path, runs: Sequence[TrainingRun], cards: list[Card]) -> None:
    """Choose, see the cost, start."""
    free = startable(root, choose_runs(root))
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            key="start_runs",
            disabled=not free,
            shortcut="Ctrl+Enter",
        )
        if free:
            st.caption(cost_text([options.recipe() for options in free], runs, cards))
    st.caption(
        f"Up to {num_turns()} at once, one a processor core; others wait for their turn. A run "
        "goes on when this page is closed and when the server ends, and takes the processor time "
        "that nobody else wants."
    )
    if wanted:
        with st.spinner("Starting"):
            for options in free:
                attempt(launcher.start, root, options)
        st.session_state["new"] = [f"{o.out.name}/{o.method}" for o in free]
        st.rerun()
