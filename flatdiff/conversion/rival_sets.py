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

from flatdiff.checkpoints.card import WEIGHTS_FILE
from flatdiff.checkpoints.header import Header
from flatdiff.checkpoints.weights_file import weight_parts, write_weights
from flatdiff.conversion.diagnosis.deadline import Deadline, OutOfTimeError
from flatdiff.conversion.diagnosis.diagnose import network_of
from flatdiff.conversion.diagnosis.fit import Fit
from flatdiff.conversion.diagnosis.noisy_images import Members, draw_members, member_losses
from flatdiff.conversion.foreign_weights import ForeignWeights
from flatdiff.conversion.set_comparison import RIVALS, ScoredSet, SetComparison
from flatdiff.conversion.weight_sets import WeightSet, header_of_set, packed_names
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.images.image_set import ImageSet

UNNAMED = "the unnamed set"
MAX_MEMBERS = 256
MIN_MEMBERS = 8
BUDGET_S = 45.0  # for all sets together


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
        return header_of_set(self.weights.header, self.found)

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
    flags: AdmFlags, sets: FileSets, folder: Path, images: ImageSet, deadline: Deadline
) -> SetComparison:
    """Show all sets of a file the same noisy images, as many as there is time for.

    Averages differ by less than wrong flags do: it takes more images than a diagnosis.

    Args:
        flags: that all are read with.
        sets: of the file.
        folder: where the taken one lies; rivals are converted below it, one at a time.
        images: of the dataset that they were trained on.
        deadline: where it comes first, the rivals that are left are named and not compared.

    Raises:
        FlatdiffError: one cannot be read or written, or there is no time for any.
    """
    members = draw_members(images, flags, _num_members(1 + len(sets.rivals), deadline))
    taken = _scored(sets.taken, folder / WEIGHTS_FILE, flags, members, deadline)
    scored: list[ScoredSet] = []
    with contextlib.suppress(OutOfTimeError):
        for rival in sets.rivals:
            deadline.require_time_for(0)  # what a conversion takes is no image's time
            with _converted(rival, folder / RIVALS) as path:
                scored.append(_scored(rival.title, path, flags, members, deadline))
    untried = tuple(rival.title for rival in sets.rivals[len(scored) :])
    return SetComparison(taken, tuple(scored), untried, sets.unlike)


def _num_members(num_sets: int, deadline: Deadline) -> int:
    """So many that all sets see them in time, at the speed of the last batch."""
    budget_s = min(BUDGET_S, deadline.end - deadline.clock())
    affordable = int(budget_s / max(num_sets * deadline.seconds_an_image, 1e-9))
    return max(MIN_MEMBERS, min(affordable, MAX_MEMBERS))


def _scored(
    name: str, path: Path, flags: AdmFlags, members: Members, deadline: Deadline
) -> ScoredSet:
    model, rows = network_of(flags, load_file(path)), slice(0, len(members.x_start))
    losses = member_losses(model, flags, members, rows, deadline)[flags.predict_xstart]
    return ScoredSet(name, Fit(flags, losses))


@contextlib.contextmanager
def _converted(rival: Rival, folder: Path) -> Iterator[Path]:
    path = folder / WEIGHTS_FILE
    try:
        rival.write(path)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)
