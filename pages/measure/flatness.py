"""Flatness: the paper's Table 3, measured here."""

from collections import Counter
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from flatdiff.checkpoints.averages import AVERAGES, BASES, METHODS, RAW, method_name
from flatdiff.engine.store import ACTIVE
from flatdiff.measures.lpf import LpfResult, LpfSettings
from flatdiff.measures.request import make_request
from flatdiff.paper.reported import TABLE_3
from flatdiff.views import SECTIONS, View
from pages.shared.choose import choose_checkpoints, seed_input, timestep_bins_input
from pages.shared.compare import comparison_sentences
from pages.shared.draw import draw, draw_timesteps
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.noise import mode_input, perturbations_input, sigma_input
from pages.shared.panel import choose_panel
from pages.shared.plain import plain
from pages.shared.record import numbers, record, results_of, series_of
from pages.shared.verdict import say

# As the paper heads its columns.
KINDS = {RAW: RAW} | {kind: f"+{average.title}" for kind, average in AVERAGES.items()}


def as_table(results: Mapping[str, LpfResult]) -> pd.DataFrame:
    """By method: base ones in rows, kinds of weights in columns, as the paper prints it."""
    scores = {method: f"{r.lpf:.4f} ± {r.stderr:.4f}" for method, r in results.items()}
    cells = [[scores.get(method_name(base, kind), "") for kind in KINDS] for base in BASES]
    return pd.DataFrame(cells, index=list(BASES.values()), columns=list(KINDS.values()))


def reported() -> None:
    """As the paper reports it."""
    st.table(TABLE_3.style.format("{:.3f}"))
    st.caption(
        "Other network, other data, and a sigma the paper does not state: compare the pattern "
        "of the rows, not the values."
    )


st.title("Flatness")
explained("**LPF** is the mean loss under Gaussian noise on the weights: the lower, the flatter.")
drawer = settings_drawer()
cards = choose_checkpoints(drawer, everything=True)
with drawer:
    columns = st.columns(5)
    with columns[0]:
        mode = mode_input("lpf_mode", "absolute")
    with columns[1]:
        sigma = sigma_input()
    with columns[2]:
        perturbations = perturbations_input(
            100, "At most, in antithetic pairs; the error falls with their square root."
        )
    with columns[3]:
        percent = st.number_input(
            "Stop at error (%)",
            0.0,
            50.0,
            0.0,
            step=0.5,
            key="relative_stderr",
            bind="query-params",
            help="Enough once the standard error is this share of LPF; 0 runs all perturbations.",
        )
    with columns[4]:
        seed = seed_input("Of the weight noise; the same for every checkpoint.")

settings = LpfSettings(
    mode=mode,
    lpf_sigma=sigma,
    num_perturbations=perturbations,
    relative_stderr=percent / 100,
    seed=seed,
)
on = choose_panel(drawer)
handles = job_panel([make_request("lpf", card, settings, on(card)) for card in cards])
series = series_of(cards, handles)
if not series:
    nothing_yet(handles, "press Run for a score with its error.")

say("lpf", series)
upper = st.container()  # filled when it is known how many bins are asked for

st.subheader("At which timesteps?", divider="gray")
view = View(timestep_bins=timestep_bins_input())
dots, *timesteps = SECTIONS["lpf"].pictures(series, settings, view)
with upper:
    draw(dots)
    if any(job.state in ACTIVE for handle in handles if (job := handle.job())):
        st.caption("Preliminary: not all perturbations are done.")
    norms = [entry.result.relative_perturbation_norm for entry in series]
    st.caption(
        f"Mean and its 95 % interval over other noise on this panel. This noise moves the weights "
        f"by {min(norms):.1%} to {max(norms):.1%} of their norm."
    )
    if mode == "absolute":
        st.caption(
            "Absolute noise is not comparable between networks whose layers are scaled "
            "differently; switch to filter-relative noise for that."
        )
    comparison_sentences(cards, handles, lambda result: result.rises)
draw_timesteps(timesteps, cards)
known = [pair for pair in results_of(cards, handles) if pair[0].method in METHODS]
by_step = sorted(known, key=lambda pair: pair[0].step)  # of a run's states, the last one counts
for family, count in Counter(card.family for card, _ in known).items():
    if count < len(BASES):  # a table of two is an empty one
        continue
    st.subheader(f"LPF, {plain(family)}, measured", divider="gray")
    st.table(as_table({card.method: r for card, r in by_step if card.family == family}))
st.caption(
    "The paper finds that SAM flattens a diffusion model, and that EMA, SWA and input "
    "perturbation hardly do."
)
folded("The paper's Table 3, as reported (CIFAR-10)", reported, "reported-flatness")
numbers(cards, handles)
record(handles, view)
