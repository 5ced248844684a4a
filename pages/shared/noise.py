"""Widgets of Gaussian weight noise: how strong, and how often."""

import streamlit as st

from flatdiff.landscape.noise import LPF_MODES, LpfMode
from pages.shared.choose import size, whole_number

MODE_TITLES: dict[LpfMode, str] = {"absolute": "absolute", "filter_relative": "filter-relative"}


def mode_input(key: str, default: LpfMode) -> LpfMode:
    """Of what size the noise on a weight is."""
    return st.selectbox(
        "Noise",
        LPF_MODES,
        LPF_MODES.index(default),
        format_func=MODE_TITLES.__getitem__,
        key=key,
        bind="query-params",
        help="Absolute: one sigma for every weight. Relative: sigma in units of each filter's "
        "size, which rescaling a layer does not change.",
    )


def sigma_input() -> float:
    """The standard deviation of the noise, in [0, 1]."""
    return size("Sigma", "lpf_sigma", 0.01, 0.0, 1.0)


def perturbations_input(default: int, help_text: str) -> int:
    """How many perturbations; even, as they come in antithetic pairs."""
    return whole_number(
        "Perturbations", "num_perturbations", default, 4, 10_000, step=2, help_text=help_text
    )
