"""The recipe of a study: what decides its numbers and what computed them, as rows of text."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from flatdiff.checkpoints.card import Card
from flatdiff.paper.results import Study


def study_command(study: Study) -> str:
    """That writes the same again."""
    images = "" if study.num_images is None else f" --num-images {study.num_images}"
    return f"flatdiff study {shlex.quote(study.family)}{images}"


def recipe(study: Study) -> dict[str, str]:
    """Names and texts, in the order in which they are read."""
    card, known = study.cards[0], [item.provenance for item in study.items]
    seeds = {one["settings"].get("seed") for one in known} - {None}
    days = sorted(one["computed_at"][:10] for one in known)
    minutes = sum(one["seconds"] for one in known) / 60
    return {
        "command": study_command(study),
        "checkpoints": f"{len(study.cards)}, of {card.num_parameters:,} weights each",
        "images": f"{study.data}, {' × '.join(map(str, card.flags.image_shape))}",
        "trained by": _listed(_training(each) for each in study.cards),
        "panel": _listed(_panel(one) for one in known),
        "seeds of noise and directions": _listed(str(seed) for seed in sorted(seeds)),
        "computed with": _listed(_machine(one["environment"]) for one in known),
        "results": f"{len(known)}, computed from {days[0]} to {days[-1]}",
        "time": f"{minutes:.0f} minutes of one worker, in all",
    }


def _listed(texts: Iterable[str]) -> str:
    """Each once."""
    return "; ".join(dict.fromkeys(texts))


def _training(card: Card) -> str:
    """The run that a checkpoint came from."""
    run = card.recipe
    if run is None:
        return f"{card.name}: not known"
    own = {"sam": f", radius {run.sam_rho:g}", "ip": f", γ {run.input_perturbation:g}"}
    return (
        f"{run.method}: {run.steps:,} steps of {run.batch_size} images, learning rate "
        f"{run.learning_rate:g}, seed {run.seed}{own.get(run.method, '')}, EMA "
        f"{run.ema_decay:g}, SWA from step {run.swa_start_step:,}"
    )


def _panel(known: Mapping[str, Any]) -> str:
    panel = known["panel"]
    return (
        f"{panel['size']} × {panel['dataset']} {panel['split']}, seed {panel['seed']}, "
        f"SHA-256 {known['panel_digest'][:12]}"
    )


def _machine(environment: Mapping[str, Any]) -> str:
    programs = [name for name in ("flatdiff", "torch", "python") if name in environment]
    versions = ", ".join(f"{name} {environment[name]}" for name in programs)
    return f"{versions} on {environment.get('device', '?')}, {environment.get('dtype', '?')}"


def caveats(study: Study) -> list[str]:
    """What the intervals do not know, and what the numbers may be called."""
    runs = {_training(card) for card in study.cards}
    labels = dict.fromkeys(item.result.label for item in study.items if item.measure == "frechet")
    images = dict.fromkeys(
        f"{item.request.settings.num_images:,} images in "
        f"{item.request.settings.num_sampling_steps} steps"
        for item in study.items
        if item.measure == "frechet"
    )
    return [
        f"Training runs behind the {len(study.cards)} checkpoints, as far as their cards say: "
        f"{len(runs)}. The intervals speak of the panel, the noise and the images; what another "
        "training run would give they do not know. That of a rank correlation takes checkpoints "
        "for independent cases, which those of one run are not.",
        f"The distance between generated and real images is the {' and '.join(labels)}, from "
        f"{' and from '.join(images)}. It is too large by an amount that shrinks with the number "
        "of images: compare within a column.",
        "The paper's numbers are of its own networks and data: compare the pattern of the rows, "
        "not the values. Where the paper leaves a setting open, the entry says what was taken.",
        "Every test has an interval of its own: of twenty that have nothing to find, one finds "
        "something by chance.",
    ]
