"""A training run is one case; what was averaged over it, or kept on the way, is no further one."""

from collections.abc import Sequence

from flatdiff.checkpoints.averages import RAW
from flatdiff.checkpoints.card import Card


def runs_of(cards: Sequence[Card]) -> set[str]:
    """Ids of the raw weights at the end of each training run, which are one case each."""
    last: dict[object, Card] = {}
    for card in sorted(cards, key=lambda card: card.step):
        if card.weights == RAW:
            last[(card.family, card.recipe or card.id)] = card
    return {card.id for card in last.values()}
