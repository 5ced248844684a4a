"""Curvature: the Hessian of the loss, by its top, its sum and its spread."""

import streamlit as st

from flatdiff.measures.curvature import CurvatureSettings
from flatdiff.measures.request import make_request
from flatdiff.views import SECTIONS
from pages.shared.choose import choose_checkpoints, seed_input, whole_number
from pages.shared.draw import draw
from pages.shared.drawer import settings_drawer
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.panel import choose_panel
from pages.shared.record import numbers, record, series_of
from pages.shared.verdict import say

st.title("Curvature")
explained(
    "How the loss bends around the weights: the larger the Hessian's eigenvalues, the sharper."
)
drawer = settings_drawer()
cards = choose_checkpoints(drawer)
with drawer:
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
            help_text="Vectors of random signs behind the trace and the density; the error falls "
            "with their square root.",
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
on = choose_panel(drawer)
handles = job_panel([make_request("curvature", card, settings, on(card)) for card in cards])
series = series_of(cards, handles)
if not series:
    nothing_yet(handles, "press Run for eigenvalues, trace and density with their errors.")

say("curvature", series)
eigenvalue_dots, density_lines = SECTIONS["curvature"].pictures(series, settings)
draw(eigenvalue_dots)
st.caption(
    "The largest eigenvalues of the Hessian. Along an eigenvector a step of length *s* bends the "
    "loss upwards by ½·λ·*s*². Their sum, the **trace**, says how much small noise of size σ on "
    "every weight costs: ½·σ²·trace."
)
st.dataframe(
    SECTIONS["curvature"].reading([(entry.title, entry.result) for entry in series]),
    hide_index=True,
    alt="Eigenvalues, trace and what they predict, with their errors",
)
done = min(entry.result.num_probes for entry in series)
if done < probes:
    st.caption(f"Preliminary: {done} of {probes} probes are done.")
st.caption(
    "The ± of the top eigenvalue and of the trace cover other panels, too; that of the lowest is "
    "how far from it a true one is at most, every other one standard error over probes. "
    "*Negative*: the share of negative eigenvalues in the sum of all squared ones; it moves with "
    "the number of Lanczos steps, which its error does not know. *LPF rise*: what the trace alone "
    "predicts on this panel; where the page Flatness measures another one, σ is too large for the "
    "loss to be a parabola."
)
st.subheader("Spectral density", divider="gray")
draw(density_lines)
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
