"""Blames the death of a worker on the tile that it was computing, not on those that waited behind.

Dask counts a death against every task that it had sent there. A job that kills its workers, for
want of memory say, would so take the jobs of others with it. Dask loads this module into its
scheduler (`--preload`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Scheduler
    from distributed.scheduler import TaskState


def dask_setup(scheduler: "Scheduler") -> None:
    """Called by Dask when the scheduler is made.

    A worker has one thread, and takes what was asked for first: all others are waiting. One that
    was sent there again, and is older than what runs, is blamed for this once.
    """
    remove = scheduler.remove_worker

    async def remove_worker(address: str, *more: Any, expected: bool = False, **rest: Any) -> Any:
        worker = scheduler.workers.get(address)
        if worker is not None and not expected:
            for waiting in sorted(worker.processing, key=_asked_for)[1:]:
                waiting.suspicious -= 1  # before Dask counts it
        return await remove(address, *more, expected=expected, **rest)

    scheduler.remove_worker = remove_worker


def _asked_for(task: "TaskState") -> tuple[float, ...]:
    return task.priority or ()
