"""`study`: the paper's tables and figures, of every checkpoint of a family."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import tyro

from flatdiff.checkpoints.card import Card
from flatdiff.commands.progress import show_progress
from flatdiff.engine.engine import Engine
from flatdiff.measures.request import Request
from flatdiff.paper.family import family_cards, family_states, study_requests
from flatdiff.paper.findings import findings
from flatdiff.paper.matched import Matching, loss_requests, matched
from flatdiff.paper.report import study_html
from flatdiff.paper.results import Study
from flatdiff.paper.text import study_csv, study_json, to_markdown
from flatdiff.reports.measured import measured
from flatdiff.settings import require
from flatdiff.system.files import atomic_write
from flatdiff.system.span import in_words


def study(
    family: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FAMILY")],
    out: Path | None = None,
    num_images: int | None = None,
    at: Matching = "end",
) -> int:
    """Take every measure of the paper of every checkpoint of a family, beside its own numbers.

    What is stored is not computed again, so a study that was stopped goes on where it was.

    Args:
        family: of checkpoints with one network and one dataset.
        out: folder for report.html, numbers.csv, study.json and README.md; default:
            studies/<family>.
        num_images: generated for each distance from real images; published FIDs take 50,000.
            Default: 1,024 in 20 steps, 512 in 100.
        at: which state of each training run is compared: its end with all averages; or raw
            weights alone, at equal numbers of gradients, at equal training loss, or at the best
            held-out loss, of what runs have kept with --keep-every-steps.
    """
    folder = out or Path("studies") / (family if at == "end" else f"{family}-{at}")
    require(not folder.is_file(), "--out", "a folder", str(folder))
    strange = (folder / "README.md").exists() and not (folder / "study.json").exists()
    require(not strange, "--out", "a new folder, or one with a study in it", str(folder))
    engine = Engine(adopt=False)
    try:
        cards = _compared(engine, family, at)
        requests = study_requests(cards, num_images)
        print(_cost(engine, cards, requests))
        handles = [engine.submit(request) for request in requests]
        engine.start()
        show_progress(handles)
        done = Study(cards, [measured(handle) for handle in handles], num_images, at)
    finally:
        engine.close()
    for name, content in study_files(done, datetime.now(UTC).isoformat(" ", "minutes")):
        atomic_write(folder / name, content)
        print(f"written: {folder / name}")
    return 0


def _compared(engine: Engine, family: str, at: Matching) -> list[Card]:
    """The checkpoints of the study; where runs are matched by their losses, these come first."""
    if at == "end":
        return family_cards(engine.root, family)
    states = family_states(engine.root, family)
    requests = loss_requests(states, at)
    handles = [engine.submit(request) for request in requests]
    if handles:
        engine.start()
        show_progress(handles)
    losses = {handle.request.checkpoint: handle.result().loss for handle in handles}
    return matched(states, at, losses)


def study_files(done: Study, written: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each; only the document says when it was written."""
    found = findings(done)
    yield "numbers.csv", study_csv(done)
    yield "study.json", study_json(done, found)
    yield "report.html", study_html(done, found, written)
    yield "README.md", to_markdown(done, found)


def _cost(engine: Engine, cards: Sequence[Card], requests: Sequence[Request]) -> str:
    """What is stored and what is left, before anything is computed."""
    left = engine.estimate(requests)
    known = f"{len(requests)} results of {len(cards)} checkpoints"
    if not left.evaluations:
        return f"{known}: all of them are stored"
    time = "" if left.seconds is None else f", {in_words(left.seconds)}"
    return f"{known}: {left.evaluations:,} evaluations to compute{time}"
