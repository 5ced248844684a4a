"""The weights of a checkpoint, where a page itself computes with them."""

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.tensors import Tensors, read_tensors
from flatdiff.engine.engine import shared_engine

# Larger checkpoints are left to the command line: the server has pages to answer meanwhile.
MAX_PARAMETERS = 20_000_000


def small_enough(card: Card) -> bool:
    """Whether a page may read its weights."""
    return card.num_parameters <= MAX_PARAMETERS


def weights_of(card: Card) -> Tensors:
    """All its tensors, by name."""
    return read_tensors(shared_engine().root, card)
