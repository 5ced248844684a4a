"""A family under study: checkpoints that can be compared, and everything that is asked of each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.card import BrokenCard, Card, list_cards
from flatdiff.errors import CheckpointError
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.request import Request, architecture_of, make_request
from flatdiff.paper.entries import STUDY
from flatdiff.reports.sheet import suited


def family_cards(root: Path, family: str) -> list[Card]:
    """The checkpoints of a family, the paper's methods first and in its order.

    States that a run kept on its way are no checkpoints of their own here.

    Raises:
        CheckpointError: there is no such family, it has one checkpoint or a broken one, or its
            checkpoints cannot be compared.
    """
    return [card for card in family_states(root, family) if not _on_the_way(card)]


def family_states(root: Path, family: str) -> list[Card]:
    """The same with the states that runs have kept on their way.

    Raises:
        CheckpointError: as `family_cards`.
    """
    found = list(list_cards(root))
    known = sorted({card.id.split("/")[0] for card in found})
    own = [card for card in found if card.id.split("/")[0] == family]
    cards = [card for card in own if isinstance(card, Card)]
    broken = next((card for card in own if isinstance(card, BrokenCard)), None)
    if not own:
        raise CheckpointError(
            f"no family {family!r}; known families: {', '.join(known) or 'none'}"
        )
    if broken is not None:
        raise CheckpointError(f"{broken.id} cannot be used: {broken.reason}; mend or delete it")
    if sum(not _on_the_way(card) for card in cards) < 2:
        raise CheckpointError(
            f"a study compares checkpoints and {family} has only {cards[0].id}; train or add more"
        )
    if len({(architecture_of(card), card.dataset) for card in cards}) > 1:
        raise CheckpointError(
            f"the checkpoints of {family} are of different networks or datasets, which cannot be "
            "compared; give each its own family"
        )
    return _once(cards)


def _once(cards: Sequence[Card]) -> list[Card]:
    """Without the last state that a run has kept, which is its end under a longer name."""
    ends: dict[tuple[str, str], str] = {}  # by digest and kind of weights
    for card in cards:
        if card.recipe is not None and card.step == card.recipe.steps:
            same = card.digest, card.weights
            ends[same] = min(ends.get(same, card.name), card.name, key=len)
    return [c for c in cards if ends.get((c.digest, c.weights), c.name) == c.name]


def _on_the_way(card: Card) -> bool:
    return card.recipe is not None and card.step < card.recipe.steps


def suited_to(settings: Any, cards: Sequence[Card], num_images: int | None) -> Any:
    """Settings of a record as they are for some checkpoints and a number of generated images."""
    found = suited(settings, cards)
    if isinstance(found, FrechetSettings) and num_images is not None:
        return replace(found, num_images=num_images)
    return found


def study_requests(cards: Sequence[Card], num_images: int | None = None) -> list[Request]:
    """Every measurement of every record for every checkpoint, each once.

    Args:
        cards: of one family.
        num_images: generated for every distance between images; default: that of the records.
    """
    asked = {
        (each.measure, suited_to(each.settings, cards, num_images)): None
        for entry in STUDY
        for each in (*(quantity.column for quantity in entry.quantities), *entry.charts)
    }
    return [make_request(measure, card, settings) for measure, settings in asked for card in cards]
