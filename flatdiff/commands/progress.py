"""One line on the terminal that keeps up with some jobs; in a log file, one a minute."""

import sys
import time
from collections.abc import Sequence

from flatdiff.engine.engine import Handle
from flatdiff.engine.progress import Progress
from flatdiff.errors import EngineError
from flatdiff.system.span import in_words, longest

POLL_S = 0.2
LOG_EVERY_S = 60


def show_progress(handles: Sequence[Handle]) -> None:
    """One line that keeps up with the jobs until the last is done.

    Raises:
        EngineError: one failed or was cancelled.
        StoreError: the store turned out to be damaged.
    """
    terminal, said = sys.stderr.isatty(), time.monotonic()
    while True:
        jobs = [job for handle in handles if (job := handle.job())]
        found = handles[0].engine.progress(jobs)
        if not any(progress.active for progress in found):
            break
        handles[0].engine.require_running()
        if terminal:
            print(f"\r{_line(found)}   ", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - said >= LOG_EVERY_S:
            said = time.monotonic()
            print(_line(found), file=sys.stderr, flush=True)
        time.sleep(POLL_S)
    if terminal:
        print(file=sys.stderr)
    for handle in handles:
        handle.wait()
    if len(found) < len(handles):
        raise EngineError("a result was cleared while it was being waited for")


def _line(found: Sequence[Progress]) -> str:
    """Done, to do, and for how long."""
    done, total = sum(p.done for p in found), sum(p.total for p in found)
    left = longest(progress.eta for progress in found)
    said = f"{in_words(left)} left" if left else "measuring the speed"
    return f"{done}/{total} evaluations, {said}"
