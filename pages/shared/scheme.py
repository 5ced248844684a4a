"""Widgets for what a bit width leaves open; the paper states none of it."""

from typing import Any

import streamlit as st

from flatdiff.landscape.quantization import CLIPPINGS, Clipping

GRANULARITIES = ("per tensor", "per channel")
SYMMETRIES = ("symmetric", "asymmetric")
RANGES: dict[Clipping, str] = {"minmax": "min to max", "mse": "MSE-optimal"}


def choose_options() -> dict[str, Any]:
    """The fields of `SchemeOptions`, by name."""
    columns = st.columns(3)
    with columns[0]:
        granularity = st.selectbox(
            "Granularity",
            GRANULARITIES,
            key="granularity",
            bind="query-params",
            help="One grid a tensor, or one for each slice along its first dimension; biases and "
            "norms have one in any case.",
        )
    with columns[1]:
        symmetry = st.selectbox(
            "Symmetry",
            SYMMETRIES,
            key="symmetry",
            bind="query-params",
            help="A grid around 0, or one from the smallest to the largest weight in which 0 is "
            "exact.",
        )
    with columns[2]:
        clipping = st.selectbox(
            "Range",
            CLIPPINGS,
            format_func=RANGES.__getitem__,
            key="clipping",
            bind="query-params",
            help="The whole range, or the share of it, in steps of 1 %, whose squared error is "
            "least.",
        )
    return {
        "per_channel": granularity == "per channel",
        "symmetric": symmetry == "symmetric",
        "clipping": clipping,
    }
