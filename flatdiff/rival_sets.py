"""A rival set is weights of the same network that lie in a file beside those that were taken.

Rivals are converted and scored one after the other: no more than one of them is on the disk, and
its numbers are mapped from there.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from flatdiff.cards import WEIGHTS_FILE
from flatdiff.checkpoints import weight_parts, write_weights
from flatdiff.deadline import Deadline, OutOfTimeError
from flatdiff.diagnosis import read_network
from flatdiff.fits import Fit, Losses
from flatdiff.foreign import ForeignWeights
from flatdiff.headers import Header
from flatdiff.members import Members, member_losses
from flatdiff.packaging import WeightSet, packed_names, unpacked
from flatdiff.set_comparison import ScoredSet, SetComparison

UNNAMED = "the unnamed set"


@dataclass(frozen=True)
class Rival:
    """One of them, in its open file."""

    weights: ForeignWeights
    found: WeightSet

    @property
    def title(self) -> str:
        """What its file calls it."""
        return title(self.found)

    @property
    def header(self) -> Header:
        """Of its tensors, by the network's own names."""
        return unpacked(self.weights.header, self.found)

    def write(self, path: Path) -> None:
        """As float32, one tensor at a time."""
        names = packed_names(self.weights.header, self.found)
        parts = weight_parts(self.header.shapes, lambda name: self.weights.tensor(names[name]))
        write_weights(path, parts)


def title(found: WeightSet) -> str:
    """What a file calls some weights, or that it does not."""
    return found.title or UNNAMED


@dataclass(frozen=True)
class FileSets:
    """All weights in a file, as seen from those that are taken."""

    taken: str  # what the file calls them
    rivals: tuple[Rival, ...]
    unlike: tuple[str, ...]  # titles of what is no set of this network


def compare(
    taken: Fit, sets: FileSets, folder: Path, members: Members, deadline: Deadline
) -> SetComparison:
    """Show every rival what the taken weights were shown.

    Args:
        taken: losses on a beginning of the members, and the flags that all are read with.
        sets: of the file.
        folder: to convert rivals in, one at a time; removed in the end.
        members: noisy images.
        deadline: where it comes first, the rivals that are left are named and not compared.

    Raises:
        FlatdiffError: one cannot be read or written.
    """
    scored: list[ScoredSet] = []
    with contextlib.suppress(OutOfTimeError):
        for rival in sets.rivals:
            losses = _losses(rival, taken, folder, members, deadline)
            scored.append(ScoredSet(rival.title, Fit(taken.flags, losses)))
    untried = tuple(rival.title for rival in sets.rivals[len(scored) :])
    return SetComparison(ScoredSet(sets.taken, taken), tuple(scored), untried, sets.unlike)


def _losses(
    rival: Rival, taken: Fit, folder: Path, members: Members, deadline: Deadline
) -> Losses:
    deadline.require_time_for(0)  # a conversion takes its own
    rows = slice(0, len(taken.losses))
    with _converted(rival, folder) as path:
        model = read_network(taken.flags, load_file(path))
        found = member_losses(model, taken.flags, members, rows, deadline)
    return found[taken.flags.predict_xstart]


@contextlib.contextmanager
def _converted(rival: Rival, folder: Path) -> Iterator[Path]:
    path = folder / WEIGHTS_FILE
    try:
        rival.write(path)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)
