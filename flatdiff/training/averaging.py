"""Keeps the averages of a network's weights (`checkpoints.averages`) up to date along a run."""

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from flatdiff.checkpoints.averages import AVERAGES, Average, WeightKind
from flatdiff.checkpoints.recipe import Recipe


def new_averages(model: nn.Module, recipe: Recipe) -> dict[WeightKind, AveragedModel]:
    """Every average of a network with its initial weights, which some count and some do not."""
    averages = {kind: AveragedModel(model) for kind in AVERAGES}
    update_averages(averages, model, recipe, 0)
    return averages


def update_averages(
    averages: dict[WeightKind, AveragedModel], model: nn.Module, recipe: Recipe, step: int
) -> None:
    """Show all averages the weights after a step; each takes its share of them, or none."""
    for kind, averaged in averages.items():
        _take_in(AVERAGES[kind], averaged, model, recipe, step)


def averages_begun_anew(before: Recipe, after: Recipe, step: int) -> set[WeightKind]:
    """Averages in which no weights up to a step have a place, as a recipe has it that goes on.

    One whose shares were others is in neither: what it holds is not what it would have held.

    Args:
        before: the recipe of the run so far.
        after: the one by which it goes on.
        step: that it has reached.
    """
    return {
        kind
        for kind, average in AVERAGES.items()
        if all(average.share(after, n) is None for n in range(step + 1))
        and any(average.share(before, n) is not None for n in range(step + 1))
    }


def _take_in(
    average: Average, averaged: AveragedModel, model: nn.Module, recipe: Recipe, step: int
) -> None:
    share = average.share(recipe, step)
    if share is None:
        return

    def lerp(old: Any, new: Any, _: Any) -> None:
        torch._foreach_lerp_(old, new, share)  # pyright: ignore[reportPrivateImportUsage]

    averaged.multi_avg_fn = lerp  # its first call to it is its second update; the first copies
    averaged.update_parameters(model)
