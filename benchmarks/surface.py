"""A 25 x 25 surface end to end against bare forward passes of the same network.

    python -m benchmarks.surface [--rounds 3]

Both sides run in turn on the same number of single-threaded processes. The bare side calls the
network on the panel in a loop and does nothing else; the other is what a visitor gets: engine,
workers, store, the noise floor and all. The ratio is evaluations a second over bare forwards a
second.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flatdiff.checkpoints.card import read_card
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.engine import Engine
from flatdiff.engine.private.start import CHILD_ENVIRONMENT, WORKER_ENVIRONMENT
from flatdiff.engine.store import Store
from flatdiff.measures.request import make_request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.files import PROJECT_ROOT, checkpoint_root

CHECKPOINT = "digits/adm"
BARE_SECONDS = 10.0

BARE = f"""
import time, torch
from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.system.files import checkpoint_root
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
root = checkpoint_root()
card = read_card(root, "{CHECKPOINT}")
subject = Subject(card, load_model(root, card, torch.device("cpu")), Panel())
size = subject.batch_size
batches = list(zip(subject.tensors.x_t.split(size), subject.tensors.t.split(size)))
count = 0
with torch.inference_mode():
    subject.model(*batches[0])
    started = time.perf_counter()
    while time.perf_counter() - started < {BARE_SECONDS}:
        for batch in batches:
            subject.model(*batch)
        count += 1
    print(count / (time.perf_counter() - started))
"""


def bare_rate(num_processes: int) -> float:
    """Forward passes of the panel a second, summed over processes that run at once."""
    environment = {**os.environ, **CHILD_ENVIRONMENT, **WORKER_ENVIRONMENT}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", BARE],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(num_processes)
    ]
    return sum(float(process.communicate()[0]) for process in running)


def surface_seconds(engine: Engine, seed: int) -> tuple[float, int]:
    """Wall time of one surface that is not in the store, and its evaluations."""
    card = read_card(engine.root, CHECKPOINT)
    request = make_request("surface", card, SurfaceSettings(seed=seed))
    started = time.perf_counter()
    engine.submit(request).wait()
    return time.perf_counter() - started, len(request.items)


def main() -> None:
    """Print one line a round and the ratio's spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    os.environ["FLATDIFF_WORKER_PRIORITY"] = "normal"  # as the bare side runs
    with tempfile.TemporaryDirectory() as home:
        cluster = Cluster()
        engine = Engine(
            store=Store(Path(home) / "results.sqlite"), cluster=cluster, root=checkpoint_root()
        )
        engine.start()
        surface_seconds(engine, seed=10_000)  # starts the workers and loads the checkpoint
        ratios = []
        for seed in range(rounds):
            bare = bare_rate(cluster.num_workers)
            seconds, evaluations = surface_seconds(engine, seed)
            ratios.append(evaluations / seconds / bare)
            print(
                f"bare {bare:6.1f} forwards/s   surface {seconds:6.1f} s, "
                f"{evaluations / seconds:6.1f} evaluations/s   ratio {ratios[-1]:.3f}",
                flush=True,
            )
        engine.close()
    print(
        f"ratio: median {statistics.median(ratios):.3f}, "
        f"from {min(ratios):.3f} to {max(ratios):.3f}, {cluster.num_workers} workers"
    )


if __name__ == "__main__":
    main()
