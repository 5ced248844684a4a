"""Our losses against loss-landscapes', at single points: its planes are known to be wrong."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from tests.subjects import digits_subject

loss_landscapes = pytest.importorskip(
    "loss_landscapes", reason="loss-landscapes is not installed: no comparison"
)


class OnThePanel(nn.Module):
    """The network, told the panel's timesteps."""

    def __init__(self, network: nn.Module, timesteps: torch.Tensor) -> None:
        super().__init__()
        self.network, self.timesteps = network, timesteps

    def forward(self, x_t: torch.Tensor) -> torch.Tensor:
        """(N, 2 C, H, W)."""
        return self.network(x_t, self.timesteps)


def test_losses_along_a_line_agree() -> None:
    """From a checkpoint to a moved copy: its own interpolation, its own wrapper, our points."""
    subject = digits_subject(6)
    p = subject.tensors
    moved = subject.direction(3, 0, "filter")
    ends = []
    for scale in (0.0, 0.5):
        with subject.at((scale, moved)):
            ends.append(OnThePanel(copy.deepcopy(subject.model), p.t))

    class PanelLoss(loss_landscapes.metrics.Metric):
        """On the same x_t and noise."""

        def __call__(self, model: Any) -> float:
            """Mean epsilon-MSE."""
            with torch.inference_mode():
                out = model.forward(p.x_t)
                return float((out[:, :1] - p.noise).square().mean())

    metric = PanelLoss()
    assert loss_landscapes.point(ends[0], metric) == pytest.approx(subject.losses().mean())
    theirs = loss_landscapes.linear_interpolation(*ends, metric, steps=5, deepcopy_model=True)
    ours = []
    for k in range(1, 6):  # its line begins one step after the first checkpoint
        with subject.at((0.5 * k / 5, moved)):
            ours.append(float(subject.losses().mean()))
    assert list(theirs) == pytest.approx(ours, rel=1e-4)
