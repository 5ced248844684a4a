"""What a run will cost: a range on this machine, from runs before it or from the forward pass."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from flatdiff.checkpoints.recipe import Recipe
from flatdiff.system.span import Span, span_of
from flatdiff.system.speed import Speed, noted
from flatdiff.training.run_folder import TrainingRun

GRADIENTS = {"adm": 1, "ip": 1, "sam": 2}  # of the network, a step
FORWARDS_A_GRADIENT = 3  # the pass back costs about two
RUNS = 5  # that are looked at; older ones are of another machine, or as good as
# Standard deviations of the logarithm: of what is not measured by training, or only on the wall.
ROUGH, ON_THE_WALL = 0.4, 0.5


@dataclass(frozen=True)
class RunCost:
    """Of one run."""

    seconds: Span  # on one core, as busy as it is
    measured: bool  # by training; else judged from forward passes


def gradient_speed(runs: Iterable[TrainingRun], recipe: Recipe) -> tuple[Speed, float] | None:
    """Processor seconds of a batch, as runs that are alike show, and how far off; None without.

    Alike are network and batch size: a batch of 8 takes far longer than an eighth of one of 64.
    What older programs have noted are seconds on the wall, of a machine as busy as it was.

    Args:
        runs: the latest first.
        recipe: of the run that is meant.
    """
    alike = [run for run in runs if _alike(run, recipe)]
    paces = [told for run in alike if (told := _gradient_s(run, run.history.step_s))]
    if paces:
        return _speed(paces), 0.0
    walls = [
        told
        for run in alike
        if run.history.rate and (told := _gradient_s(run, 1 / run.history.rate))
    ]
    return (_speed(walls), ON_THE_WALL) if walls else None


def _alike(run: TrainingRun, recipe: Recipe) -> bool:
    known = run.options.recipe() if run.options else None
    wanted = recipe.flags, recipe.batch_size
    return known is not None and (known.flags, known.batch_size) == wanted


def _gradient_s(run: TrainingRun, step_s: float | None) -> float | None:
    """Of a run that is alike."""
    assert run.options is not None
    return None if step_s is None else step_s / GRADIENTS[run.options.recipe().method]


def _speed(latest_first: list[float]) -> Speed:
    speed = None
    for seconds in reversed(latest_first[:RUNS]):
        speed = noted(speed, seconds)
    assert speed is not None
    return speed


def cost(
    recipe: Recipe,
    runs: Iterable[TrainingRun],
    forward_s: float | None,
    share: float = 1.0,
    num_done: int = 0,
) -> RunCost | None:
    """Of a whole run; None where nothing is known of its network here.

    Args:
        recipe: of the run.
        runs: others on this machine, the latest first.
        forward_s: processor seconds of one image through the network.
        share: of a processor core that the run would get.
        num_done: steps that it has taken.
    """
    gradients = max(recipe.steps - num_done, 0) * GRADIENTS[recipe.method]
    if (found := gradient_speed(runs, recipe)) is not None:
        speed, off = found
        seconds = gradients * speed.seconds / share
        return RunCost(span_of(seconds, math.hypot(speed.sigma, off)), measured=True)
    if forward_s is not None:
        batch_s = recipe.batch_size * FORWARDS_A_GRADIENT * forward_s
        return RunCost(span_of(gradients * batch_s / share, ROUGH), measured=False)
    return None
