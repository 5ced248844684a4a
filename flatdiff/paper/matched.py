"""Runs are matched by the state of each that is compared: at equal steps, gradients, or loss.

A step of SAM takes two gradients, and its training loss falls more slowly. At equal steps SAM has
computed twice as much as plain training; at an equal training loss it is trained for longer; at
the best held-out loss each run stands where somebody would have stopped it. What is compared are
raw weights that runs have kept on their way (`--keep-every-steps`), as averages of them are kept
at the end alone.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from flatdiff.checkpoints.averages import RAW
from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.recipe import Recipe
from flatdiff.errors import CheckpointError
from flatdiff.images.datasets import Split
from flatdiff.landscape.panel import Panel
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.training.run_cost import GRADIENTS

Matching = Literal["end", "gradients", "training-loss", "held-out-loss"]

TITLES: dict[Matching, str] = {
    "end": "the end of each run",
    "gradients": "equal numbers of gradients",
    "training-loss": "equal training loss",
    "held-out-loss": "the best held-out loss of each run",
}
SPLITS: dict[Matching, Split] = {"training-loss": "train", "held-out-loss": "held_out"}
LOSS = LpfSettings(num_perturbations=4)  # for the loss beside it: no measure takes less
NUM_IMAGES = 512
FEWEST = 2

Losses = Mapping[str, float]  # by checkpoint


def loss_requests(states: Sequence[Card], at: Matching) -> list[Request]:
    """What has to be measured before runs can be matched; nothing for some matchings."""
    if at not in SPLITS:
        return []
    return [
        make_request(
            "lpf", card, LOSS, Panel(dataset=card.dataset, split=SPLITS[at], size=NUM_IMAGES)
        )
        for card in states
    ]


def matched(states: Sequence[Card], at: Matching, losses: Losses) -> list[Card]:
    """One state of each run, those of a seed matched with each other.

    Args:
        states: raw weights of a family's runs, at their ends and before.
        at: where.
        losses: of each state, on the split that the matching is about.

    Raises:
        CheckpointError: a run has kept no state that fits, or there is one run.
    """
    seeds: dict[int, list[list[Card]]] = {}
    for recipe, run in _runs(states).items():
        seeds.setdefault(recipe.seed, []).append(run)
    found = [card for runs in seeds.values() for card in _matched(runs, at, losses)]
    if len(found) < FEWEST:
        raise CheckpointError(
            f"runs are compared at {TITLES[at]} by raw weights whose cards know their training, "
            f"of two runs or more; found {len(found)}"
        )
    return found


def _runs(states: Sequence[Card]) -> dict[Recipe, list[Card]]:
    """Raw states by run, youngest first."""
    found: dict[Recipe, list[Card]] = {}
    for card in sorted(states, key=lambda card: card.step):
        if card.recipe is not None and card.weights == RAW:
            found.setdefault(card.recipe, []).append(card)
    return found


def _matched(runs: Sequence[Sequence[Card]], at: Matching, losses: Losses) -> list[Card]:
    """Of the runs of one seed."""
    match at:
        case "end":
            return [run[-1] for run in runs]
        case "gradients":
            fewest = min(gradients(run[-1]) for run in runs)
            return [_until(run, fewest) for run in runs]
        case "held-out-loss":
            return [min(run, key=lambda card: losses[card.id]) for run in runs]
        case "training-loss":
            reached = max(min(losses[card.id] for card in run) for run in runs)
            return [_first_below(run, losses, reached) for run in runs]


def gradients(card: Card) -> int:
    """Of a batch, that a state's training has computed."""
    assert card.recipe is not None, "of a run of ours"
    return card.step * GRADIENTS[card.recipe.method]


def _until(run: Sequence[Card], most: int) -> Card:
    """The oldest that has computed no more."""
    fitting = [card for card in run if gradients(card) <= most]
    if not fitting:
        raise CheckpointError(
            f"{run[0].id} has computed {gradients(run[0]):,} gradients already, and others of its "
            f"seed {most:,} in all: train with --keep-every-steps, so that runs can be compared "
            "before their ends"
        )
    return fitting[-1]


def _first_below(run: Sequence[Card], losses: Losses, level: float) -> Card:
    """The state whose loss is nearest to a level that every run has reached.

    Of those up to the first that is as low, for a loss may rise again.
    """
    reached = next(k for k, card in enumerate(run) if losses[card.id] <= level)
    return min(run[: reached + 1], key=lambda card: abs(losses[card.id] - level))
