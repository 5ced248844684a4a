"""Checkpoints: what is there to measure?"""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from flatdiff.checkpoints.card import Card, card_ids, list_cards
from flatdiff.checkpoints.collection import METHOD_PLANE, bundled_path
from flatdiff.engine.engine import shared_engine
from flatdiff.images.datasets import is_folder
from flatdiff.system.access import Action, may
from pages.gallery.adding import add_dialog
from pages.gallery.detail import show_detail
from pages.gallery.dialogs import SAID, delete_dialog, images_dialog
from pages.gallery.filters import choose_filters
from pages.gallery.histories import show_histories
from pages.gallery.known import SHOWN, gallery_requests, known_of
from pages.gallery.listing import OPENED, as_cards, as_table
from pages.shared.choose import shown_cards, sorted_out
from pages.shared.job import job_panel
from pages.shared.plain import plain

MAX_CARDS = 24  # as pictures, and to be measured together
MAX_RUNS = 8  # lines in the chart of training
VIEWS = ("Cards", "Table")
BUNDLED = (
    " The bundled ones, *digits*, are three training runs, each with its raw, averaged (EMA) and "
    "tail-averaged (SWA) weights: the nine methods of the paper's Table 2."
)


def choose_card(cards: list[Card]) -> Card | None:
    """The one that is open; it is in the link."""
    if OPENED in st.session_state:
        st.session_state["card"] = st.session_state.pop(OPENED)
    by_id = {card.id: card for card in cards}
    if st.session_state.get("card", next(iter(by_id))) not in by_id:
        st.session_state["card"] = None  # none is open, or it is gone
    chosen = st.selectbox(
        "Open",
        list(by_id),
        index=None,
        key="card",
        bind="query-params",
        placeholder="Open one by its name",
        label_visibility="collapsed",
    )
    return by_id.get(chosen) if chosen else None


def training(cards: list[Card]) -> None:
    """The loss of every run, as long as lines can be told apart."""
    runs = [card for card in cards if card.weights == "raw" and card.loss_history]
    if not runs:
        return
    st.subheader("Training", divider="gray")
    if len(runs) > MAX_RUNS:
        st.caption(f"The first {MAX_RUNS} of {len(runs)} runs.")
    show_histories(runs[:MAX_RUNS])


def without_images(root: Path, reasons: Mapping[str, str]) -> list[Card]:
    """Checkpoints that are whole, and whose folder of images is not where it was; one a folder."""
    cards = [card for card in list_cards(root) if isinstance(card, Card) and card.id in reasons]
    return list({card.dataset: card for card in cards if is_folder(card.dataset)}.values())


def broken_ones(reasons: Mapping[str, str]) -> None:
    """A way to mend what every page leaves out, or to be rid of it."""
    if not (may(Action.DELETE) and reasons):
        return
    root = shared_engine().root
    with st.container(horizontal=True):
        for card in without_images(root, reasons):
            said = f"Where are the images of {plain(card.id)}?"
            if st.button(said, key=f"images-{card.id}", icon=":material/drive_file_move:"):
                images_dialog(card)
        for name in filter(set(card_ids(root)).__contains__, reasons):
            if st.button(f"Delete {plain(name)}", key=f"broken-{name}", icon=":material/delete:"):
                delete_dialog(name, bundled_path(shared_engine().root, name))


st.title("Checkpoints")
if SAID in st.session_state:
    st.success(st.session_state.pop(SAID))
sorted_cards, reasons = sorted_out(shared_engine().root)
broken_ones(reasons)
cards = shown_cards(sorted_cards, reasons)
there = {card.id for card in cards}
st.markdown(f"What there is to measure.{BUNDLED if there.issuperset(METHOD_PLANE) else ''}")
with st.container(horizontal=True, vertical_alignment="center"):
    filters = choose_filters(cards)
    shown = [card for card in cards if filters.match(card)]
    opened = choose_card(cards)
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[len(cards) > MAX_CARDS],
        required=True,
        key="layout",
        bind="query-params",
        label_visibility="collapsed",
    )
    if may(Action.ADD) and st.button("Add", key="add", icon=":material/add:"):
        add_dialog()
if len(shown) < len(cards):
    st.caption(f"{len(shown)} of {len(cards)} checkpoints.")
if not shown and opened is None:
    st.info("No checkpoint is all of that: clear the search or a filter.")
    st.stop()
if view == "Table":
    as_table(shown, known_of(shown))
measured = [opened] if opened else shown
if len(measured) <= MAX_CARDS:
    asked = [gallery_requests(card) for card in measured]
    job_panel([own[measure] for measure in SHOWN for own in asked if measure in own])
else:
    st.caption(f"Search or filter for at most {MAX_CARDS} to measure them together.")
if opened:
    show_detail(opened, known_of([opened])[0])
elif view == "Cards":
    as_cards(shown[:MAX_CARDS], known_of(shown[:MAX_CARDS]))
    if len(shown) > MAX_CARDS:
        st.caption(f"The first {MAX_CARDS} of {len(shown)}; the table has all of them.")
if not opened:
    training(shown)
