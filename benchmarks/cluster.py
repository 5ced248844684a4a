"""What more workers buy, and what a checkpoint's way to another machine costs.

    python -m benchmarks.cluster [--workers 1 2 4] [--rounds 2]

A scheduler and workers, each with a state directory of its own as if it were a machine, all on
this one: with more workers than cores there is nothing to gain, and what is lost is seen. Each
round computes the same surface, every cell, once with each number of workers; loading is not
timed, as a machine does it once.
"""

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.surface import CHECKPOINT
from flatdiff.checkpoints.card import WEIGHTS_FILE, read_card, write_card
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.delivery import send
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.measures.request import make_request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.files import checkpoint_root
from tests.machines import Machines, until

RESOLUTION = 13
WEIGHTS_MB = 228  # of the paper's CIFAR-10 network


def surface_seconds(engine: Engine, settings: SurfaceSettings) -> float:
    """From the request to the stored result."""
    card = read_card(engine.root, CHECKPOINT)
    started = time.perf_counter()
    engine.submit(make_request("surface", card, settings)).wait()
    return time.perf_counter() - started


def seconds_with(num_workers: int, folder: Path, seed: int) -> float:
    """The surface on so many workers, all of which have loaded the checkpoint."""
    machines = Machines(folder / "machines")
    for _ in range(num_workers):
        machines.add()
    until(lambda: machines.number == num_workers, "workers")
    engine = Engine(
        store=Store(folder / "results.sqlite"),
        cluster=Cluster(machines.address),
        root=checkpoint_root(),
    )
    engine.start()
    try:
        surface_seconds(engine, SurfaceSettings(resolution=7, seed=seed + 10_000))
        return surface_seconds(engine, SurfaceSettings(resolution=RESOLUTION, seed=seed))
    finally:
        engine.close()
        machines.close()


def sending_seconds(folder: Path) -> float:
    """As many bytes as a large checkpoint has, sent to another process and checked there."""
    content = np.random.default_rng(0).bytes(WEIGHTS_MB << 20)
    card = replace(
        read_card(checkpoint_root(), CHECKPOINT), digest=hashlib.sha256(content).hexdigest()
    )
    place = folder / "checkpoints" / card.id
    place.mkdir(parents=True)
    (place / WEIGHTS_FILE).write_bytes(content)
    write_card(place, card)
    machines = Machines(folder / "machines")
    machines.add()
    until(lambda: machines.number == 1, "a worker")
    [worker] = machines.client.scheduler_info(n_workers=-1)["workers"]
    started = time.perf_counter()
    send(machines.client, worker, folder / "checkpoints", card.id)
    seconds = time.perf_counter() - started
    machines.close()
    return seconds


def main() -> None:
    """Print one line a number of workers, and one for sending weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    os.environ["FLATDIFF_WORKER_PRIORITY"] = "normal"
    times: dict[int, list[float]] = {count: [] for count in arguments.workers}
    for seed in range(arguments.rounds):
        for count in arguments.workers:
            with tempfile.TemporaryDirectory() as folder:
                times[count].append(seconds_with(count, Path(folder), seed))
    base = statistics.median(times[arguments.workers[0]])
    for count, found in times.items():
        print(
            f"{count} workers on {os.cpu_count()} cores: {statistics.median(found):.1f} s "
            f"({min(found):.1f} to {max(found):.1f}), {base / statistics.median(found):.2f} times "
            f"as fast as {arguments.workers[0]}"
        )
    with tempfile.TemporaryDirectory() as folder:
        seconds = sending_seconds(Path(folder))
    print(f"a checkpoint of {WEIGHTS_MB} MB: sent, checked and in place after {seconds:.1f} s")


if __name__ == "__main__":
    main()
