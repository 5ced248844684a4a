"""A class-conditional network goes through every measure, told the classes of the digits."""

import dataclasses

import numpy as np
import pytest

from flatdiff.measures import MEASURES
from tests.subjects import digits_subject
from tests.tiny import TINY

CONDITIONAL = dataclasses.replace(TINY, num_classes=10)
# Of measures whose settings ask for more than one of a tiny network.
SMALLER = {
    "frechet": {"num_images": 8, "num_sampling_steps": 2},
    "exposure": {"num_images": 8, "num_sampling_steps": 2},
    "samples": {"num_images": 8, "num_sampling_steps": 2, "classes": (3, 7)},
    "sensitivity": {"layers": ("out.2.weight",)},
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_first_item_of_every_measure_is_computed(name: str) -> None:
    """No measure asks the network without its classes, and every number is one."""
    measure = MEASURES[name]
    settings = measure.settings_type(**SMALLER.get(name, {}))
    item = next(iter(measure.items(settings)))
    arrays = measure.evaluate(digits_subject(flags=CONDITIONAL), settings, item)
    numbers = [values for values in arrays.values() if values.dtype.kind in "fiu"]
    assert numbers
    assert all(np.isfinite(values).all() for values in numbers)
