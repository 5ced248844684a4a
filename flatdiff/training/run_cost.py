"""What a run will cost: seconds on this machine, from runs before it or from the forward pass."""

from collections.abc import Iterable
from dataclasses import dataclass

from flatdiff.checkpoints.recipe import Recipe
from flatdiff.training.run_folder import TrainingRun

GRADIENTS = {"adm": 1, "ip": 1, "sam": 2}  # of the network, a step
FORWARDS_A_GRADIENT = 3  # the pass back costs about two


@dataclass(frozen=True)
class RunCost:
    """Of one run."""

    seconds: float  # on one core
    measured: bool  # by training; else judged from forward passes


def seconds_a_gradient(runs: Iterable[TrainingRun], recipe: Recipe) -> float | None:
    """Of one batch, as the first run that is alike shows; None without one.

    Alike are network and batch size: a batch of 8 takes far longer than an eighth of one of 64.
    """
    for run in runs:
        known = run.options.recipe() if run.options else None
        if known is None or (known.flags, known.batch_size) != (recipe.flags, recipe.batch_size):
            continue
        if run.history.rate:
            return 1 / (run.history.rate * GRADIENTS[known.method])
    return None


def cost(recipe: Recipe, runs: Iterable[TrainingRun], forward_s: float | None) -> RunCost | None:
    """Of a whole run; None where nothing is known of its network here.

    Args:
        recipe: of the run.
        runs: others on this machine, the latest first.
        forward_s: seconds of one image through the network.
    """
    gradients = recipe.steps * GRADIENTS[recipe.method]
    gradient_s = seconds_a_gradient(runs, recipe)
    if gradient_s is not None:
        return RunCost(gradients * gradient_s, measured=True)
    if forward_s is not None:
        batch_s = recipe.batch_size * FORWARDS_A_GRADIENT * forward_s
        return RunCost(gradients * batch_s, measured=False)
    return None
