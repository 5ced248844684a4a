"""The options of a page for print, for those who ask before anything is drawn."""

from dataclasses import dataclass

from flatdiff.measures.timesteps import NUM_TIMESTEP_BINS
from flatdiff.settings import require

COLUMN_MM, PAGE_MM = 84.0, 174.0  # one column and two of most journals and conferences
WIDTHS_MM, FONT_SIZES = (20.0, 500.0), (4.0, 24.0)
SUFFIXES = {
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".gif": "image/gif",
}


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """How a figure looks in print."""

    width_mm: float = COLUMN_MM  # of one column of most journals; both are 174
    font_size: float = 8.0  # points
    panel: tuple[str, ...] = ()  # headings of those that are wanted; none: all that are not folded
    log: bool = False  # the loss on a logarithmic scale
    relative: bool = False  # distances as a share of the norm of the weights
    spaghetti: bool = False  # every direction beside the mean
    timestep_bins: int = NUM_TIMESTEP_BINS  # that rises are sorted into

    def __post_init__(self) -> None:
        for name, (low, high) in (("width_mm", WIDTHS_MM), ("font_size", FONT_SIZES)):
            value = getattr(self, name)
            fits = isinstance(value, int | float) and low <= value <= high
            require(fits, name, f"a number from {low:g} to {high:g}", value)
            object.__setattr__(self, name, float(value))
        object.__setattr__(self, "panel", tuple(self.panel))
