"""Widgets to choose what is measured; every choice is in the link."""

from collections.abc import Sequence

import streamlit as st

from flatdiff.cards import BrokenCard, Card, list_cards
from flatdiff.config import METHOD_PAIR, METHODS
from flatdiff.engine import shared_engine


def all_cards() -> list[Card]:
    """Every usable checkpoint; a sentence for each that is not, and a stop where there is none."""
    found = list(list_cards(shared_engine().root))
    for broken in found:
        if isinstance(broken, BrokenCard):
            st.warning(f"Checkpoint `{broken.id}` is left out: {broken.reason}")
    cards = [card for card in found if isinstance(card, Card)]
    if not cards:
        st.info(
            f"No checkpoint in `{shared_engine().root}` yet. Train one, about 25 minutes on one "
            "processor core:"
        )
        st.code("python -m flatdiff train --preset digits --method adm --out checkpoints/digits")
        st.stop()
    return cards


def choose_checkpoints(default: Sequence[str] = METHOD_PAIR) -> list[Card]:
    """Which checkpoints to compare, in the paper's order; stops the page where none is chosen."""
    by_id = {card.id: card for card in all_cards()}
    preset = [name for name in default if name in by_id] or list(by_id)[:2]
    chosen = st.multiselect(
        "Checkpoints",
        list(by_id),
        default=preset,
        key="checkpoints",
        bind="query-params",
        help="What is compared is measured on the same panel with the same directions and noise.",
    )
    if not chosen:
        st.info("Choose at least one checkpoint above to see its measurements.")
        st.stop()
    return [card for name, card in by_id.items() if name in chosen]


def label(card: Card) -> str:
    """How a checkpoint is called in headings and legends."""
    known = card.name in METHODS
    return f"{card.title} ({card.family})" if known else card.id


def whole_number(
    title: str,
    key: str,
    default: int,
    low: int,
    high: int,
    step: int = 1,
    help_text: str | None = None,
) -> int:
    """A setting that is an integer in [low, high]; its key is its name in the link."""
    value = st.number_input(
        title, low, high, default, step=step, key=key, bind="query-params", help=help_text
    )
    return int(value)


def seed_input(help_text: str) -> int:
    """The visible seed of a measurement."""
    return whole_number("Seed", "seed", 0, 0, 2**31 - 1, help_text=help_text)
