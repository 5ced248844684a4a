"""A 51 x 51 loss surface against loss-landscapes' random_plane, same network and panel.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.landscapes [--rounds 2]

Both sides run in turn and get all cores: the peer through torch's threads, in one process that is
loaded and warm; ours through engine, workers and store, from the request to the finished result,
at the default tolerance of 1 % of the range. What ours misses is measured after each round, on 961
cells of the plane that are computed exactly.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.surface import CHECKPOINT
from flatdiff.checkpoints.card import read_card
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.measures.request import make_request
from flatdiff.measures.surface import SurfaceResult, SurfaceSettings
from flatdiff.system.files import PROJECT_ROOT, checkpoint_root

STEPS = 51

PEER = f"""
import time, torch, loss_landscapes
from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.system.files import checkpoint_root
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
root = checkpoint_root()
card = read_card(root, "{CHECKPOINT}")
subject = Subject(card, load_model(root, card, torch.device("cpu")), Panel())
p = subject.tensors

class OnThePanel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = subject.model
    def forward(self, x_t):
        return self.network(x_t, p.t)

class PanelLoss(loss_landscapes.metrics.Metric):
    def __call__(self, model):
        with torch.inference_mode():
            out = model.forward(p.x_t)
            return float((out[:, : p.noise.shape[1]] - p.noise).square().mean())

model, metric = OnThePanel(), PanelLoss()
metric(loss_landscapes.model_interface.model_wrapper.wrap_model(model))
started = time.perf_counter()
loss_landscapes.random_plane(
    model, metric, distance=1, steps={STEPS}, normalization="filter", deepcopy_model=True
)
print(time.perf_counter() - started)
"""


def peer_seconds() -> float:
    """Wall time of the peer's plane, loading excluded."""
    found = subprocess.run(
        [sys.executable, "-c", PEER],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(found.stdout)


def surface(engine: Engine, settings: SurfaceSettings) -> tuple[float, SurfaceResult]:
    """Wall time and result of a surface that is not in the store."""
    card = read_card(engine.root, CHECKPOINT)
    started = time.perf_counter()
    result = engine.submit(make_request("surface", card, settings)).wait()
    return time.perf_counter() - started, result


def missed(ours: SurfaceResult, exact: SurfaceResult) -> float:
    """The largest error at every second point of the displayed grid, as a share of the range."""
    error = np.abs(ours.loss[::2, ::2] - exact.loss).max()
    return float(error / (exact.loss.max() - exact.loss.min()))


def main() -> None:
    """Print one line a round, the ratio's spread and the error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    os.environ["FLATDIFF_WORKER_PRIORITY"] = "normal"  # as the peer runs
    with tempfile.TemporaryDirectory() as home:
        engine = Engine(store=Store(Path(home) / "results.sqlite"), root=checkpoint_root())
        engine.start()
        surface(engine, SurfaceSettings(resolution=5, seed=10_000))  # starts and loads
        ratios, errors = [], []
        for seed in range(rounds):
            theirs = peer_seconds()
            seconds, ours = surface(engine, SurfaceSettings(mode="interpolated", seed=seed))
            ratios.append(theirs / seconds)
            print(
                f"loss-landscapes {theirs:6.1f} s   flatdiff {seconds:5.1f} s, "
                f"{ours.num_evaluations} points   ratio {ratios[-1]:.1f}",
                flush=True,
            )
            _, exact = surface(engine, SurfaceSettings(resolution=31, seed=seed))
            errors.append(missed(ours, exact))
        engine.close()
    print(
        f"ratio: median {statistics.median(ratios):.1f}, from {min(ratios):.1f} to "
        f"{max(ratios):.1f}; error at most {max(errors):.2%} of the range"
    )


if __name__ == "__main__":
    main()
