"""A verdict is the one line that a page says of what it shows, worded by what the errors allow."""

from collections.abc import Sequence

import numpy as np

from flatdiff.measures.comparison import Estimate, Ratio, ratio_of
from flatdiff.measures.statistics import CONFIDENCE
from flatdiff.views.base import with_error

MOST_TIMES = 1000  # a ratio beyond it is told as numbers

Told = tuple[str, Estimate]  # a checkpoint's name, and its number


def verdict(quantity: str, found: Sequence[Told]) -> str:
    """Compare the best of some checkpoints with the first of them; "" where there is nothing to.

    Args:
        quantity: what the numbers are, of which less is better.
        found: in the order in which they are shown.

    >>> adm, sam = ("ADM", Estimate(0.65, 0.02)), ("SAM", Estimate(0.1, 0.003))
    >>> verdict("rise of the loss", [adm, sam])
    'SAM: 6.5 times less rise of the loss than ADM (6.0 to 7.1).'
    >>> verdict("rise of the loss", [adm, ("IP", Estimate(0.64, 0.02))])
    'Not decided: the rise of the loss is 0.640 ± 0.020 for IP and 0.650 ± 0.020 for ADM.'
    """
    known = [told for told in found if np.isfinite([told[1].value, told[1].error]).all()]
    if len(known) < 2:
        return ""
    first, *others = known
    best = min(others, key=lambda told: told[1].value)
    if best[1].value > first[1].value:  # the first is the best of all: the next one beside it
        first, best = best, first
    # The best of several is so by chance, too: the interval is as wide as for all of them.
    confidence = 1 - (1 - CONFIDENCE) / len(others)
    return _said(quantity, best, first, ratio_of(first[1], best[1], confidence))


def _said(quantity: str, best: Told, other: Told, found: Ratio) -> str:
    one, two = (with_error(told[1].value, told[1].error) for told in (best, other))
    if not found.decided:
        return f"Not decided: the {quantity} is {one} for {best[0]} and {two} for {other[0]}."
    if not 1 <= found.ratio <= MOST_TIMES:
        return f"{best[0]}: less {quantity} than {other[0]}, {one} against {two}."
    low, high = _in_short(found.low), _in_short(found.high)
    times = _in_short(found.ratio)
    return f"{best[0]}: {times} times less {quantity} than {other[0]} ({low} to {high})."


def _in_short(ratio: float) -> str:
    """Two digits, or three where the first is 1.

    >>> _in_short(6.52), _in_short(1.087), _in_short(85.3)
    ('6.5', '1.09', '85')
    """
    if ratio < 2:
        return f"{ratio:.2f}"
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
