"""A forward pass as a share of the machine's float32 GEMM rate, and one evaluation against it.

    python -m benchmarks.forward [--rounds 5]

One thread, as a worker has. The floating-point operations of the pass are counted by torch; the
GEMM rate is that of a product of two large square matrices. An evaluation moves the weights, runs
the panel through the network, takes the losses and moves the weights back.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.surface import CHECKPOINT
from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.system.files import checkpoint_root

GEMM_SIZE = 1536
REPEATS = 20


def seconds(call: Callable[[], object]) -> float:
    """Of one call, the mean of several."""
    call()
    started = time.perf_counter()
    for _ in range(REPEATS):
        call()
    return (time.perf_counter() - started) / REPEATS


def forward(subject: Subject) -> None:
    """The panel through the network, in the batches that an evaluation takes."""
    x, t, size = subject.tensors.x_t, subject.tensors.t, subject.batch_size
    for batch in zip(x.split(size), t.split(size), strict=True):
        subject.model(*batch)


def evaluation(subject: Subject) -> None:
    """One cell of a surface, as the worker computes it."""
    first, second = subject.plane(0, "filter")
    with subject.at((0.3, first), (-0.2, second)):
        subject.losses()


def main() -> None:
    """Print one line a round and the spread of both ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    torch.set_num_threads(1)
    root = checkpoint_root()
    card = read_card(root, CHECKPOINT)
    subject = Subject(card, load_model(root, card, torch.device("cpu")), Panel())
    matrix = torch.randn(GEMM_SIZE, GEMM_SIZE)
    shares, ratios = [], []
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            forward(subject)
        for _ in range(parser.parse_args().rounds):
            gemm = 2 * GEMM_SIZE**3 / seconds(lambda: matrix @ matrix)
            bare = seconds(lambda: forward(subject))
            shares.append(counter.get_total_flops() / bare / gemm)
            ratios.append(bare / seconds(lambda: evaluation(subject)))
            print(
                f"GEMM {gemm / 1e9:6.1f} GFLOP/s   forward {bare * 1e3:5.1f} ms, "
                f"{shares[-1]:.2f} of it   evaluation at {ratios[-1]:.3f} of the bare rate",
                flush=True,
            )
    for name, values in (("forward / GEMM", shares), ("evaluation / forward", ratios)):
        print(
            f"{name}: median {statistics.median(values):.3f}, "
            f"from {min(values):.3f} to {max(values):.3f}"
        )


if __name__ == "__main__":
    main()
