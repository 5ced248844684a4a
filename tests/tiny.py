"""What several tests share: a network of milliseconds, its recipe, and the command line."""

import dataclasses
import hashlib
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flatdiff.__main__ import main
from flatdiff.checkpoints.recipe import PRESETS, BaseMethod, Recipe, make_recipe
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.process import Network
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.training.loop import StepRecord
from flatdiff.training.run import Run, execute

# Equal bits need equal threads, and on a busy machine two threads wait for each other.
torch.set_num_threads(1)

TESTS = Path(__file__).parent
REFERENCE_FILES = sorted((TESTS / "data" / "reference").glob("*.safetensors"))
SCHEDULES = TESTS / "data" / "reference" / "schedules.json"
CPU = torch.device("cpu")

# One level, no attention but in the middle: 8 x 8 grey images.
TINY = dataclasses.replace(PRESETS["digits"].flags, channel_mult="1", attention_resolutions="")


# The linear process without a learned variance, multiplied out (Ho et al. 2020, Sec. 4).
LINEAR = dataclasses.replace(
    TINY, noise_schedule="linear", learn_sigma=False, rescale_learned_sigmas=False
)
BETAS = np.linspace(1e-4, 0.02, 1000)
BAR = np.cumprod(1 - BETAS)


def exact_denoiser(std: float) -> Network:
    """The best noise prediction for x_start ~ N(0, std^2 I), on the linear schedule."""

    def network(x_t: Tensor, timesteps: Tensor) -> Tensor:
        bar = torch.from_numpy(BAR)[timesteps.long()][:, None, None, None]
        return ((1 - bar).sqrt() * x_t / (bar * std**2 + 1 - bar)).float()

    return network


def tiny_recipe(method: BaseMethod = "adm", **changes: Any) -> Recipe:
    """A short run of the tiny network on digits."""
    settings = {"steps": 12, "batch_size": 8, "flags": TINY, **changes}
    flags = settings.pop("flags")
    return dataclasses.replace(make_recipe("digits", method, **settings), flags=flags)


def random_network(flags: AdmFlags, seed: int = 0) -> AdmUNet:
    """A network without a single zero weight, in eval mode; a fresh one predicts exactly 0."""
    torch.manual_seed(seed)
    model = AdmUNet(flags).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal draws that depend on the seed alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def card_entries(folder: Path) -> dict[str, Any]:
    """What a card says, without the digest over it: whoever changes it by hand removes that."""
    values = json.loads((folder / "card.json").read_text("utf-8"))
    del values["sha256"]
    return values


def rewrite_card(folder: Path, **entries: object) -> None:
    """Change entries of a card by hand."""
    (folder / "card.json").write_text(json.dumps({**card_entries(folder), **entries}))


def command_line(
    *arguments: str, code: str = "", timeout_s: float = 120
) -> "subprocess.CompletedProcess[str]":
    """`flatdiff ...`, or `python -c code ...`, in its own process, which costs seconds."""
    start = ["-c", code] if code else ["-m", "flatdiff"]
    return subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=TESTS.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def typed(*words: str) -> "subprocess.CompletedProcess[str]":
    """The same in this process, where torch is loaded; a parser's refusal is a code, too."""
    said, errors = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["flatdiff", *words]
    try:
        with redirect_stdout(said), redirect_stderr(errors):
            code = main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(words, code, said.getvalue(), errors.getvalue())


def finished(run: Run, resume: bool = False) -> list[StepRecord]:
    """Run to the end."""
    return list(execute(run, resume))


def file_digests(out: Path) -> dict[str, str]:
    """SHA-256 of every weights file below a family."""
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.glob("*/weights.safetensors")
    }
