"""What is stored already of the bundled pair: pages that tell and do not measure draw from it."""

from collections.abc import Sequence
from typing import Any

from flatdiff.checkpoints import collection
from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import shared_engine
from flatdiff.measures.request import make_request
from flatdiff.views.style import Series
from pages.shared.choose import sorted_out
from pages.shared.record import series_of


def bundled_pair() -> list[Card]:
    """ADM and ADM+SAM, as far as they are there."""
    known, _ = sorted_out(shared_engine().root)
    return [card for card in known if card.id in collection.METHOD_PAIR]


def stored(measure: str, settings: Any, cards: Sequence[Card]) -> list[Series[Any]]:
    """What the store holds of some checkpoints; nothing is computed."""
    engine = shared_engine()
    return series_of(
        cards, [engine.handle(make_request(measure, card, settings)) for card in cards]
    )
