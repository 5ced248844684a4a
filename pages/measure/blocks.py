"""Blocks: which part of the network is sharp, and does rounding hurt the same part?"""

from functools import partial

import streamlit as st

from flatdiff.engine.engine import shared_engine
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.blocks import MAX_SIGMA, BlocksSettings
from flatdiff.measures.request import completed, make_request
from flatdiff.views import SECTIONS, View
from flatdiff.views.blocks import agreements
from pages.shared.choose import choose_checkpoints, seed_input, size, whole_number
from pages.shared.draw import draw_all
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.noise import mode_input
from pages.shared.panel import choose_panel
from pages.shared.plain import plain
from pages.shared.record import numbers, record, series_of
from pages.shared.scheme import choose_options

HELP = (
    "Spearman's rank correlation over blocks with its 95 % interval, a bootstrap over them. "
    "Blocks of one network are no independent cases, and one training run is one case."
)

st.title("Blocks")
explained(
    "Which part of the network is sharp, and is it the part that rounding hurts? One block at a "
    "time is moved, the others stay."
)
drawer = settings_drawer()
cards = choose_checkpoints(drawer)
with drawer:
    columns = st.columns(5)
    with columns[0]:
        mode = mode_input("block_noise", BlocksSettings.mode)
    with columns[1]:
        sigma = size("Sigma", "block_sigma", BlocksSettings.lpf_sigma, 1e-4, MAX_SIGMA)
    with columns[2]:
        perturbations = whole_number(
            "Perturbations",
            "block_perturbations",
            BlocksSettings.num_perturbations,
            4,
            1000,
            step=2,
            help_text="Of each block, in antithetic pairs.",
        )
    with columns[3]:
        bits = st.selectbox(
            "Bits",
            WIDTHS,
            WIDTHS.index(BlocksSettings.bits),
            key="bits",
            bind="query-params",
            help="Of the one block; the others keep all of theirs.",
        )
    with columns[4]:
        seed = seed_input("Of the weight noise; the same for every checkpoint and block.")
    options = choose_options()

settings = BlocksSettings(
    mode=mode,
    lpf_sigma=sigma,
    num_perturbations=perturbations,
    bits=bits,
    seed=seed,
    **options,
)
on, root = choose_panel(drawer), shared_engine().root
handles = job_panel(
    [make_request("blocks", card, completed(settings, root, card), on(card)) for card in cards]
)
section = SECTIONS["blocks"]
series = [entry for entry in series_of(cards, handles) if section.detail(entry.result)]
if not series:
    nothing_yet(handles, "press Run for four numbers of every block.")

*others, last = agreements(series) or [""]
if last:
    st.markdown(f"**{plain(last)}**", help=HELP)
upper = st.container()  # filled when it is known how the picture is wanted
log = st.toggle("Logarithmic", key="log", bind="query-params")
view = View(log=log)
with upper:
    draw_all(section.pictures(series, settings, view))
for sentence in others:
    st.markdown(plain(sentence))
st.caption(section.caveat)
found = section.reading([(entry.title, entry.result) for entry in series])
folded(
    "Block by block, and all of them together",
    partial(st.dataframe, found, hide_index=True, alt="Every block's numbers with their errors"),
    "reading-blocks",
)
numbers(cards, handles)
record(handles, view)
