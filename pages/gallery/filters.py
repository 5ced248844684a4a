"""Which of many checkpoints are shown: by words, method, weights, dataset, family and step."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from flatdiff.checkpoints.averages import METHODS, WEIGHT_TITLES
from flatdiff.checkpoints.card import Card

TITLES = {**METHODS, **WEIGHT_TITLES}
# Words to search for from the next run on, before the widget of the search is drawn again.
SOUGHT = "sought"


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a checkpoint must be; nothing chosen is no demand."""

    words: str = ""  # all of them in its name, title, dataset or digest
    methods: Sequence[str] = ()  # of training, whatever the weights
    weights: Sequence[str] = ()  # of WEIGHT_KINDS
    datasets: Sequence[str] = ()
    families: Sequence[str] = ()
    first_step: int | None = None
    last_step: int | None = None

    def match(self, card: Card) -> bool:
        """Whether a checkpoint is all of that."""
        text = f"{card.id} {card.title} {card.dataset} {card.digest}".casefold()
        return (
            all(word in text for word in self.words.casefold().split())
            and (not self.methods or base_method(card) in self.methods)
            and (not self.weights or card.weights in self.weights)
            and (not self.datasets or card.dataset in self.datasets)
            and (not self.families or card.family in self.families)
            and _within(card.step, self.first_step, self.last_step)
        )


def base_method(card: Card) -> str:
    """How it was trained, whichever weights of the run it holds."""
    return card.method.removesuffix(f"-{card.weights}")


def choose_filters(cards: Sequence[Card]) -> Filters:
    """The widgets; every choice is in the link."""
    if SOUGHT in st.session_state:
        st.session_state["search"] = st.session_state.pop(SOUGHT)
    words = st.text_input(
        "Search",
        key="search",
        bind="query-params",
        placeholder="Name, method or digest",
        label_visibility="collapsed",
        icon=":material/search:",
    )
    with st.popover("Filters", icon=":material/filter_list:"):
        return Filters(
            words=words,
            methods=_of("Method", "method", [base_method(card) for card in cards]),
            weights=_of("Weights", "weights", [card.weights for card in cards]),
            datasets=_of("Dataset", "datasets", [card.dataset for card in cards]),
            families=_of("Family", "families", [card.family for card in cards]),
            first_step=_step("From step", "first_step"),
            last_step=_step("To step", "last_step"),
        )


def _of(title: str, key: str, values: Sequence[str]) -> list[str]:
    """Any of what there is."""
    return st.multiselect(
        title,
        list(dict.fromkeys(values)),
        key=key,
        bind="query-params",
        format_func=lambda value: TITLES.get(value, str(value)),
        placeholder="All",
    )


def _step(title: str, key: str) -> int | None:
    return st.number_input(title, 0, value=None, step=1000, key=key, bind="query-params")


def _within(step: int, first: int | None, last: int | None) -> bool:
    return (first is None or step >= first) and (last is None or step <= last)
