"""Similarity: do several checkpoints compute the same, and how far are their weights apart?"""

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.collection import short_names
from flatdiff.engine.engine import shared_engine
from flatdiff.measures.request import architecture_of, completed, make_request
from flatdiff.measures.similarity import SimilaritySettings
from flatdiff.views import SECTIONS, View
from flatdiff.views.similarity import similarity_sentence
from pages.shared.choose import choose_checkpoints
from pages.shared.draw import draw_all
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.panel import choose_panel
from pages.shared.plain import plain
from pages.shared.record import numbers, record, series_of


def of_one_architecture(cards: list[Card]) -> list[Card]:
    """Those that have the first one's blocks; a sentence for others, a stop where none is left."""
    first = cards[0]
    for card in cards[1:]:
        if architecture_of(card) != architecture_of(first):
            st.warning(f"{plain(card.id)} is left out: it has another network than {first.id}.")
    kept = [card for card in cards if architecture_of(card) == architecture_of(first)]
    if len(kept) < 2:
        st.info("Choose at least two checkpoints of one architecture, under Settings.")
        st.stop()
    return kept


st.title("Similarity")
explained(
    "Do several checkpoints compute the same? How alike their activations are (CKA), block by "
    "block, how far apart the noises are that they predict, and their weights."
)
drawer = settings_drawer()
cards = of_one_architecture(choose_checkpoints(drawer, everything=True, measures=["similarity"]))
first, *others = cards
on, root = choose_panel(drawer), shared_engine().root
settings = completed(SimilaritySettings(), root, first)
handles = job_panel([make_request("similarity", first, settings, on(first), others)])
section = SECTIONS["similarity"]
series = [entry for entry in series_of([first], handles) if section.detail(entry.result)]
if not series:
    nothing_yet(handles, "press Run: every checkpoint looks at the same images.")

names = short_names(cards)
titles = [names[card.id] for card in cards]
st.markdown(f"**{plain(similarity_sentence(series[0].result, titles))}**")
upper = st.container()  # filled when it is known how the picture is wanted
log = st.toggle("Logarithmic difference", key="log", bind="query-params")
view = View(log=log, names=titles, methods=[card.method for card in cards])
with upper:
    draw_all(section.pictures(series, settings, view))
st.caption(section.caveat)
found = section.reading([(titles[0], series[0].result)])
found["against the first"] = titles[1:]
folded(
    f"Against {titles[0]}, in numbers",
    lambda: st.dataframe(found, hide_index=True, alt="Likeness, difference and distance"),
    "reading-similarity",
)
numbers([first], handles)
record(handles, view)
