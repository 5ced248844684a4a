"""How far interpolated surfaces are from the truth, beside what they say of it.

    python -m benchmarks.interpolation [--planes 20] [--panel-size 48]

Random planes through two of the bundled checkpoints in turn, at three spans. Each surface is made
as a page makes it; then the network is asked at points that it was not told of: over the whole
plane, and in the middle, within half a cell of the coarsest nodes. Printed are the largest misses
as shares of the range and of the rise in the middle, and their ratios to the estimates.
"""

import argparse
import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.landscape.interpolation import interpolation_matrix
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures.surface import MEASURE, SurfaceResult, SurfaceSettings
from flatdiff.system.arrays import Arrays
from flatdiff.system.files import checkpoint_root

CHECKPOINTS = ("digits/adm", "digits/sam")
SPANS = (0.5, 1.0, 3.0)
FIRST_SEED = 1000  # of planes that nothing here was made for
NUM_POINTS, NUM_NEAR = 64, 32
NEAR = 1 / 8  # of the span: half a cell


@dataclass(frozen=True)
class Missed:
    """One surface."""

    range: float  # of the loss
    rise: float  # largest in the middle, at the points asked
    error: float  # largest over the plane
    near: float  # largest in the middle
    said: SurfaceResult


def subject_of(checkpoint: str, panel_size: int) -> Subject:
    """On this machine's processor."""
    root = checkpoint_root()
    card = read_card(root, checkpoint)
    return Subject(card, load_model(root, card, torch.device("cpu")), Panel(size=panel_size))


def missed(subject: Subject, settings: SurfaceSettings) -> Missed:
    """Make a surface, and look where it was not told anything."""
    items, done = MEASURE.items(settings), dict[int, Arrays]()
    while wanted := [k for k in MEASURE.needed(settings, done) if k not in done]:
        done |= {k: MEASURE.evaluate(subject, settings, items[k]) for k in wanted}
    said = MEASURE.assemble(settings, done)
    draw = np.random.default_rng(settings.seed)
    places = np.concatenate(
        [draw.uniform(-1, 1, (NUM_POINTS, 2)), draw.uniform(-NEAR, NEAR, (NUM_NEAR, 2))]
    )
    truth = np.array([loss_at(subject, settings, *place) for place in places])
    nodes = {items[k][1:]: arrays for k, arrays in done.items() if items[k][0] == "node"}
    losses = np.array([arrays["losses"].mean(dtype=np.float64) for arrays in nodes.values()])
    guess = interpolation_matrix(settings.grids.places(list(nodes)), places) @ losses
    miss = np.abs(guess - truth)
    rise = float(np.abs(truth[NUM_POINTS:] - said.base_loss).max())
    span = float(np.ptp([*truth, *losses]))
    return Missed(span, rise, float(miss.max()), float(miss[NUM_POINTS:].max()), said)


def loss_at(subject: Subject, settings: SurfaceSettings, b: float, a: float) -> float:
    """The truth at one place of the plane, in units of the span."""
    first, second = subject.plane(settings.seed, settings.normalization)
    with subject.at((settings.span * a, first), (settings.span * b, second)):
        return float(subject.losses().mean(dtype=np.float64))


def spread(what: str, values: NDArray[np.float64], form: str) -> str:
    """Median, one in twenty, and worst."""
    told = (np.median(values), np.quantile(values, 0.95), values.max())
    return f"{what}: median {told[0]:{form}}, 95 % below {told[1]:{form}}, worst {told[2]:{form}}"


def main() -> None:
    """Print a line a surface, then the spreads by span."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=20)
    parser.add_argument("--panel-size", type=int, default=48)
    arguments = parser.parse_args()
    subjects = [subject_of(name, arguments.panel_size) for name in CHECKPOINTS]
    found: dict[float, list[Missed]] = {span: [] for span in SPANS}
    for plane, span in itertools.product(range(arguments.planes), SPANS):
        settings = SurfaceSettings(mode="interpolated", span=span, seed=FIRST_SEED + plane)
        one = missed(subjects[plane % len(subjects)], settings)
        found[span].append(one)
        print(
            f"{CHECKPOINTS[plane % 2]}, seed {settings.seed}, span {span:g}: {one.said.mode}, "
            f"{one.said.num_evaluations} points; {one.error / one.range:.2%} of the range (said "
            f"{one.said.error_estimate / one.range:.2%}), {one.near / one.rise:.1%} of the rise "
            f"in the middle (said {one.said.centre_error / one.said.centre_rise:.1%})",
            flush=True,
        )
    for span, those in found.items():
        smooth = [one for one in those if one.said.mode == "interpolated"]
        print(f"span {span:g}: {len(smooth)} of {len(those)} planes interpolated")
        ranged = np.array([one.error / one.range for one in smooth])
        risen = np.array([one.near / one.rise for one in smooth])
        to_said = np.array([one.error / one.said.error_estimate for one in smooth])
        near_said = np.array([one.near / one.said.centre_error for one in smooth])
        print("  " + spread("share of the range", ranged, ".2%"))
        print("  " + spread("share of the rise in the middle", risen, ".1%"))
        print("  " + spread("true over estimated, everywhere", to_said, ".2f"))
        print("  " + spread("true over estimated, in the middle", near_said, ".2f"))


if __name__ == "__main__":
    main()
