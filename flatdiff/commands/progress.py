"""One line on the terminal that keeps up with some jobs."""

import sys
import time
from collections.abc import Sequence

from flatdiff.engine import Handle
from flatdiff.errors import EngineError


def show_progress(handles: Sequence[Handle]) -> None:
    """One line that keeps up with the jobs until the last is done.

    Raises:
        EngineError: one failed or was cancelled.
    """
    terminal = sys.stderr.isatty()
    while True:
        jobs = [job for handle in handles if (job := handle.job())]
        found = handles[0].engine.progress(jobs)
        if not any(progress.active for progress in found):
            break
        if terminal:
            done, total = sum(p.done for p in found), sum(p.total for p in found)
            etas = [progress.eta for progress in found if progress.eta is not None]
            left = f"{max(etas):.0f} s left" if etas else "measuring the speed"
            print(f"\r{done}/{total} evaluations, {left}   ", end="", file=sys.stderr, flush=True)
        time.sleep(0.2)
    if terminal:
        print(file=sys.stderr)
    for handle in handles:
        handle.wait()
    if len(found) < len(handles):
        raise EngineError("a result was cleared while it was being waited for")
