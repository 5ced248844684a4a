"""The dispatcher is the one thread that turns queued jobs into tiles and tiles into the store.

It owns no truth: what is queued, done or to be cancelled is in the store, so that a kill at any
moment loses at most the tiles in flight, and a restarted program goes on where the last one was.
"""

import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flatdiff.engine.cluster import Cluster, evaluate_tile, reason_of
from flatdiff.engine.delivery import Delivery, WeightsMissingError, WeightsSender, weights_lost
from flatdiff.engine.job import MAX_ACTIVE_JOBS, TileResult
from flatdiff.engine.store import ACTIVE, CANCELLED, DONE, FAILED, Job, Store
from flatdiff.errors import EngineError, StoreError
from flatdiff.landscape.panel import panel_digest
from flatdiff.measures.request import Request

if TYPE_CHECKING:
    from distributed import Client, Future

TILE_SECONDS = 0.3
FIRST_TILE_FORWARDS = 512  # where no rate is known yet
TILES_AHEAD = 2  # a worker: one computing, one waiting
POLL_SECONDS = 0.2
RATE_EVERY_S = 1.0  # of computing between two notes of the speed

log = logging.getLogger("flatdiff.engine")


@dataclass
class _Active:
    """A job being computed by this process."""

    request: Request
    panel: str  # its digest
    missing: deque[int]  # positions of items not yet sent to a worker
    in_flight: dict[Any, "Future"] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)  # of weights; it waits meanwhile
    seconds: float = 0.0  # of computing since the speed was last written down
    forwards: int = 0  # images through the network in that time


class Dispatcher(threading.Thread):
    """Claims queued jobs and computes them until stopped."""

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        root: Path,
        *,
        accept: Callable[[Job], bool],
        warm_up: bool,
    ) -> None:
        """See the module.

        Args:
            store: where jobs come from and tiles go.
            cluster: who computes.
            root: of the checkpoints.
            accept: which queued jobs are this process's business.
            warm_up: start the cluster before there is a job.
        """
        super().__init__(name="flatdiff-dispatcher", daemon=True)
        self._store, self._cluster, self._root, self._accept = store, cluster, root, accept
        self._warm_up = warm_up
        # Other machines have other disks: checkpoints travel there.
        self._workers_root = "" if cluster.address else str(root)
        self._active: dict[str, _Active] = {}
        self._finished: queue.SimpleQueue[tuple[str, range, Any]] = queue.SimpleQueue()
        self._sender: WeightsSender | None = None  # of the connection, once it is needed
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.failure: StoreError | None = None  # why it has ended by itself

    def wake(self) -> None:
        """Look at the store now instead of at the next poll."""
        self._wake.set()

    def stop(self) -> None:
        """Stop sending tiles and wait for the thread; unfinished jobs stay in the store."""
        self._stopping.set()
        self._wake.set()
        if self.is_alive():
            self.join(timeout=10)

    def run(self) -> None:
        """The thread itself; an error of one round is logged and the next round tries again."""
        while not self._stopping.is_set():
            try:
                self._round()
            except EngineError as error:
                self._fail_all(str(error))
            except StoreError as error:  # damaged: only a new start can mend it
                log.error(error)
                self.failure = error
                break
            except Exception:
                if not self._stopping.is_set():
                    log.exception("the dispatcher stumbled and goes on")
            self._wake.wait(0.0 if not self._finished.empty() else POLL_SECONDS)
            self._wake.clear()
        self._leave()

    def _leave(self) -> None:
        """Take the tiles in flight back; what is unfinished stays in the store."""
        with contextlib.suppress(Exception):
            for active in self._active.values():
                self._cancel_futures(active)
        self._dismiss_sender()
        self._store.close()

    def _round(self) -> None:
        self._collect()
        self._look_after_deliveries()
        jobs = self._store.jobs(ACTIVE)
        self._carry_out_cancels(jobs)
        self._claim_jobs(jobs)
        if self._active or self._warm_up:
            self._warm_up = False
            client = self._cluster.client()
            if self._sender is not None and self._sender.client is not client:
                self._dismiss_sender()
            self._send(client)

    # -- one round, step by step ------------------------------------------------------------

    def _collect(self) -> None:
        """Save the tiles that arrived; finish the jobs that miss nothing.

        Looked at in every round: a tile that could not be written is missing after all.
        """
        while not self._finished.empty():
            key, items, future = self._finished.get()
            active = self._active.get(key)
            if active is None or active.in_flight.pop(future.key, None) is None:
                continue  # of a job that was cancelled or has failed
            if future.status == "finished":
                self._save(active, items.start, future.result())
            elif future.status == "error":
                self._mend_or_fail(active, items, future.exception())
            else:  # lost with the connection to the scheduler: see what the store lacks
                self._recount(active)
        for active in list(self._active.values()):
            if not active.missing and not active.in_flight:
                self._finish_stage(active)

    def _finish_stage(self, active: _Active) -> None:
        """Nothing is missing as far as was known: see whether that was all."""
        self._recount(active)
        if not active.missing:
            self._close(active, DONE)

    def _save(self, active: _Active, first_item: int, tile: TileResult) -> None:
        request, count = active.request, len(tile.results)
        self._store.put_tile(request.key, first_item, tile.results, tile.seconds, tile.environment)
        active.forwards += sum(request.image_forwards[first_item : first_item + count])
        active.seconds += tile.seconds
        if active.seconds >= RATE_EVERY_S or not active.missing:
            rate = active.seconds / max(active.forwards, 1)
            self._store.put_rate(request.architecture, request.measure, rate)
            active.seconds, active.forwards = 0.0, 0

    def _mend_or_fail(self, active: _Active, items: range, error: BaseException | None) -> None:
        """Weights that a worker lacks are brought to it, and the tile is asked for again."""
        if not isinstance(error, WeightsMissingError):
            self._fail(active, error)
            return
        active.missing.extendleft(reversed(items))
        if self._sender is None:
            self._sender = WeightsSender(self._cluster.client(), self._root, self._wake.set)
        active.deliveries.append(self._sender.bring(active.request, error))

    def _look_after_deliveries(self) -> None:
        """A job whose weights cannot be brought fails; one whose weights have come goes on."""
        for active in list(self._active.values()):
            for delivery in [one for one in active.deliveries if one.done()]:
                active.deliveries.remove(delivery)
                if (error := delivery.result()) is not None:
                    self._fail(active, error)
                    break

    def _dismiss_sender(self) -> None:
        """With its connection; the tiles that wait for it are missing, and will ask again."""
        for active in self._active.values():
            active.deliveries.clear()
        if self._sender is not None:
            self._sender.close()
        self._sender = None

    def _fail(self, active: _Active, error: BaseException | None) -> None:
        self._cancel_futures(active)
        self._close(active, FAILED, reason_of(error))

    def _fail_all(self, reason: str) -> None:
        log.error(reason)
        for active in list(self._active.values()):
            self._close(active, FAILED, reason)

    def _close(self, active: _Active, state: str, error: str | None = None) -> None:
        del self._active[active.request.key]
        self._store.finish(active.request.key, state, error)

    def _carry_out_cancels(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            active = self._active.get(job.key)
            if active is not None and job.cancel_requested:
                self._cancel_futures(active)
                self._close(active, CANCELLED)

    def _cancel_futures(self, active: _Active) -> None:
        for delivery in active.deliveries:
            delivery.cancel()  # unless it has begun: others may want it
        futures, active.in_flight = list(active.in_flight.values()), {}
        if futures:
            self._cluster.client().cancel(futures, force=True)

    def _claim_jobs(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if len(self._active) >= MAX_ACTIVE_JOBS:
                return
            if job.key in self._active or not self._accept(job):
                continue
            if reason := weights_lost(self._root, job.request):
                self._store.give_up(job.key, reason)
            else:
                self._start_job(job)

    def _start_job(self, job: Job) -> None:
        if not self._store.claim(job.key):
            return
        request = job.request
        active = _Active(request, panel_digest(request.panel), deque())
        self._active[job.key] = active
        self._finish_stage(active)

    def _recount(self, active: _Active) -> None:
        """Forget every tile in flight and take what is missing from the store."""
        active.in_flight.clear()
        request = active.request
        needed = self._store.items_needed(request)
        if request.definition.plan:
            self._store.extend(request.key, len(needed))
        done = self._store.positions_done(request.key)
        active.missing = deque(i for i in needed if i not in done)

    def _send(self, client: "Client") -> None:
        """Keep every worker busy, taking one tile from each active job in turn."""
        room = TILES_AHEAD * self._cluster.num_workers
        room -= sum(len(active.in_flight) for active in self._active.values())
        ready = [active for active in self._active.values() if not active.deliveries]
        while room > 0 and any(active.missing for active in ready):
            for active in [one for one in ready if one.missing]:
                self._send_tile(client, active)
                room -= 1

    def _send_tile(self, client: "Client", active: _Active) -> None:
        items, request = self._next_tile(active), active.request
        future = client.submit(
            evaluate_tile,
            *(request.to_json(), items.start, len(items), self._workers_root, active.panel),
            pure=False,
        )
        active.in_flight[future.key] = future
        future.add_done_callback(lambda done: self._arrived(request.key, items, done))

    def _arrived(self, key: str, items: range, future: "Future") -> None:
        self._finished.put((key, items, future))
        self._wake.set()

    def _next_tile(self, active: _Active) -> range:
        """Take consecutive missing items worth about TILE_SECONDS off the queue.

        Towards the end less, so that all workers are busy until then.
        """
        request = active.request
        rate = self._store.rates().of(request.architecture, request.measure)
        budget = TILE_SECONDS / rate if rate else FIRST_TILE_FORWARDS
        share = -(-len(active.missing) // (TILES_AHEAD * self._cluster.num_workers))
        first = active.missing.popleft()
        count, cost = 1, request.image_forwards[first]
        while count < share and active.missing[0] == first + count:
            cost += request.image_forwards[first + count]
            if cost > budget:
                break
            active.missing.popleft()
            count += 1
        return range(first, first + count)
