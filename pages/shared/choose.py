"""Widgets to choose what is measured; every choice is in the link."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flatdiff.checkpoints.card import BrokenCard, Card, list_cards
from flatdiff.checkpoints.collection import METHOD_PAIR, METHOD_PLANE
from flatdiff.engine.engine import shared_engine
from flatdiff.errors import FlatdiffError
from flatdiff.images.datasets import dataset_fingerprint
from flatdiff.images.listing import in_short
from flatdiff.measures.request import unfit
from flatdiff.measures.timesteps import MAX_TIMESTEP_BINS, NUM_TIMESTEP_BINS
from pages.shared.differs import what_differs
from pages.shared.plain import plain

# In the session: ids of the checkpoints that somebody chose last, which go along to every page.
SELECTION = "selection"


def sorted_out(root: Path) -> tuple[list[Card], dict[str, str]]:
    """The usable checkpoints below a root, and why each of the others is not, by its id.

    One whose images are not here, or may not be shown, cannot be measured and has no results.
    """
    cards, reasons = list[Card](), dict[str, str]()
    for found in list_cards(root):
        if isinstance(found, BrokenCard):
            reasons[found.id] = found.reason
            continue
        try:
            dataset_fingerprint(found.dataset)
            cards.append(found)
        except FlatdiffError as error:
            reasons[found.id] = str(error)
    return cards, reasons


def all_cards() -> list[Card]:
    """Every usable checkpoint; a sentence for each that is not, and a stop where there is none."""
    return shown_cards(*sorted_out(shared_engine().root))


def shown_cards(cards: list[Card], reasons: dict[str, str]) -> list[Card]:
    """The usable ones of `sorted_out`, when the others have been named."""
    for reason in dict.fromkeys(reasons.values()):
        names = [plain(name) for name, own in reasons.items() if own == reason]
        stay = "Checkpoint {} is" if len(names) == 1 else "Checkpoints {} are"
        st.warning(f"{stay.format(in_short(names))} left out: {plain(reason)}")
    if not cards:
        st.info(
            f"No checkpoint in `{shared_engine().root}` yet. Train one, about 25 minutes on one "
            "processor core:"
        )
        st.code("flatdiff train --preset digits --method adm --out checkpoints/digits")
        st.stop()
    return cards


def carry(key: str, value: str | list[str]) -> None:
    """Begin a widget with what was chosen on another page, unless its link says otherwise.

    As if somebody had typed it, so that it stands in this page's link, too.
    """
    if value and key not in st.session_state and key not in st.query_params:
        st.session_state[key] = value


def carried(by_id: Mapping[str, Card]) -> list[str]:
    """Which checkpoints were chosen on the pages before, of those there are."""
    return [name for name in st.session_state.get(SELECTION, []) if name in by_id]


def choose_checkpoints(
    place: DeltaGenerator,
    known: Sequence[Card] | None = None,
    *,
    measures: Sequence[str] = (),
    everything: bool = False,
    differs: bool = False,
) -> list[Card]:
    """Which checkpoints to compare, in the paper's order; stops the page where none is chosen.

    Args:
        place: of the widget.
        known: to choose from; default: every usable one.
        measures: that are taken of each; one that cannot be asked them is left out, and named.
        everything: all of them before anybody chooses, instead of two.
        differs: whether it is said in what they differ, before anybody asks.
    """
    by_id = {card.id: card for card in (known or all_cards())}
    pair = [name for name in METHOD_PAIR if name in by_id] or list(by_id)[:2]
    usual = list(by_id) if everything else pair
    carry("checkpoints", carried(by_id))
    chosen = place.multiselect(
        "Checkpoints",
        list(by_id),
        default=usual,
        key="checkpoints",
        bind="query-params",
        help="What is compared is measured on the same panel with the same directions and noise.",
    )
    if not chosen:
        st.info("Choose at least one checkpoint, under Settings, to see its measurements.")
        st.stop()
    if SELECTION in st.session_state or set(chosen) != set(usual):
        st.session_state[SELECTION] = chosen  # by hand, by a card or by a link
    cards = [card for name, card in by_id.items() if name in chosen]
    with place:
        what_differs(cards, named=differs)
    return measurable(cards, measures)


def measurable(cards: Sequence[Card], measures: Sequence[str]) -> list[Card]:
    """Those that can be asked some measures; a sentence for each other, a stop where none can."""
    kept = []
    for card in cards:
        reasons = dict.fromkeys(filter(None, (unfit(measure, card) for measure in measures)))
        for why in reasons:
            st.warning(f"{plain(card.id)} is left out here: {why}.")
        if not reasons:
            kept.append(card)
    if not kept:
        st.stop()
    return kept


def choose_plane(place: DeltaGenerator, through: bool) -> tuple[Card, list[Card]]:
    """The checkpoints that a line or a plane goes through, and others to be marked beside it.

    Args:
        place: of the widgets.
        through: whether there is a third checkpoint, as in a plane.

    Returns:
        The first checkpoint, and its partners: the ends of the axes, then the marked ones.
    """
    by_id = {card.id: card for card in all_cards()}
    if len(by_id) < 2 + through:
        st.info(f"A {'plane needs three' if through else 'line needs two'} checkpoints.")
        st.stop()
    preset = [name for name in METHOD_PLANE if name in by_id]
    preset += [name for name in by_id if name not in preset]
    chosen = carried(by_id)
    titles = ["From", "To", "Through"][: 2 + through]
    columns = place.columns(len(titles) + 1)
    if len(chosen) >= len(titles):
        for title, name in zip(titles, chosen, strict=False):
            carry(title.lower(), name)
    ends = [
        column.selectbox(
            title,
            list(by_id),
            list(by_id).index(name),
            key=title.lower(),
            bind="query-params",
        )
        for column, title, name in zip(columns, titles, preset, strict=False)
    ]
    if len(set(ends)) < len(ends):
        st.info("Choose checkpoints that differ.")
        st.stop()
    marked = columns[-1].multiselect(
        "Also mark", [name for name in by_id if name not in ends], key="mark", bind="query-params"
    )
    first, *partners = (by_id[name] for name in (*ends, *marked))
    with place:
        what_differs([first, *partners])
    return first, partners


def label(card: Card) -> str:
    """How a checkpoint is called in headings and legends."""
    return card.label


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


def size(
    title: str, key: str, default: float, low: float, high: float, help_text: str | None = None
) -> float:
    """A setting in [low, high] whose sizes differ by factors; a step is about a fifth of it."""
    value = st.number_input(
        title,
        low,
        high,
        default,
        step=step_at(st.session_state.get(key) or default),
        format="%.4g",
        key=key,
        bind="query-params",
        help=help_text,
    )
    return float(f"{value:.6g}")  # steps add up their rounding


def step_at(value: float) -> float:
    """The largest of 1, 2, 5, 10, 20, .. and 0.5, 0.2, .. that is at most a quarter of a value.

    >>> [step_at(value) for value in (0.01, 0.05, 1.0, 0.9, 30)]
    [0.002, 0.01, 0.2, 0.2, 5.0]
    """
    quarter = abs(value) / 4 * (1 + 1e-9)
    power = math.floor(math.log10(quarter))
    return max(
        float(f"{lead}e{power}") for lead in (1, 2, 5) if float(f"{lead}e{power}") <= quarter
    )


def timestep_bins_input() -> int:
    """How many bins the rises of the loss are sorted into; the passes are the same."""
    with st.columns(4)[0]:
        return whole_number(
            "Timestep bins",
            "timestep_bins",
            NUM_TIMESTEP_BINS,
            1,
            MAX_TIMESTEP_BINS,
            help_text="Equal shares of [0, T). Nothing is computed again; more bins hold fewer "
            "panel members each.",
        )


def seed_input(help_text: str) -> int:
    """The visible seed of a measurement."""
    return whole_number("Seed", "seed", 0, 0, 2**31 - 1, help_text=help_text)
