"""Marks on the ruler, by hand on weights one can add up."""

import numpy as np
import pytest

from flatdiff.checkpoints.tensors import Tensors
from flatdiff.landscape.perturbation_sizes import Scales, distance, norm, ruler
from flatdiff.landscape.quantization import WIDTHS

THETA: Tensors = {
    "a": np.array([[3.0, 0.0], [0.0, 0.0]], np.float32),
    "b": np.array([4.0], np.float32),
}
MOVED: Tensors = {"a": THETA["a"] + 1, "b": THETA["b"] - 1}


def test_norm_and_distance() -> None:
    """3, 4 and 5; five weights moved by one."""
    assert norm(THETA) == 5
    assert distance(THETA, MOVED) == pytest.approx(5**0.5)


def test_norm_of_many_small_weights_is_not_lost() -> None:
    """A float32 sum of ten million squares of 1e-3 would stop growing."""
    assert norm({"w": np.full(10_000_000, 1e-3, np.float32)}) == pytest.approx(10**0.5, rel=1e-6)


def test_marks_by_hand() -> None:
    """Each kind's own formula over ||theta|| = 5."""
    scales = Scales(sam_rho=(0.5,), lpf_sigma=(0.1,), radii=(2.0,))
    marks = {(m.kind, m.label): m.relative_norm for m in ruler(THETA, {"moved": MOVED}, scales)}
    assert marks["SAM's ascent", "ρ = 0.5"] == pytest.approx(0.1)
    assert marks["LPF's noise", "σ = 0.1"] == pytest.approx(0.1 * 5**0.5 / 5)
    assert marks["Sphere", "γ = 2"] == pytest.approx(0.4)
    assert marks["Other checkpoints", "moved"] == pytest.approx(5**0.5 / 5)
    assert [label for kind, label in marks if kind == "Rounding"] == [
        f"{bits} bit" for bits in WIDTHS
    ]
    assert marks["Rounding", "2 bit"] == 0, "one value a tensor is on every grid"


def test_noise_has_the_norm_that_is_said() -> None:
    """Against noise that was drawn."""
    draw = np.random.default_rng(0)
    theta: Tensors = {"w": draw.normal(size=(300, 300)).astype(np.float32)}
    noisy: Tensors = {"w": theta["w"] + draw.normal(0, 0.02, (300, 300)).astype(np.float32)}
    (mark,) = (m for m in ruler(theta, {}, Scales(lpf_sigma=(0.02,))) if m.kind == "LPF's noise")
    assert mark.relative_norm == pytest.approx(distance(noisy, theta) / norm(theta), rel=0.02)


def test_fewer_bits_move_the_weights_further() -> None:
    """On Gaussian weights each bit less doubles the error, about."""
    theta: Tensors = {"w": np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)}
    errors = [m.relative_norm for m in ruler(theta, {}, Scales()) if m.kind == "Rounding"]
    ratios = np.array(errors[1:5]) / np.array(errors[:4])
    assert (ratios > 1.7).all()
    assert (ratios < 2.4).all()
