"""The collection is the folder of all checkpoints, which people rename, delete and add to.

A checkpoint appears and vanishes by one rename of its folder, so that nobody ever sees half of it.
What was measured belongs to the digest of the weights: it survives a new name, and is found again
when the same weights come back. A training run's own state (`<family>/<method>.training`) is none
of the collection's business.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from flatdiff.checkpoints.averages import METHODS
from flatdiff.checkpoints.card import CARD_FILE, Card, card_ids, list_cards, write_card
from flatdiff.errors import CheckpointError
from flatdiff.system.access import Action, require_right
from flatdiff.system.files import PROJECT_ROOT, move_folder, not_written, resolve_inside
from flatdiff.system.locks import is_alive, this_process

# Checkpoints that pages compare before anybody chooses: plain, and the flattest of the paper.
METHOD_PAIR = ("digits/adm", "digits/sam")
# And those that a plane goes through: the three training runs.
METHOD_PLANE = ("digits/adm", "digits/sam", "digits/ip")

SUFFIX = ".training"  # ends the name of a run's folder

MAX_NAME_BYTES = 200  # of a folder; most file systems take 255
ZERO_WIDTH_JOINER = "\u200d"  # in many emoji; not printable by itself
# Folders directly below the root, which no listing looks at.
ADDING, DELETED = ".adding", ".deleted"


def short_names(cards: Sequence[Card]) -> dict[str, str]:
    """What checkpoints are called side by side, by id: the family only where there are two."""
    names = {card.id: card.short_title for card in cards}
    one_family = len({card.family for card in cards}) == 1
    if one_family and len(set(names.values())) == len(names):
        return names
    return {card.id: card.label for card in cards}


def trajectory(places: Sequence[Card]) -> list[int]:
    """Positions of the raw weights of the first one's training run, in the order of steps."""
    run = [
        k
        for k, card in enumerate(places)
        if card.weights == "raw" and card.recipe is not None and card.recipe == places[0].recipe
    ]
    return sorted(run, key=lambda k: places[k].step)


def rename_checkpoint(
    root: Path, require_idle: Callable[[str], None], checkpoint_id: str, new_id: str
) -> None:
    """Call a checkpoint otherwise; its results stay its own.

    Args:
        root: of the checkpoints.
        require_idle: raises where it is in use, given its name.
        checkpoint_id: `<family>/<name>`.
        new_id: the same, free.

    Raises:
        FlatdiffError: read-only, no such checkpoint, a name that cannot be, or it is in use.
    """
    require_right(Action.RENAME)
    folder = _own_folder(root, checkpoint_id)
    require_idle(checkpoint_id)
    move_folder(folder, free_folder(root, new_id))
    _drop_if_empty(folder.parent)


def rename_dataset(
    root: Path, require_idle: Callable[[str], None], old: str, new: str
) -> tuple[str, ...]:
    """Let every card that names a dataset name another: its images were moved.

    Args:
        root: of the checkpoints.
        require_idle: raises where a checkpoint is in use, given its name.
        old: as the cards have it.
        new: as they will.

    Returns:
        The checkpoints whose cards were written anew.

    Raises:
        FlatdiffError: read-only, one of them is in use, or none names it.
    """
    require_right(Action.RENAME)
    cards = [card for card in list_cards(root) if isinstance(card, Card) and card.dataset == old]
    if not cards:
        raise CheckpointError(f"no checkpoint was trained on {old!r}")
    for card in cards:
        require_idle(card.id)
    for card in cards:
        write_card(_own_folder(root, card.id), replace(card, dataset=new))
    return tuple(card.id for card in cards)


def delete_checkpoint(root: Path, require_idle: Callable[[str], None], checkpoint_id: str) -> None:
    """Remove a checkpoint from the disk; its results stay in the store.

    Raises:
        FlatdiffError: read-only, no such checkpoint, or it is in use.
    """
    require_right(Action.DELETE)
    folder = _own_folder(root, checkpoint_id)
    require_idle(checkpoint_id)
    discard(root, folder)


def discard(root: Path, folder: Path) -> None:
    """Let the folder of a checkpoint or of a training run vanish, and an empty family with it.

    Raises:
        FlatdiffError: it cannot be moved; it is where it was.
    """
    _sweep(root)
    doomed = _temporary(root, DELETED)
    move_folder(folder, doomed)  # at once; what follows may take as long as it likes
    shutil.rmtree(doomed, ignore_errors=True)
    _drop_if_empty(folder.parent)


def publish(root: Path, staged_folders: Mapping[str, Path]) -> None:
    """Let whole checkpoints appear under free names: all of them, or none.

    Each appears by a rename of its own. A process that is killed between two renames leaves the
    first ones, each of them whole.

    Args:
        root: of the checkpoints.
        staged_folders: by the name that each shall have, on the disk of the root.

    Raises:
        FlatdiffError: see `free_folder`, or one cannot be moved; all are where they were.
    """
    require_right(Action.ADD)
    with ExitStack() as undo:
        for checkpoint_id, folder in staged_folders.items():
            target = free_folder(root, checkpoint_id)
            undo.callback(_drop_if_empty, target.parent)
            move_folder(folder, target)
            undo.callback(move_folder, target, folder)
        undo.pop_all()


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """An empty folder on the checkpoints' disk; what is left in it at the end is removed.

    Raises:
        CheckpointError: it cannot be made.
    """
    _sweep(root)
    folder = _temporary(root, ADDING)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise CheckpointError(not_written(folder, error)) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_folder(root: Path, checkpoint_id: str) -> Path:
    """Where a new checkpoint of this name goes.

    Raises:
        FlatdiffError: the name cannot be one, is taken, or belongs to a training run.
    """
    family, name = family_and_name(checkpoint_id)
    folder = resolve_inside(root, checkpoint_id)
    if folder != root.resolve() / family / name:
        raise CheckpointError(f"{checkpoint_id!r} leads elsewhere by a link; choose another name")
    if os.path.lexists(folder):
        raise CheckpointError(f"there is a {checkpoint_id} already; choose another name")
    for run in folder.parent.glob(f"*{SUFFIX}"):
        method = run.name.removesuffix(SUFFIX)
        if name == method or name.startswith(f"{method}-"):
            raise CheckpointError(
                f"{checkpoint_id} is where the training run {family}/{run.name} writes its "
                "weights; choose another name"
            )
    return folder


def bundled_path(root: Path, checkpoint_id: str) -> str:
    """Where in the project a checkpoint that came with it is kept; "" for any other."""
    ours = PROJECT_ROOT / "checkpoints"
    bundled = checkpoint_id in {f"digits/{name}" for name in METHODS}
    return f"checkpoints/{checkpoint_id}" if bundled and root.resolve() == ours else ""


def family_and_name(checkpoint_id: str) -> tuple[str, str]:
    """The two parts of a checkpoint's name, each fit to be a folder.

    Raises:
        CheckpointError: there are not two, or one is not fit.
    """
    parts = checkpoint_id.split("/")
    if len(parts) != 2:
        raise CheckpointError(f"a checkpoint is called family/name; got {checkpoint_id!r}")
    for part in parts:
        printable = all(c.isprintable() or c == ZERO_WIDTH_JOINER for c in part)
        size = len(part.encode(errors="replace"))
        fits = printable and 0 < size <= MAX_NAME_BYTES and part == part.strip()
        if not fits or part.startswith((".", "-")) or "\\" in part or part.endswith(SUFFIX):
            raise CheckpointError(
                f"family and name must each be 1 to {MAX_NAME_BYTES} bytes of text without "
                f"blanks at the ends, a backslash, a dot or hyphen in front or {SUFFIX} behind; "
                f"got {part[:MAX_NAME_BYTES]!r}"
            )
    return parts[0], parts[1]


def _own_folder(root: Path, checkpoint_id: str) -> Path:
    """Of a checkpoint that is there, and no link to another."""
    folder = resolve_inside(root, checkpoint_id)
    if checkpoint_id not in card_ids(root) or not (folder / CARD_FILE).is_file():
        raise CheckpointError(f"there is no checkpoint {checkpoint_id!r} any more")
    if folder != root.resolve() / checkpoint_id:
        raise CheckpointError(f"{checkpoint_id} is a link; change what it leads to")
    return folder


def _temporary(root: Path, kind: str) -> Path:
    """A folder of this process; a later one removes what a killed one left."""
    return root.resolve() / f"{kind}-{this_process()}-{uuid4().hex[:8]}"


def _sweep(root: Path) -> None:
    for kind in (ADDING, DELETED):
        for folder in root.glob(f"{kind}-*"):
            if not is_alive(folder.name.removeprefix(f"{kind}-").rpartition("-")[0]):
                shutil.rmtree(folder, ignore_errors=True)


def _drop_if_empty(family: Path) -> None:
    with suppress(OSError):  # something is left in it
        family.rmdir()
