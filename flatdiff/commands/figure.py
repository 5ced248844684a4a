"""`figure`: a measurement's pictures for print, made without a browser."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from flatdiff.commands.measure import Target, compute_into
from flatdiff.measures import MEASURES
from flatdiff.measures.base import Measure
from flatdiff.reports.figure.options import SUFFIXES, PageOptions
from flatdiff.settings import require


@dataclass(frozen=True, kw_only=True)
class FigureOptions(Target):
    """What is measured and where its figure goes."""

    out: Path
    """.pdf, .svg, .png at 300 dpi, or .gif of a surface that turns or samples along a path."""

    def __post_init__(self) -> None:
        super().__post_init__()
        known = f"a file ending in {', '.join(SUFFIXES)}"
        require(self.out.suffix in SUFFIXES, "--out", known, self.out.name)


def figure_commands() -> dict[str, Callable[..., int]]:
    """A command for every measure, with the flags of `measure` and those of the page."""
    return {name: _command(measure) for name, measure in MEASURES.items()}


def _command(measure: Measure[Any, Any]) -> Callable[..., int]:
    def command(
        target: Annotated[FigureOptions, tyro.conf.arg(name="")],
        page: Annotated[PageOptions, tyro.conf.arg(name="")],
        settings: Any,
    ) -> int:
        return run_figure(measure.name, settings, target, page)

    command.__annotations__["settings"] = Annotated[measure.settings_type, tyro.conf.arg(name="")]
    command.__defaults__ = (PageOptions(), measure.settings_type())
    command.__doc__ = measure.question
    return command


def run_figure(measure: str, settings: Any, target: FigureOptions, page: PageOptions) -> int:
    """Compute or look up, show progress, draw and write."""
    # matplotlib takes half a second that no other command should pay.
    from flatdiff.reports.figure.page import to_print

    draw = partial(to_print, page=page, suffix=target.out.suffix)
    return compute_into(target.out, measure, settings, target, lambda _requests: draw)
