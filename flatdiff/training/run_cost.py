"""The cost of a run is a time, as a range, on this machine.

Before it begins by runs before it or by the forward pass; while it goes on by the speed of its
latest steps, as loads come and go.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flatdiff.checkpoints.recipe import Recipe
from flatdiff.system.span import Span, span_of
from flatdiff.system.speed import Speed, noted
from flatdiff.training.run_folder import TrainingRun
from flatdiff.training.run_history import RECENT_ROWS, HistoryRow

GRADIENTS = {"adm": 1, "ip": 1, "sam": 2}  # of the network, a step
FORWARDS_A_GRADIENT = 3  # the pass back costs about two
RUNS = 5  # that are looked at; older ones are of another machine, or as good as
# Standard deviations of the logarithm: of what is not measured by training, or only on the wall.
ROUGH, ON_THE_WALL = 0.4, 0.5
# Also of the logarithm: of the load that comes, and of a judgement by few steps.
DRIFT, EARLY = 0.15, 0.3
FEW_STEPS = 20


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


def time_left(rows: Sequence[HistoryRow], began_step: int, steps: int) -> Span | None:
    """None until a second step is over.

    Args:
        rows: of the history, those of earlier sittings passed over.
        began_step: steps that were taken before this sitting.
        steps: of the whole run.
    """
    recent = [row for row in rows if row.step > began_step][-RECENT_ROWS:]
    if not recent:
        return None
    # Time runs from the end of the sitting's first step.
    first = (began_step + 1, 0.0) if len(recent) == 1 else (recent[0].step, recent[0].seconds)
    taken, seconds = recent[-1].step - first[0], recent[-1].seconds - first[1]
    if taken <= 0 or seconds <= 0:
        return None
    few = recent[-1].step - began_step < FEW_STEPS
    sigma = math.hypot(_error(recent), EARLY if few else DRIFT)
    return span_of(max(steps - recent[-1].step, 0) * seconds / taken, sigma)


def _error(rows: Sequence[HistoryRow]) -> float:
    """Of the mean speed: the scatter between rows over the root of their number."""
    pairs = itertools.pairwise(rows)
    speeds = [(b.seconds - a.seconds) / (b.step - a.step) for a, b in pairs if b.step > a.step]
    if len(speeds) < 2:
        return 0.0
    mean = max(sum(speeds) / len(speeds), 1e-9)
    variance = sum((speed - mean) ** 2 for speed in speeds) / (len(speeds) - 1)
    return math.sqrt(variance / len(speeds)) / mean
