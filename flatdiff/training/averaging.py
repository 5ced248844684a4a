"""An average of weights along a run: EMA forgets slowly from the start, SWA counts models equally.

Both are `torch.optim.swa_utils.AveragedModel`; what is ours is when they are told of new weights.
"""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from flatdiff.checkpoints.recipe import Recipe


def make_ema(model: nn.Module, ema_decay: float) -> AveragedModel:
    """theta_ema <- decay theta_ema + (1 - decay) theta, starting from the initial weights.

    AveragedModel copies at its first update instead of averaging, so that update is made here,
    with the weights before any step: the paper's Algorithm 1 starts from w_0.
    """
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay))
    ema.update_parameters(model)
    return ema


def make_swa(model: nn.Module) -> AveragedModel:
    """An equal-weight mean that has seen no model yet; its first update is a copy."""
    return AveragedModel(model)


def is_swa_step(recipe: Recipe, step: int) -> bool:
    """Whether the weights after `step` steps enter the mean: every c steps from the start step.

    The number averaged is counted by the model itself (Algorithm 1's i/c would count the models
    before the start step too).
    """
    since = step - recipe.swa_start_step
    return since >= 0 and since % recipe.swa_every_steps == 0
