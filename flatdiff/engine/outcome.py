"""The outcome of a tile: what was computed, why it could not be, or nothing where it was lost.

What a worker cannot do for a reason that flatdiff knows comes back as a value. Raised, Dask would
write a traceback into the log before every sentence.
"""

import importlib
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from flatdiff.engine.job import TileResult
from flatdiff.engine.private.deaths import how_it_died
from flatdiff.errors import EngineError, FlatdiffError

if TYPE_CHECKING:
    from distributed import Client, Future

FETCH_TIMEOUT_S = 20.0  # of a result that is there

# None: nobody waits for it any more, or it was lost with its worker or its connection.
Outcome = TileResult | BaseException | None


def try_tile(*arguments: Any) -> Outcome:
    """Runs in the worker; its module is named, not imported, so that no page ever loads torch."""
    try:
        return importlib.import_module("flatdiff.engine.worker").evaluate_tile(*arguments)
    except FlatdiffError as error:
        return error
    except InterruptedError:
        return None


def outcome_of(client: "Client", future: "Future") -> Outcome:
    """Of a tile that is done, one way or another; fetched, which may take a while."""
    try:
        if future.status == "finished":
            return future.result(timeout=FETCH_TIMEOUT_S)
        if future.status == "error":
            error: Any = future.exception(timeout=FETCH_TIMEOUT_S)
            return _explained(client, error)
    except (OSError, CancelledError):
        return None  # TimeoutError is an OSError
    except Exception as error:  # it cannot be read here, and could not the next time
        return error
    return None


def _explained(client: "Client", error: BaseException | None) -> BaseException | None:
    """With what is known of the workers where they died of it."""
    from distributed.scheduler import KilledWorker

    if not isinstance(error, KilledWorker):
        return error
    return EngineError(
        f"workers died {error.allowed_failures + 1} times on the same tile, the last one: "
        f"{how_it_died(client, error.last_worker.nanny)}; finished tiles are kept"
    )


def reason_of(error: BaseException) -> str:
    """Why a job failed, in a sentence for the person who asked."""
    if isinstance(error, FlatdiffError):
        return str(error)
    return f"internal error, please report it: {type(error).__name__}: {error}"
