"""Radius: how high is the loss at a given distance from the weights?"""

import streamlit as st

from flatdiff.landscape.noise import NOISES
from flatdiff.measures.radius import RadiusSettings, even_sizes
from flatdiff.measures.request import make_request
from flatdiff.views import SECTIONS, View
from pages.shared.choose import (
    choose_checkpoints,
    seed_input,
    size,
    timestep_bins_input,
    whole_number,
)
from pages.shared.compare import comparison_sentences
from pages.shared.draw import draw_all, draw_timesteps
from pages.shared.drawer import settings_drawer
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.panel import choose_panel
from pages.shared.record import numbers, record, series_of
from pages.shared.verdict import say

NOISE_TITLES = {
    "sphere": "on a sphere",
    "absolute": "Gaussian, absolute",
    "filter_relative": "Gaussian, filter-relative",
}
LARGEST = {"sphere": 10.0, "absolute": 0.02, "filter_relative": 0.05}

st.title("Loss against distance")
explained(
    "How high is the loss at a distance from the checkpoint? The slower it rises, the flatter."
)
drawer = settings_drawer()
cards = choose_checkpoints(drawer)
with drawer:
    columns = st.columns(5)
    with columns[0]:
        noise = st.selectbox(
            "Perturbations",
            NOISES,
            format_func=NOISE_TITLES.__getitem__,
            key="noise",
            bind="query-params",
            help="On a sphere: one Gaussian vector over all weights, scaled to the norm γ.",
        )
    with columns[1]:
        largest = size("Largest size", f"largest_{noise}", LARGEST[noise], 0.0001, 1000.0)
    with columns[2]:
        count = whole_number("Sizes", "sizes", 8, 2, 40)
    with columns[3]:
        directions = whole_number(
            "Directions",
            "num_directions",
            16,
            2,
            1000,
            step=4,
            help_text="Each is gone both ways; the error falls with their square root.",
        )
    with columns[4]:
        seed = seed_input("Of the directions; the same for every checkpoint and size.")

settings = RadiusSettings(
    noise=noise, sizes=even_sizes(largest, count), num_directions=directions, seed=seed
)
on = choose_panel(drawer)
handles = job_panel([make_request("radius", card, settings, on(card)) for card in cards])
detail = SECTIONS["radius"].detail
series = [entry for entry in series_of(cards, handles) if detail(entry.result)]
if not series:
    nothing_yet(handles, "press Run for a curve with its error.")

say("radius", series)
upper = st.container()  # filled when it is known how the picture is wanted
with st.container(horizontal=True):
    relative = st.toggle("Relative to ‖θ‖", key="relative", bind="query-params")
    spaghetti = st.toggle("Every direction", key="spaghetti", bind="query-params")
    log = st.toggle("Logarithmic loss", key="log", bind="query-params")

table = st.container()
st.subheader("At which timesteps?", divider="gray")
view = View(log=log, relative=relative, spaghetti=spaghetti, timestep_bins=timestep_bins_input())
curves, *timesteps = SECTIONS["radius"].pictures(series, settings, view)
with upper:
    draw_all([curves])
with table:
    st.dataframe(
        SECTIONS["radius"].reading([(entry.title, entry.result) for entry in series]),
        hide_index=True,
        alt="Slope over the distance and rise at the largest size, with their errors",
    )
    st.caption(SECTIONS["radius"].caveat)
    st.caption("Over random directions (paper, Fig. 5); with Gaussian noise it is LPF over its σ.")
    comparison_sentences(cards, handles, lambda result: result.rises)
if draw_timesteps(timesteps, cards):
    st.caption(
        "Rise of the loss of the panel members in each bin of the timesteps, on one colour "
        "scale; the same passes as above, sorted."
    )
numbers(cards, handles)
record(handles, view)
