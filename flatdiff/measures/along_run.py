"""What is measured of a run's weights every so many steps: a small LPF, and a few samples.

The same panel of held-out images, the same weight noise and the same x_T at every step and for
every run, so that lines over steps differ by the weights alone. Small, because a run waits for it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from flatdiff.checkpoints.recipe import Recipe
from flatdiff.diffusion.any_flags import Flags
from flatdiff.landscape.panel import Panel
from flatdiff.measures import lpf, samples
from flatdiff.measures.base import Measure
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.training.evaluations import Evaluation, Samples
from flatdiff.training.run_cost import FORWARDS_A_GRADIENT, GRADIENTS
from flatdiff.training.run_history import round_up

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable

PANEL_SIZE = 64  # held-out images with their timesteps and noise
LPF = LpfSettings(mode="filter_relative", lpf_sigma=0.01, num_perturbations=16)
NUM_SAMPLES = 8
NUM_SAMPLING_STEPS = 10
MOST_A_RUN = 100  # where nobody says how often
MAX_SHARE = 0.04  # of the time of training, where nobody says how often


def panel_of(dataset: str) -> Panel:
    """On which every step of a run is measured."""
    return Panel(dataset=dataset, size=PANEL_SIZE)


def evaluate_step(subject: "Measurable", step: int) -> tuple[Evaluation, Samples]:
    """Measure the weights after a step; it takes some hundred passes of one image."""
    found = _answer(lpf.MEASURE, LPF, subject)
    numbers = Evaluation(step, found.lpf, found.stderr, found.loss)
    flags = subject.card.flags
    if samples.MEASURE.unfit(flags):
        return numbers, np.zeros((0, 1, 1, 1), np.uint8)
    return numbers, _answer(samples.MEASURE, _samples(flags), subject).images[0]


def image_forwards(flags: Flags) -> int:
    """Images that pass the network for one evaluation."""
    asked: list[tuple[Measure[Any, Any], Any]] = [(lpf.MEASURE, LPF)]
    if not samples.MEASURE.unfit(flags):
        asked.append((samples.MEASURE, _samples(flags)))
    return sum(
        measure.image_forwards(settings, item, PANEL_SIZE)
        for measure, settings in asked
        for item in measure.items(settings)
    )


def expected_share(recipe: Recipe, every_steps: int) -> float:
    """Of a run's whole time, as passes through the network tell; in (0, 1)."""
    here = image_forwards(recipe.flags)
    gradients = every_steps * GRADIENTS[recipe.method]
    return here / (here + gradients * recipe.batch_size * FORWARDS_A_GRADIENT)


def usual_every_steps(recipe: Recipe) -> int | None:
    """How often, where nobody says: the same for every method; None where a run is too short."""
    a_step = recipe.batch_size * FORWARDS_A_GRADIENT
    affordable = image_forwards(recipe.flags) / (a_step * MAX_SHARE)
    every = round_up(max(affordable, recipe.steps / MOST_A_RUN))
    return every if every <= recipe.steps else None


def _samples(flags: Flags) -> SamplesSettings:
    """Of a process of fewer steps, all of them."""
    steps = min(NUM_SAMPLING_STEPS, flags.diffusion_steps)
    return SamplesSettings(num_images=NUM_SAMPLES, num_sampling_steps=steps, bits=(32,))


def _answer(measure: Measure[Any, Any], settings: Any, subject: "Measurable") -> Any:
    """All items of a measure, one after another in this process."""
    items = enumerate(measure.items(settings))
    return measure.assemble(
        settings, {k: measure.evaluate(subject, settings, item) for k, item in items}
    )
