"""Rescaling: what follows from the algebra of a norm, and LPF measured another way."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import SettingsError
from flatdiff.landscape.noise import LpfMode
from flatdiff.landscape.rescaling import rescalable
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.rescaling import MEASURE, RescalingResult, RescalingSettings, factors_up_to
from tests.subjects import computed, digits_subject
from tests.tiny import TINY, random_network

SETTINGS = RescalingSettings(factors=(0.5, 1.0, 4.0), num_perturbations=6, lpf_sigma=0.05)
MODES: tuple[LpfMode, ...] = ("absolute", "filter_relative")


def network(factor: float = 1.0, eps: float | None = None) -> AdmUNet:
    """Random weights, those before a norm multiplied here by hand."""
    model = random_network(TINY)
    with torch.no_grad():
        for name in rescalable(dict(model.named_parameters()), use_scale_shift_norm=True):
            model.get_parameter(name).mul_(factor)
    for module in model.modules():
        if isinstance(module, nn.GroupNorm) and eps is not None:
            module.eps = eps
    return model


def of(count: int | None = None, eps: float | None = None) -> RescalingResult:
    """All items, or the first few."""
    return computed(digits_subject(4, model=network(eps=eps)), "rescaling", SETTINGS, count)


def test_loss_and_relative_noise_do_not_see_the_factor() -> None:
    """Without an eps both stay as they are, by algebra; absolute noise tells factors apart."""
    result = of(eps=0.0)
    np.testing.assert_allclose(result.loss, result.loss[1], rtol=1e-6)
    np.testing.assert_allclose(result.lpf[1], result.lpf[1, 1], rtol=1e-6)
    assert (result.largest_change < 1e-5 * result.loss[1]).all()
    assert (np.abs(result.change[0, [0, 2]]) > 1e-3).all()


def test_absolute_noise_at_a_factor_is_smaller_noise_at_none() -> None:
    """Before a norm, c w + delta is w + delta / c: the checkpoint itself under other noise."""
    result, subject = of(eps=0.0), digits_subject(4, model=network(eps=0.0))
    chosen = rescalable(subject.shapes, use_scale_shift_norm=True)
    for f, factor in enumerate(SETTINGS.factors):
        losses = []
        for k in range(3):
            delta = subject.noise_direction(0, k, "absolute")
            for slot in subject.weights.slots:
                if slot.name in chosen:
                    slot.of(delta).div_(factor)
            for sign in (1, -1):
                with subject.at((sign * 0.05, delta)):
                    losses.append(subject.losses().mean(dtype=np.float64))
        assert result.lpf[0, f] == pytest.approx(np.mean(losses), rel=1e-5)


def test_each_factor_is_lpf_of_the_rescaled_checkpoint() -> None:
    """By the measure of LPF itself, on networks that were multiplied in this file."""
    result = of()
    for f, factor in enumerate(SETTINGS.factors):
        subject = digits_subject(4, model=network(factor))
        assert result.loss[f] == pytest.approx(subject.losses().mean(), rel=1e-6)
        for m, mode in enumerate(MODES):
            settings = LpfSettings(mode=mode, lpf_sigma=0.05, num_perturbations=6)
            expected = computed(subject, "lpf", settings)
            assert result.lpf[m, f] == pytest.approx(expected.lpf, rel=1e-6)
            assert result.stderr[m, f] == pytest.approx(expected.stderr, rel=1e-4)


def test_changes_are_paired() -> None:
    """The error of a change is that of the differences under shared noise, by scipy."""
    result, subject = of(), digits_subject(4, model=network())
    pairs = {
        (f, k): MEASURE.evaluate(subject, SETTINGS, ("pair", f, 0, k))["perturbed"].mean()
        for f in range(3)
        for k in range(3)
    }
    for f in range(3):
        differences = [pairs[f, k] - pairs[1, k] for k in range(3)]
        assert result.change[0, f] == pytest.approx(np.mean(differences), abs=1e-12)
        assert result.change_stderr[0, f] == pytest.approx(stats.sem(differences), abs=1e-12)
    assert (result.change[:, 1] == 0).all()
    assert result.loss_change[1] == result.largest_change[1] == 0


@pytest.mark.parametrize("count", [0, 1, 3, 8, 9])
def test_in_the_making(count: int) -> None:
    """Seven items a factor: what is not there is unknown, and nothing is invented."""
    some, whole = of(count), of()
    done = [min(max(count - 7 * f, 0), 7) for f in range(3)]
    assert [not np.isnan(loss) for loss in some.loss] == [items > 0 for items in done]
    expected = [[2 * min(max(n - 1 - 3 * mode, 0), 3) for n in done] for mode in range(2)]
    assert some.num_perturbations.tolist() == expected
    complete = some.num_perturbations == 6
    np.testing.assert_array_equal(some.lpf[complete], whole.lpf[complete])
    assert np.isnan(some.lpf[some.num_perturbations == 0]).all()
    assert np.isnan(some.stderr[some.num_perturbations < 4]).all()
    if count < 9:  # no pair of factor 1 yet
        assert np.isnan(some.change).all()


def test_a_loss_that_broke_is_shown_as_such() -> None:
    """NaN is an answer, never left out of a mean."""
    items = MEASURE.items(SETTINGS)
    pair = {"perturbed": np.array([0.1, 0.2])}
    done: dict[int, Any] = {k: pair for k, item in enumerate(items) if item[0] == "pair"}
    done[items.index(("pair", 0, 0, 1))] = {"perturbed": np.array([np.nan, 0.2])}
    result = MEASURE.assemble(SETTINGS, done)
    assert np.isnan(result.lpf[0, 0])
    assert np.isnan(result.change[0, 0])
    assert result.lpf[0, 1] == pytest.approx(0.15)


def test_powers_of_two_to_both_sides() -> None:
    """By hand."""
    assert factors_up_to(2) == (0.5, 1.0, 2.0)
    assert factors_up_to(16) == (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("factors", ()),
        ("factors", (1.0,)),
        ("factors", (0.5, 2.0)),
        ("factors", (2.0, 1.0)),
        ("factors", (1.0, 1.0)),
        ("factors", (0.0, 1.0)),
        ("factors", (-1.0, 1.0)),
        ("factors", (1.0, 2048.0)),
        ("factors", (float("nan"), 1.0)),
        ("lpf_sigma", -0.1),
        ("lpf_sigma", float("inf")),
        ("num_perturbations", 5),
        ("num_perturbations", 2),
        ("seed", -1),
    ],
)
def test_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    """A table by hand."""
    with pytest.raises(SettingsError, match=f"^{name} must be"):
        RescalingSettings(**{name: value})
