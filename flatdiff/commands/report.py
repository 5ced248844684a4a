"""`report`: everything flatdiff measures of some checkpoints, as one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import tyro

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.commands.progress import show_progress
from flatdiff.engine.engine import Engine, Handle
from flatdiff.reports.archive import to_zip
from flatdiff.reports.measured import measured
from flatdiff.reports.report import sheet_report
from flatdiff.reports.sheet import PARTS, part_requests
from flatdiff.settings import require
from flatdiff.system.files import atomic_write

WRITERS = {".html": sheet_report, ".zip": to_zip}


def report(checkpoint: Annotated[tuple[str, ...], tyro.conf.UseAppendAction], out: Path) -> int:
    """Compare checkpoints by every measure there is: one HTML file, or all data as a ZIP file.

    Args:
        checkpoint: <family>/<name>, once for each.
        out: .html or .zip.
    """
    require(out.suffix in WRITERS, "--out", f"a file ending in {', '.join(WRITERS)}", out.name)
    require(len(checkpoint) > 0, "--checkpoint", "given at least once", checkpoint)
    engine = Engine(adopt=False)
    try:
        cards = [read_card(engine.root, name) for name in dict.fromkeys(checkpoint)]
        parts = _submitted(engine, cards)
        engine.start()
        show_progress([handle for handles in parts.values() for handle in handles])
        found = {name: [measured(h) for h in handles] for name, handles in parts.items()}
        atomic_write(out, WRITERS[out.suffix](found))
    finally:
        engine.close()
    print(f"written: {out}")
    return 0


def _submitted(engine: Engine, cards: Sequence[Card]) -> Mapping[str, Sequence[Handle]]:
    """Every part of the sheet by its name."""
    return {
        part.name: [engine.submit(request) for request in part_requests(part, engine.root, cards)]
        for part in PARTS
    }
