"""`rename-dataset`: the images of some checkpoints lie elsewhere now."""

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.checkpoints.collection import rename_dataset as rename
from flatdiff.engine.engine import Engine
from flatdiff.errors import DataError
from flatdiff.images.named import dataset_name
from flatdiff.system.files import checkpoint_root


def rename_dataset(*, old: str, new: str, anyway: bool = False) -> int:
    """Name the images of checkpoints anew, after their folder was moved or copied.

    Results are known by the images, wherever they lie: where these are the same, all are found
    again.

    Args:
        old: the dataset as the cards have it, such as folder:/old/place.
        new: the same images in another place, such as folder:/new/place.
        anyway: also where they are others than those that a checkpoint was trained on.
    """
    old, new = dataset_name(old), dataset_name(new)
    root = checkpoint_root()
    cards = [card for card in list_cards(root) if isinstance(card, Card) and card.dataset == old]
    if not anyway:
        _require_same(cards, new)
    engine = Engine(adopt=False)
    try:
        for name in rename(root, engine.store.require_idle, old, new):
            print(f"{name}: {new}")
    finally:
        engine.close()
    return 0


def _require_same(cards: list[Card], new: str) -> None:
    """Raise `DataError` where a card says which images it was trained on, and these are others."""
    from flatdiff.images.image_set import load_images

    seen: dict[tuple[int, int], str] = {}
    for card in cards:
        if expected := card.environment.get("images"):
            size = (card.flags.image_size, card.flags.in_channels)
            if size not in seen:
                seen[size] = load_images(new, "train", *size).sha256
            if seen[size] != expected:
                raise DataError(
                    f"the images of {new} are others than those that {card.id} was trained on; "
                    "--anyway names them all the same"
                )
