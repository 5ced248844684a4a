"""The form of the Train page: what is to be trained, what it costs, Start."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from flatdiff.checkpoints.averages import BASES
from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.recipe import PRESETS, BaseMethod, Recipe
from flatdiff.engine.engine import shared_engine
from flatdiff.errors import FlatdiffError
from flatdiff.images.listing import look_before_training
from flatdiff.images.named import dataset_name
from flatdiff.measures.along_run import expected_share, usual_every_steps
from flatdiff.measures.request import architecture_of
from flatdiff.system.processor import num_cores
from flatdiff.system.span import Span, in_words
from flatdiff.training import launcher
from flatdiff.training.run_cost import cost
from flatdiff.training.run_folder import TrainingRun
from flatdiff.training.run_options import RunOptions
from pages.gallery.run_settings import (
    WHOLE,
    advanced_settings,
    more_settings,
    number,
    settings_of,
)
from pages.shared.choose import whole_number
from pages.shared.plain import plain

NARROW, WIDE = 128, 220  # pixels of one setting; all stand in one row of a laptop
EXAMPLE_GPUS = 2  # of the line for several; whoever copies it writes another number


def choose_methods() -> list[BaseMethod]:
    """In the order of the paper."""
    chosen = st.pills(
        "Methods",
        list(BASES),
        format_func=BASES.__getitem__,
        selection_mode="multi",
        default=["adm", "sam"],
        key="methods",
        bind="query-params",
        help="+IP perturbs the input; +SAM climbs before each step, which takes two gradients.",
    )
    return [method for method in BASES if method in chosen]


def choose_name(root: Path) -> str:
    """Of the folder, as typed."""
    name = st.text_input(
        "Name",
        st.session_state.setdefault("free_name", launcher.free_name(root)),
        key="name",
        bind="query-params",
        help="The folder of the checkpoints; runs of several methods share one.",
    )
    return (name or "").strip()


def choose_steps(preset: str) -> int | None:
    """None leaves them to the preset."""
    usual = RunOptions(out=Path(), preset=preset).recipe().steps
    bounds = {**WHOLE, "step": 1000}
    return number("Steps", "steps", usual, "Optimizer steps.", **bounds)


def choose_runs(root: Path) -> list[RunOptions]:
    """The options of each run that is to be started; none where a choice is impossible."""
    row = st.container(horizontal=True)  # it goes on below where a screen is narrow
    with row.container(width=NARROW):
        preset = st.selectbox("Preset", list(PRESETS), key="preset", bind="query-params")
    with row.container(width=WIDE):
        methods = choose_methods()
    with row.container(width=NARROW):
        name = choose_name(root)
    with row.container(width=NARROW):
        steps = choose_steps(preset)
    with row.container(width=NARROW):
        help_text = "Of weights, data order and noise."
        seed = whole_number("Seed", "run_seed", 0, 0, 2**31 - 1, help_text=help_text)
    base = RunOptions(out=Path(), preset=preset, steps=steps).recipe()
    settings = {"preset": preset, "steps": steps, "seed": seed}
    settings |= more_settings(base, methods) | advanced_settings(base, methods)
    if not methods:
        st.info("Choose at least one method.")
    return options_of(root, name, methods, settings)


def say_images(text: str) -> str:
    """Say what lies in the place that somebody named; returns the dataset's name.

    Raises:
        DataError: there is nothing to train on, or nothing held out, or it may not be read here.
    """
    name = dataset_name(text)
    found, few = look_before_training(name)
    if found:
        st.caption(plain(found))
    if few:
        st.caption(f":material/warning: {plain(few.capitalize())}.")
    return name


def options_of(
    root: Path, name: str, methods: Sequence[BaseMethod], settings: dict[str, Any]
) -> list[RunOptions]:
    """One run a method; a sentence and none where a setting is impossible."""
    try:
        out = launcher.family_folder(root, name)
        if (images := settings.get("dataset")) is not None:
            settings = settings | {"dataset": say_images(images)}
        evaluate = settings.pop("evaluate", False)
        chosen = [RunOptions(out=out, method=m, **settings_of(m, settings)) for m in methods]
        for options in chosen:
            options.recipe()
        return [with_evaluations(options) if evaluate else options for options in chosen]
    except FlatdiffError as error:
        st.warning(plain(str(error)))
        return []


def with_evaluations(options: RunOptions) -> RunOptions:
    """As often as is usual, where nobody says.

    Raises:
        SettingsError: a setting is out of range.
    """
    every = options.eval_every_steps or usual_every_steps(options.recipe())
    return replace(options, eval_every_steps=every)


def evaluations_text(chosen: Sequence[RunOptions]) -> str:
    """What they take of the time, judged by passes through the network; "" where there are none.

    The largest share of all, which is that of plain ADM.
    """
    asked = [(o.recipe(), every) for o in chosen if (every := o.eval_every_steps)]
    if not asked:
        return ""
    shares = [expected_share(recipe, every) for recipe, every in asked]
    steps = " or ".join(f"{every:,}" for every in sorted({every for _, every in asked}))
    return f"; evaluated every {steps} steps, which takes about {max(shares):.1%} of it"


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
    machine = shared_engine().machine()
    total = sum(recipe.steps for recipe in recipes)
    counted = f"{len(recipes)} run{'s' if len(recipes) > 1 else ''}, {total:,} steps"
    costs = []
    for recipe in recipes:
        architecture = known.get(recipe.flags)
        forward = machine.forward_s(architecture) if architecture else None
        costs.append(cost(recipe, runs, forward, machine.share))
    if any(c is None for c in costs):
        return f"{counted}; no time is known for this network here until its first run has begun"
    known = [c.seconds for c in costs if c]
    wall = Span(_together([span.low for span in known]), _together([span.high for span in known]))
    how = "by the speed of runs before" if all(c and c.measured for c in costs) else "roughly"
    return f"{counted}, {in_words(wall)} on this machine, {how}"


def _together(seconds: Sequence[float]) -> float:
    """Of runs that share the cores."""
    return max(max(seconds), sum(seconds) / num_cores())


def show_commands(chosen: Sequence[RunOptions]) -> None:
    """The same runs on the command line, alone and on several GPUs."""
    with st.popover("Command", icon=":material/terminal:"):
        st.markdown("The same in a terminal, in the project's folder:")
        shown = [launcher.shown(options) for options in chosen]
        st.code("\n".join(o.command() for o in shown), language="bash", wrap_lines=True)
        try:
            together = [
                options.shared_out(EXAMPLE_GPUS).command(processes=EXAMPLE_GPUS)
                for options in shown
            ]
        except FlatdiffError as error:
            st.caption(f"Not on {EXAMPLE_GPUS} GPUs: {plain(str(error))}.")
            return
        st.markdown(f"The same recipe on {EXAMPLE_GPUS} GPUs, equal within rounding:")
        st.code("\n".join(together), language="bash", wrap_lines=True)


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
            show_commands(free)
            recipes = [options.recipe() for options in free]
            st.caption(cost_text(recipes, runs, cards) + evaluations_text(free))
    st.caption(
        f"Up to {num_cores()} at once, one a processor core; others wait for their turn. A run "
        "goes on when this page is closed and when the server ends, and takes the processor time "
        "that nobody else wants."
    )
    if wanted:
        with st.spinner("Starting"):
            for options in free:
                attempt(launcher.start, root, options)
        st.session_state["new"] = [f"{o.out.name}/{o.method}" for o in free]
        st.rerun()
