"""`measure`: the same measurements as the pages, through the same engine and store."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from flatdiff.commands.progress import show_progress
from flatdiff.engine.engine import Engine
from flatdiff.images.datasets import Split
from flatdiff.images.listing import few_held_out
from flatdiff.measures import MEASURES
from flatdiff.measures.base import Measure
from flatdiff.measures.request import Request
from flatdiff.reports.formats import FORMATS, formats_for
from flatdiff.reports.measured import Measured, measured
from flatdiff.settings import require
from flatdiff.system.files import atomic_write


def measure_commands() -> dict[str, Callable[..., int]]:
    """A command for every entry of the registry; its flags are those of the measure's settings."""
    return {name: _command(measure) for name, measure in MEASURES.items()}


def _command(measure: Measure[Any, Any]) -> Callable[..., int]:
    def command(target: Annotated[MeasureOptions, tyro.conf.arg(name="")], settings: Any) -> int:
        return run_measure(measure.name, settings, target)

    command.__annotations__["settings"] = Annotated[measure.settings_type, tyro.conf.arg(name="")]
    command.__defaults__ = (measure.settings_type(),)
    command.__doc__ = measure.question
    return command


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is measured."""

    checkpoint: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """<family>/<name>, once for each."""
    to: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Further checkpoints, once for each: the ends of a surface's axes, then others to mark."""
    panel_size: int = 256
    """(image, timestep, noise) triples that losses are measured on."""
    panel_seed: int = 0
    """Of their draw."""
    split: Split = "held_out"
    """Which images they are made of."""
    recompute: bool = False
    """Forget stored results first."""

    def __post_init__(self) -> None:
        require(len(self.checkpoint) > 0, "--checkpoint", "given at least once", self.checkpoint)

    def requests(self, measure: str, settings: Any, engine: Engine) -> list[Request]:
        """One a checkpoint, each checkpoint once."""
        panel = {"split": self.split, "size": self.panel_size, "seed": self.panel_seed}
        return [
            engine.request(measure, name, settings, panel=panel, to=self.to)
            for name in dict.fromkeys(self.checkpoint)
        ]


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(Target):
    """What is measured and where the result goes."""

    out: Path
    """.html, .json, .csv or .npz; .png for images, .vtp for surfaces of two dimensions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        known = ", ".join(FORMATS)
        require(self.out.suffix in FORMATS, "--out", f"a file ending in {known}", self.out.name)


def run_measure(measure: str, settings: Any, target: MeasureOptions) -> int:
    """Compute or look up, show progress, write the file."""
    out = target.out

    def written(requests: Sequence[Request]) -> Callable[[Sequence[Measured]], bytes]:
        kinds = formats_for(requests[0])
        known = f"a file ending in {', '.join(kinds)} for this measurement"
        require(out.suffix in kinds, "--out", known, out.name)
        return kinds[out.suffix].export

    return compute_into(out, measure, settings, target, written)


def compute_into(
    out: Path,
    measure: str,
    settings: Any,
    target: Target,
    writer: Callable[[Sequence[Request]], Callable[[Sequence[Measured]], bytes]],
) -> int:
    """Compute or look up, show progress, write a file.

    Args:
        out: the file.
        measure: a key of `MEASURES`.
        settings: its.
        target: what is measured.
        writer: of results, by what is asked; refuses before anything is computed.
    """
    engine = Engine(adopt=False)
    start = engine.recompute if target.recompute else engine.submit
    try:
        requests = target.requests(measure, settings, engine)
        export = writer(requests)
        handles = [start(request) for request in requests]
        engine.start()
        show_progress(handles)
        atomic_write(out, export([measured(handle) for handle in handles]))
    finally:
        engine.close()
    print(f"written: {out}")
    for dataset in dict.fromkeys(request.panel.dataset for request in requests):
        if few := few_held_out(dataset):
            print(f"warning: {dataset}: {few}", file=sys.stderr)
    return 0
