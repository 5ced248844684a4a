"""The axes of a surface are the two directions that the weights move along."""

from typing import TYPE_CHECKING

from flatdiff.measures.surfaces.settings import SurfaceSettings

if TYPE_CHECKING:  # a subject of a test answers what it is asked, and no more
    from flatdiff.landscape.measurable import Measurable, Vector


def axes_of(subject: "Measurable", settings: SurfaceSettings) -> "tuple[Vector, Vector]":
    """The two directions; the second is not used in one dimension."""
    match settings.axes:
        case "random":
            return subject.plane(settings.seed, settings.normalization)
        case "checkpoints":
            return subject.partner_plane()
        case "eigenvectors":
            first, second = subject.eigenvectors(2, settings.seed)
            return first, second
