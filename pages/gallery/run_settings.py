"""The settings of a new run that are folded away; None leaves one to the preset."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, get_args

import streamlit as st

from flatdiff.checkpoints.averages import BASES
from flatdiff.checkpoints.recipe import BaseMethod, Precision, Recipe, TimestepSamplerName
from flatdiff.measures.along_run import usual_every_steps
from flatdiff.training.run_options import RunOptions
from pages.shared.choose import step_at, whole_number

# Settings that one method alone has.
METHOD_OF: dict[str, BaseMethod] = {
    "sam_rho": "sam",
    "sam_shards": "sam",
    "input_perturbation": "ip",
}
WHOLE: dict[str, Any] = {"min_value": 1, "max_value": 10_000_000, "step": 1}


def real(scale: float) -> dict[str, Any]:
    """Bounds of a setting that changes by steps which a number is the scale of."""
    return {"min_value": 0.0, "format": "%g", "step": step_at(scale)}


def number(
    title: str, key: str, preset: float | None, help_text: str, lacking: str = "", **bounds: Any
) -> Any:
    """A setting that may be left to the preset, whose value stands in the empty box.

    Args:
        title: above the box.
        key: its name in the link.
        preset: the value that an empty box means; None: never.
        help_text: one sentence.
        lacking: the method without which it does not apply, where that is not chosen.
        **bounds: of `st.number_input`.
    """
    shown = "never" if preset is None else f"{preset:g}"
    reason = f"Applies with {lacking} only." if lacking else f"Left empty: {shown}."
    value = st.number_input(
        title,
        value=None,
        placeholder=f"with {lacking} only" if lacking else shown,
        key=key,
        bind="query-params",
        help=f"{help_text} {reason}",
        disabled=bool(lacking),
        **bounds,
    )
    return None if lacking else value


def _lacking(name: str, methods: Collection[BaseMethod]) -> str:
    """The method that a setting wants and that is not among those chosen."""
    method = METHOD_OF[name]
    return "" if method in methods else BASES[method]


def settings_of(method: BaseMethod, settings: dict[str, Any]) -> dict[str, Any]:
    """Without those of other methods."""
    return {k: v for k, v in settings.items() if METHOD_OF.get(k, method) == method}


def more_settings(base: Recipe, methods: Collection[BaseMethod]) -> dict[str, Any]:
    """Of optimizer, methods, averages and files."""
    with st.expander("More settings"):
        left, right = st.columns(2)
        with left:
            chosen = _of_steps(base, methods)
        with right:
            chosen |= _of_averages(base) | _of_files()
        batch_size = chosen["batch_size"] or base.batch_size
        chosen |= _of_evaluations(replace(base, batch_size=batch_size))
        return chosen | _of_network(base)


def _of_network(base: Recipe) -> dict[str, Any]:
    """Own images, and an own network for them."""
    images = st.text_input(
        "Images",
        placeholder=base.dataset,
        key="images",
        bind="query-params",
        help="The path of a folder, zip or npz of images on this machine; left empty: "
        f"{base.dataset}.",
    )
    flags = st.text_input(
        "Flags",
        placeholder="--image_size 32 --num_channels 64 --channel_mult 1,2,2",
        key="flags",
        bind="query-params",
        help="Of another network than the preset's, in guided-diffusion's spelling, or a whole "
        "command of it; what they leave out is the preset's.",
    )
    return {"dataset": (images or "").strip() or None, "flags": (flags or "").strip()}


def _of_steps(base: Recipe, methods: Collection[BaseMethod]) -> dict[str, Any]:
    """What a step does."""
    return {
        "batch_size": number("Batch size", "batch", base.batch_size, "Images a step.", **WHOLE),
        "learning_rate": number(
            "Learning rate",
            "lr",
            base.learning_rate,
            "Of Adam, constant.",
            **real(base.learning_rate),
        ),
        "sam_rho": number(
            "SAM radius ρ",
            "sam_rho",
            base.sam_rho,
            "How far +SAM climbs in weight space before it takes its gradient.",
            _lacking("sam_rho", methods),
            **real(base.sam_rho),
        ),
        "input_perturbation": number(
            "IP strength γ",
            "input_perturbation",
            base.input_perturbation,
            "Of the extra noise on the input of +IP, in units of the noise.",
            _lacking("input_perturbation", methods),
            **real(base.input_perturbation),
        ),
        "num_threads": whole_number(
            "Processor threads", "threads", 1, 1, 64, help_text="Of each run."
        ),
    }


def _of_averages(base: Recipe) -> dict[str, Any]:
    """EMA and SWA."""
    return {
        "ema_decay": number(
            "EMA decay",
            "ema",
            base.ema_decay,
            "Share of the old average kept a step.",
            **real(1 - base.ema_decay),
        ),
        "swa_start_step": number(
            "SWA from step",
            "swa_start",
            base.swa_start_step,
            "The first step whose weights enter the mean.",
            **WHOLE,
        ),
        "swa_every_steps": number(
            "SWA every", "swa_every", base.swa_every_steps, "Steps between models.", **WHOLE
        ),
    }


def _of_files() -> dict[str, Any]:
    """What is written on the way."""
    return {
        "save_every_steps": whole_number(
            "Save every",
            "save",
            RunOptions.save_every_steps,
            1,
            1_000_000,
            help_text="What a crash can cost at most.",
        ),
        "keep_every_steps": number(
            "Keep every",
            "keep",
            RunOptions.keep_every_steps,
            "So often the raw weights become a checkpoint of their own, to see a run's way.",
            **WHOLE,
        ),
    }


def _of_evaluations(recipe: Recipe) -> dict[str, Any]:
    """How a run is watched; how often is left to the recipe where nobody says."""
    wanted = switch(
        "Evaluate along the way",
        "evaluate",
        True,
        "Flatness and samples of the weights every so many steps, in the charts below; the "
        "weights stay the same, bit for bit.",
    )
    if not wanted:
        return {"evaluate": False}
    usual = usual_every_steps(recipe)
    help_text = "Steps between evaluations."
    every = number("Evaluate every", "eval", usual, help_text, **WHOLE)
    return {"evaluate": True, "eval_every_steps": every}


def advanced_settings(base: Recipe, methods: Collection[BaseMethod]) -> dict[str, Any]:
    """Of SAM's shards and the timesteps, which change the weights, and of memory and speed."""
    with st.expander("Advanced"):
        left, right = st.columns(2)
        with left:
            chosen = _of_recipe(base, methods)
        with right:
            return chosen | _of_execution()


def _of_recipe(base: Recipe, methods: Collection[BaseMethod]) -> dict[str, Any]:
    """What changes the weights."""
    sampler = one_of(
        "Timestep sampler",
        "timestep_sampler",
        get_args(TimestepSamplerName),
        base.timestep_sampler,
        "loss-second-moment draws timesteps of large losses more often, and weights them so that "
        "the mean loss stays that of uniform ones.",
    )
    return {
        "sam_shards": number(
            "SAM shards",
            "sam_shards",
            base.sam_shards,
            "Parts of a batch that climb each by its own gradient (m-sharpness).",
            _lacking("sam_shards", methods),
            **WHOLE,
        ),
        "timestep_sampler": None if sampler == base.timestep_sampler else sampler,
        "precision": one_of(
            "Precision",
            "train_precision",
            ("auto", *get_args(Precision)),
            RunOptions.precision,
            "Of activations, while weights stay float32; auto is bfloat16 where the hardware "
            "computes it.",
        ),
    }


def one_of(title: str, key: str, options: tuple[str, ...], default: str, help_text: str) -> Any:
    """One word of a few."""
    return st.selectbox(
        title,
        options,
        options.index(default),
        key=key,
        bind="query-params",
        help=help_text,
    )


def _of_execution() -> dict[str, Any]:
    """Time, memory and rounding, and nothing else."""
    st.caption(
        "These change time, memory and rounding, never what is computed; a run keeps them when it "
        "is continued."
    )
    return {
        "accumulate": whole_number(
            "Gradient accumulation",
            "accumulate",
            RunOptions.accumulate,
            1,
            4096,
            help_text="Parts of a batch, computed one after another to need less memory.",
        ),
        "recompute_activations": switch(
            "Activation checkpointing",
            "recompute_activations",
            RunOptions.recompute_activations,
            "Activations are computed again on the way back: less memory, a third more time.",
        ),
        "channels_last": switch(
            "Channels-last memory format",
            "channels_last",
            RunOptions.channels_last,
            "Memory layout of images and weights, which suits convolutions of a GPU.",
        ),
        "fused_adam": switch(
            "Fused Adam", "fused_adam", RunOptions.fused_adam, "One kernel for all weights."
        ),
        "compile_network": switch(
            "torch.compile",
            "compile_network",
            RunOptions.compile_network,
            "Takes minutes before the first step and makes later ones faster; on a processor it "
            "wants a C++ compiler.",
        ),
    }


def switch(title: str, key: str, default: bool, help_text: str) -> bool:
    """On or off."""
    return st.toggle(title, default, key=key, bind="query-params", help=help_text)
