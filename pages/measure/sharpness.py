"""Sharpness: how far does the loss rise at the worst weights nearby?"""

import streamlit as st

from flatdiff.measures.request import make_request
from flatdiff.measures.sharpness import BALLS, SharpnessSettings, radii_up_to
from flatdiff.views import SECTIONS, View
from pages.shared.choose import choose_checkpoints, size, whole_number
from pages.shared.draw import draw_all
from pages.shared.drawer import settings_drawer
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.panel import choose_panel
from pages.shared.record import numbers, record, series_of
from pages.shared.verdict import say

BALL_TITLES = {"norm": "by the norm (SAM)", "adaptive": "by every weight's size (ASAM)"}

st.title("Sharpness")
explained(
    "How far does the loss rise at the worst weights nearby? It is what SAM makes small: not the "
    "mean over random directions, but the steepest way up."
)
drawer = settings_drawer()
cards = choose_checkpoints(drawer)
with drawer:
    columns = st.columns(3)
    with columns[0]:
        ball = st.selectbox(
            "Ball",
            BALLS,
            format_func=BALL_TITLES.__getitem__,
            key="ball",
            bind="query-params",
            help="By the norm: ‖δ‖ is at most the radius times ‖θ‖; the paper's ρ of 0.1 is a "
            "radius of 0.0005. By every weight's size: rescaling of layers cannot fake it.",
        )
    with columns[1]:
        largest = size("Largest radius", f"largest_{ball}_ball", 0.005, 1e-5, 1.0)
    with columns[2]:
        steps = whole_number(
            "Steps of the ascent",
            "num_ascent_steps",
            10,
            1,
            100,
            help_text="The first is SAM's own; more find worse weights.",
        )

settings = SharpnessSettings(ball=ball, radii=radii_up_to(largest), num_ascent_steps=steps)
on = choose_panel(drawer)
handles = job_panel([make_request("sharpness", card, settings, on(card)) for card in cards])
section = SECTIONS["sharpness"]
series = [entry for entry in series_of(cards, handles) if section.detail(entry.result)]
if not series:
    nothing_yet(handles, "press Run for the rise within four balls.")

say("sharpness", series)
upper = st.container()  # filled when it is known how the picture is wanted
log = st.toggle("Logarithmic rise", key="log", bind="query-params")
view = View(log=log)
with upper:
    draw_all(section.pictures(series, settings, view))
st.dataframe(
    section.reading([(entry.title, entry.result) for entry in series]),
    hide_index=True,
    alt="Rise of the loss by radius, at the worst weights and after one step",
)
st.caption(section.caveat)
numbers(cards, handles)
record(handles, view)
