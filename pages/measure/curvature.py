"""Curvature: the Hessian of the loss, by its top, its sum and its spread."""

import math

import pandas as pd
import streamlit as st

from flatdiff.figures.curvature import density_lines, eigenvalue_dots
from flatdiff.figures.style import Series
from flatdiff.measures.curvature import LPF_SIGMAS, CurvatureResult, CurvatureSettings
from flatdiff.requests import make_request
from pages.shared.choose import choose_checkpoints, plain, seed_input, whole_number
from pages.shared.estimate import with_error
from pages.shared.job import job_panel, nothing_yet
from pages.shared.record import numbers, record, series_of


def as_row(result: CurvatureResult) -> dict[str, str]:
    """What one checkpoint's curvature comes to."""
    row = {
        "top eigenvalue": with_error(result.eigenvalues[0], result.eigenvalue_errors[0]),
        "lowest": with_error(result.lowest_eigenvalue, result.lowest_eigenvalue_error),
        "trace": with_error(result.trace, result.trace_stderr),
        "negative, %": with_error(100 * result.negative_share, 100 * result.negative_share_stderr),
        "‖gradient‖": f"{result.gradient_norm:.3g}" if math.isfinite(result.gradient_norm) else "",
    }
    for sigma in LPF_SIGMAS:
        row[f"LPF rise, σ {sigma:g}"] = with_error(*result.predicted_lpf_rise(sigma))
    return row


def as_table(series: list[Series]) -> pd.DataFrame:
    """One row a checkpoint."""
    rows = [as_row(entry.result) for entry in series]
    return pd.DataFrame(rows, index=[plain(entry.title) for entry in series])


st.title("Curvature")
st.markdown(
    "The **Hessian** says how the loss bends along every direction through the weights. Along one "
    "of its own directions, with **eigenvalue** λ, a step of length *s* bends the loss upwards by "
    "½·λ·*s*². The largest say how sharp the sharpest directions are; the sum of all, the "
    "**trace**, says how much small noise of size σ on every weight costs: ½·σ²·trace."
)
cards = choose_checkpoints()
columns = st.columns(4)
with columns[0]:
    eigenvalues = whole_number(
        "Eigenvalues", "num_eigenvalues", 3, 1, 16, help_text="From the largest down."
    )
with columns[1]:
    probes = whole_number(
        "Probes",
        "num_probes",
        6,
        2,
        1000,
        help_text="Vectors of random signs behind the trace and the density; the error falls with "
        "their square root.",
    )
with columns[2]:
    steps = whole_number(
        "Lanczos steps",
        "num_lanczos_steps",
        20,
        2,
        200,
        step=5,
        help_text="Hessian-vector products a probe: more of them resolve the density better.",
    )
with columns[3]:
    seed = seed_input("Of the probes; the same for every checkpoint.")

settings = CurvatureSettings(
    num_eigenvalues=eigenvalues, num_probes=probes, num_lanczos_steps=steps, seed=seed
)
handles = job_panel([make_request("curvature", card, settings) for card in cards])
series = series_of(cards, handles)
if not series:
    nothing_yet(handles, "press Run for eigenvalues, trace and density with their errors.")

st.table(as_table(series))
done = min(entry.result.num_probes for entry in series)
if done < probes:
    st.caption(f"Preliminary: {done} of {probes} probes are done.")
st.caption(
    "The ± of an eigenvalue is how far from it a true one is at most; every other is one standard "
    "error over probes. *Negative*: the share of negative eigenvalues in the sum of all squared "
    "ones; it moves with the number of Lanczos steps, which its error does not know. *LPF rise*: "
    "what the trace alone predicts; where the page Flatness measures another one, σ is too large "
    "for the loss to be a parabola."
)
st.subheader("Eigenvalues", divider="gray")
st.plotly_chart(
    eigenvalue_dots(series), key="eigenvalues", alt="Top and lowest eigenvalue of each checkpoint"
)
st.subheader("Spectral density", divider="gray")
st.plotly_chart(density_lines(series), key="density", alt="Eigenvalues per unit of curvature")
st.caption(
    "How many eigenvalues there are where, on a logarithmic scale: nearly all are so close to 0 "
    "that the loss does not feel them, and a few stand apart. Each is drawn as a bell 1 % as wide "
    "as the checkpoint's spectrum, so the height at 0 depends on that width; the lines end at a "
    "tenth of one eigenvalue."
)
st.info(
    "Curvature is not invariant under reparametrisation: scaling a layer in front of a "
    "normalisation changes the Hessian and not the network, so compare checkpoints of one "
    "architecture and training recipe. It is that of the loss on this panel, in eval mode, not of "
    "the population, and the gradient here is that of held-out images: it need not be 0.",
    icon=":material/info:",
)
numbers(cards, handles)
record(handles)
