"""Curvature of a quadratic loss is that of its matrix, and of LPF half of sigma^2 its trace."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from flatdiff.measures.base import stream_seed
from flatdiff.measures.curvature import (
    DIFFERENCE_FORWARDS,
    LPF_SIGMAS,
    MEASURE,
    PRODUCT_FORWARDS,
    CurvatureResult,
    CurvatureSettings,
)
from flatdiff.measures.lpf import LpfSettings
from tests.subjects import (
    NUM_MEMBERS,
    NUM_WEIGHTS,
    QuadraticSubject,
    computed,
    digits_subject,
    linear_subject,
    random_hessians,
)

PROBES = 10  # where their spread is the question
PANEL_SETTINGS = CurvatureSettings(num_eigenvalues=1, num_probes=6, num_lanczos_steps=2)
SETTINGS = CurvatureSettings(num_eigenvalues=3, num_probes=8, num_lanczos_steps=20)
# Mean over members: three eigenvalues below 0, a few near it, one far out.
VALUES = torch.cat([torch.tensor([-6.0, -3.0, -1.0, 50.0]), torch.linspace(0, 5, 16)])


def diagonal_subject() -> QuadraticSubject:
    """Members of different matrices whose mean is diagonal: random signs see it exactly."""
    shifts = random_hessians() - random_hessians().mean(dim=0)
    return QuadraticSubject(torch.diag(VALUES) + shifts, torch.ones(NUM_MEMBERS, NUM_WEIGHTS))


def mean_hessian(subject: QuadraticSubject) -> np.ndarray:
    """Of the panel's mean loss."""
    return subject.hessians.mean(dim=0).numpy()


def test_everything_of_a_diagonal_hessian_is_exact() -> None:
    """Every number by hand from the list of eigenvalues, and every error 0."""
    result = computed(diagonal_subject(), "curvature", SETTINGS)
    assert isinstance(result, CurvatureResult)
    np.testing.assert_allclose(result.eigenvalues, [50, 5, 14 / 3], rtol=1e-5)
    assert (result.eigenvalue_errors < 1e-3).all()
    assert result.trace == pytest.approx(40 + 40, rel=1e-5)
    squares = VALUES.double().numpy() ** 2
    assert result.negative_share == pytest.approx(46 / squares.sum(), rel=1e-5)
    assert result.lowest_eigenvalue == pytest.approx(-6, rel=1e-5)
    step = result.density_grid[1] - result.density_grid[0]
    assert result.density.sum() * step == pytest.approx(NUM_WEIGHTS, rel=1e-3)
    assert result.density_width == pytest.approx(0.56, rel=1e-4)
    for error in (result.trace_stderr, result.negative_share_stderr, *result.density_stderr):
        assert error == pytest.approx(0, abs=1e-4)
    assert result.gradient_norm == pytest.approx(NUM_WEIGHTS**0.5)
    assert (result.loss, result.num_probes) == (0.5, 8)


def traced(subject: QuadraticSubject, seed: int) -> CurvatureResult:
    """Some probes, without the search for eigenvalues."""
    settings = CurvatureSettings(num_probes=PROBES, num_lanczos_steps=2, seed=seed)
    items = enumerate(MEASURE.items(settings))
    done = {
        k: MEASURE.evaluate(subject, settings, item) for k, item in items if item[0] == "probe"
    }
    return MEASURE.assemble(settings, done)


def test_trace_and_its_error_on_a_full_hessian() -> None:
    """Hutchinson's variance is twice the sum of the squares beside the diagonal: of each probe.

    Errors too small or too large both show in the z-scores of 40 seeds.
    """
    subject = QuadraticSubject(random_hessians())
    matrix = mean_hessian(subject)
    variance = 2 * ((matrix**2).sum() - (matrix.diagonal() ** 2).sum())
    results = [traced(subject, seed) for seed in range(40)]
    z = (
        np.array([result.trace - matrix.trace() for result in results])
        / (variance / PROBES) ** 0.5
    )
    assert np.abs(z).max() < 4.5
    assert 0.7 < z.std() < 1.4
    assert abs(z.mean()) < 4 / len(z) ** 0.5
    errors = np.array([result.trace_stderr for result in results])
    # Each square is known to a half, their mean to 8 %.
    assert np.mean(errors**2) == pytest.approx(variance / PROBES, rel=0.2)


def test_each_members_part_of_the_trace_is_found_by_its_losses() -> None:
    """Of a quadratic, second differences are exact: v^T A_n v by the written-down matrices."""
    subject = QuadraticSubject(random_hessians())
    settings = CurvatureSettings(num_probes=2, num_lanczos_steps=2)
    for item in MEASURE.items(settings)[2:]:
        arrays = MEASURE.evaluate(subject, settings, item)
        signs = subject.curvature.signs(stream_seed(0, int(item[1])))
        expected = torch.einsum("i,nij,j->n", signs, subject.hessians, signs)
        np.testing.assert_allclose(arrays["members"], expected, rtol=1e-6)


@pytest.mark.parametrize("shift", [pytest.param(0.0, marks=pytest.mark.slow), 0.3])
def test_errors_over_panels_are_the_scatter_over_panels(shift: float) -> None:
    """Members drawn anew: z-scores of sixty panels, of the trace and of a fixed direction."""
    truth = torch.diag(torch.linspace(1, 20, NUM_WEIGHTS)) + shift
    results = []
    for seed in range(60):
        subject = QuadraticSubject(truth + random_hessians(seed) * 0.3)
        results.append(computed(subject, "curvature", replace(PANEL_SETTINGS, seed=seed)))
    off = [result.trace - float(truth.trace()) for result in results]
    z = np.array(off) / np.array([result.trace_total_stderr for result in results])
    assert 0.75 < z.std() < 1.35
    assert abs(z.mean()) < 4 / len(z) ** 0.5
    for result in results:
        assert result.trace_total_stderr >= result.trace_panel_stderr > 0
    top = np.array([result.eigenvalues[0] for result in results])
    errors = np.array([result.eigenvalue_panel_stderrs[0] for result in results])
    assert np.mean(errors**2) == pytest.approx(top.var(ddof=1), rel=0.5)


def test_ends_of_a_full_spectrum() -> None:
    """Against numpy's full decomposition of the written-down matrix."""
    subject = QuadraticSubject(random_hessians())
    values = np.linalg.eigvalsh(mean_hessian(subject))
    result = computed(subject, "curvature", SETTINGS)
    np.testing.assert_allclose(result.eigenvalues, values[::-1][:3], rtol=1e-6)
    assert result.lowest_eigenvalue == pytest.approx(values[0], rel=1e-6)


def test_few_lanczos_steps_show_the_ends_within_their_errors() -> None:
    """Ritz values lie inside the spectrum, and an eigenvalue within the error beside each."""
    subject = QuadraticSubject(random_hessians())
    values = np.linalg.eigvalsh(mean_hessian(subject))
    result = computed(subject, "curvature", CurvatureSettings(num_lanczos_steps=6))
    assert values[0] <= result.lowest_eigenvalue
    assert np.abs(values - result.lowest_eigenvalue).min() <= result.lowest_eigenvalue_error


def test_predicted_rise_is_the_one_that_lpf_measures() -> None:
    """Two measures that share no line: perturbed losses against products."""
    subject = QuadraticSubject(random_hessians())
    result = computed(subject, "curvature", CurvatureSettings(num_probes=100, num_lanczos_steps=2))
    for sigma in LPF_SIGMAS:
        measured = computed(subject, "lpf", LpfSettings(lpf_sigma=sigma, num_perturbations=400))
        rise, stderr = result.predicted_lpf_rise(sigma)
        assert stderr == pytest.approx(sigma**2 / 2 * result.trace_stderr)
        assert abs(rise - measured.gap) < 4.5 * np.hypot(stderr, measured.stderr)


def test_compared_checkpoints_get_the_same_probes() -> None:
    """A Hessian plus a constant raises every probe's trace by the same."""
    one, other = (
        computed(QuadraticSubject(random_hessians().double() + add), "curvature", SETTINGS)
        for add in (0, 3 * torch.eye(NUM_WEIGHTS))
    )
    assert other.trace - one.trace == pytest.approx(3 * NUM_WEIGHTS, rel=1e-9)
    assert other.trace_stderr == pytest.approx(one.trace_stderr, rel=1e-9)


@pytest.mark.parametrize("count", range(6))
def test_partial_results_say_how_much_they_hold(count: int) -> None:
    """Nothing, the gradient, the eigenvalues, then probe by probe; nothing is invented."""
    subject = QuadraticSubject(random_hessians())
    some, whole = (computed(subject, "curvature", SETTINGS, n) for n in (count, None))
    probes = max(count - 2, 0)
    assert some.num_probes == probes
    assert np.isnan(some.gradient_norm) == np.isnan(some.loss) == (count < 1)
    assert some.eigenvalues.shape == some.eigenvalue_errors.shape == (3,)
    assert np.isnan(some.eigenvalues).all() == (count < 2)
    assert np.isnan(some.trace) == np.isnan(some.lowest_eigenvalue) == (probes < 1)
    assert np.isnan(some.trace_stderr) == np.isnan(some.negative_share_stderr) == (probes < 2)
    assert (len(some.density_grid) > 0) == (len(some.density) > 0) == (probes > 0)
    assert not count or some.gradient_norm == whole.gradient_norm


def test_no_curvature_at_all() -> None:
    """A linear loss: its trace is exactly 0, and there is no direction to call the top."""
    result = computed(linear_subject(), "curvature", SETTINGS)
    assert (result.trace, result.trace_stderr, result.negative_share) == (0, 0, 0)
    assert np.isnan(result.eigenvalues).all()


def test_weights_that_are_not_numbers() -> None:
    """NaN in every place, without a warning, and the weights as they were."""
    subject = digits_subject(2)
    subject.weights.theta[5] = subject.weights.origin[5] = float("nan")
    result = computed(subject, "curvature", CurvatureSettings(num_probes=2, num_lanczos_steps=2))
    for name in ("loss", "gradient_norm", "trace", "trace_stderr", "lowest_eigenvalue"):
        assert np.isnan(getattr(result, name)), name
    assert np.isnan(result.eigenvalues).all()
    assert result.density_grid.size == 0


def test_cost_is_counted_in_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe takes as many as it has steps; the search for eigenvalues at least its estimate."""
    subject, calls = digits_subject(2), []
    product = subject.curvature.hessian_vector_product

    def counted(vector: Tensor) -> Tensor:
        calls.append(vector)
        return product(vector)

    monkeypatch.setattr(subject.curvature, "hessian_vector_product", counted)

    def count_and_estimate(item: tuple, steps: int) -> tuple[int, float]:
        settings = CurvatureSettings(num_lanczos_steps=steps, num_eigenvalues=1)
        calls.clear()
        MEASURE.evaluate(subject, settings, item)
        return len(calls), MEASURE.image_forwards(settings, item, 2) / (2 * PRODUCT_FORWARDS)

    for steps in (2, 7):
        found, estimated = count_and_estimate(("probe", 3), steps)
        differences = DIFFERENCE_FORWARDS / PRODUCT_FORWARDS
        assert (found, estimated) == (steps, pytest.approx(steps + differences))
    count, estimate = count_and_estimate(("eigen",), 2)
    assert estimate <= count + DIFFERENCE_FORWARDS / PRODUCT_FORWARDS


def test_weights_are_back_and_the_answer_is_the_same_again() -> None:
    """By bits, on the real network; another subject gives the same bits as well."""
    settings = CurvatureSettings(num_probes=2, num_lanczos_steps=3, num_eigenvalues=1)
    subject = digits_subject(2)
    before = subject.weights.theta.clone()
    one, again = (computed(s, "curvature", settings) for s in (subject, digits_subject(2)))
    assert torch.equal(subject.weights.theta, before)
    for name, value in vars(one).items():
        assert np.array_equal(value, getattr(again, name)), name
