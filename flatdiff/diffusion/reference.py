"""A reference file holds a small network, inputs, and what another implementation made of them.

`check_reference` runs our network and process on the same inputs and yields one line a quantity.
The format: tensors `model/<key>`, inputs `x_start noise t x_T [y] [ancestral_noise]`, outputs as
named in `QUANTITIES`; metadata `flags` (JSON, guided-diffusion's names), `timestep_respacing`,
`timestep_map`, `half_index`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.process import DiffusionProcess, ReverseStep, TrainingLosses
from flatdiff.diffusion.sampling import ancestral_steps, ddim_steps, last_sample
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import CheckpointError

RELATIVE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Agreement:
    """How far one quantity is from its reference."""

    quantity: str
    max_absolute_error: float
    max_relative_error: float  # max |ours - theirs| / max |theirs|

    @property
    def ok(self) -> bool:
        """Below the tolerance; NaN is not."""
        return self.max_relative_error < RELATIVE_TOLERANCE

    def __str__(self) -> str:
        mark = "ok  " if self.ok else "FAIL"
        return (
            f"{mark} {self.quantity:<18} max absolute {self.max_absolute_error:.3e}  "
            f"max relative {self.max_relative_error:.3e}"
        )


class _Case:
    """A reference file, opened, with our side of every quantity."""

    def __init__(self, path: Path) -> None:
        tensors, metadata = _read(path)
        self.tensors = {k: v for k, v in tensors.items() if not k.startswith("model/")}
        state = {k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")}
        num_classes = len(state["label_emb.weight"]) if "label_emb.weight" in state else None
        flags = AdmFlags.from_guided_diffusion(
            {"in_channels": self["x_start"].shape[1], **json.loads(metadata["flags"])}, num_classes
        )
        self.model = AdmUNet(flags).eval()
        try:
            self.model.load_state_dict(state)
        except RuntimeError as error:
            raise CheckpointError(f"{path}: the weights do not fit the flags: {error}") from None
        self.full = DiffusionProcess(flags)
        self.respaced = DiffusionProcess(flags, metadata["timestep_respacing"])
        self.timestep_map = json.loads(metadata["timestep_map"])
        self.half_index = int(metadata["half_index"])

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def network(self, x: Tensor, timesteps: Tensor) -> Tensor:
        """With the file's labels bound."""
        return self.model(x, timesteps, self.tensors.get("y"))

    @cached_property
    def losses(self) -> TrainingLosses:
        return self.full.training_losses(
            self.network, self["x_start"], self["t"], self["noise"], self["x_t"]
        )

    @cached_property
    def reverse(self) -> ReverseStep:
        steps = torch.full_like(self["t"], self.half_index)
        return self.respaced.p_mean_variance(self.network, self["x_t"], steps)

    def model_out(self) -> Tensor:
        return self.network(self["x_t"], self.full.network_timesteps(self["t"]))

    def ancestral(self) -> Tensor:
        noises = self["ancestral_noise"]
        return last_sample(ancestral_steps(self.respaced, self.network, self["x_T"], noises))

    def ddim(self) -> Tensor:
        return last_sample(ddim_steps(self.respaced, self.network, self["x_T"]))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a readable safetensors file ({error}); "
            "expected a reference file with tensors model/... and outputs"
        ) from None


# Our side of each quantity that a file may hold.
QUANTITIES: dict[str, Callable[[_Case], Tensor | None]] = {
    "timestep_map": lambda case: torch.tensor(case.respaced.timestep_map),
    "x_t": lambda case: case.full.q_sample(case["x_start"], case["t"], case["noise"]),
    "model_out": _Case.model_out,
    "loss_mse": lambda case: case.losses.mse,
    "loss_vb": lambda case: case.losses.vb,
    "loss_loss": lambda case: case.losses.loss,
    "p_mean": lambda case: case.reverse.mean,
    "p_variance": lambda case: case.reverse.variance,
    "p_log_variance": lambda case: case.reverse.log_variance,
    "p_pred_xstart": lambda case: case.reverse.pred_x_start,
    "ddim_eta0_sample": _Case.ddim,
    "ancestral_sample": _Case.ancestral,
}


def check_reference(path: Path) -> Iterator[Agreement]:
    """Compare every quantity that the file holds.

    Raises:
        CheckpointError: the file is no reference file, or its weights do not fit its flags.
        SettingsError: a flag is unknown.
    """
    case = _load(path)
    with torch.no_grad():
        for name, ours in QUANTITIES.items():
            if name == "timestep_map":
                theirs = torch.tensor(case.timestep_map)
            elif name in case.tensors:
                theirs = case[name]
            else:
                continue
            try:
                yield _compare(name, ours(case), theirs)
            except KeyError as error:
                raise CheckpointError(f"{path}: {name} needs {error}, which is missing") from None


def _load(path: Path) -> _Case:
    try:
        return _Case(path)
    except (KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is not a reference file: {error} is missing") from None


def _compare(name: str, ours: Tensor | None, theirs: Tensor) -> Agreement:
    if ours is None or ours.shape != theirs.shape:
        return Agreement(name, np.inf, np.inf)
    error = (ours.double() - theirs.double()).abs().max().item()
    scale = theirs.double().abs().max().item()
    return Agreement(name, error, error / scale if scale else error)
