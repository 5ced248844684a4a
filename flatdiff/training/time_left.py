"""The time left of a run, by the speed of its latest steps: a range, as loads come and go."""

import itertools
import math
from collections.abc import Sequence

from flatdiff.system.span import Span, span_of
from flatdiff.training.run_history import RECENT_ROWS, HistoryRow

# Standard deviations of the logarithm: of the load that comes, and of a judgement by few steps.
DRIFT, EARLY = 0.15, 0.3
FEW_STEPS = 20


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
