"""Has a worker tell the scheduler which share of a processor core its work gets.

Dask loads this module into its workers (`--preload`) and sends what they tell with each heartbeat.
"""

from typing import TYPE_CHECKING

from flatdiff.system.share import METER, start_trying

if TYPE_CHECKING:
    from distributed import Worker

SHARE = "flatdiff_share"  # among a worker's metrics


def dask_setup(worker: "Worker") -> None:
    """Called by Dask when the worker is made."""
    worker.metrics[SHARE] = lambda _worker: METER.share()
    start_trying()
