"""Widgets of Gaussian weight noise: how strong, and how often."""

from pages.shared.choose import size, whole_number


def sigma_input() -> float:
    """The standard deviation of the noise, in [0, 1]."""
    return size("Sigma", "lpf_sigma", 0.01, 0.0, 1.0)


def perturbations_input(default: int, help_text: str) -> int:
    """How many perturbations; even, as they come in antithetic pairs."""
    return whole_number(
        "Perturbations", "num_perturbations", default, 4, 10_000, step=2, help_text=help_text
    )
