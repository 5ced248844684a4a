"""The dispatcher is the one thread that turns queued jobs into tiles and tiles into the store.

It owns no truth: what is queued, done or to be cancelled is in the store, so that a kill at any
moment loses at most the tiles in flight, and a restarted program goes on where the last one was.

Errors are told apart. What can pass, such as a full disk, is tried again, slower each time, and
fails the jobs when it lasts; what cannot fails them at once. A cancel waits for none of it.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flatdiff.engine.active import Active
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.delivery import WeightsMissingError, WeightsSender, weights_lost
from flatdiff.engine.job import MAX_ACTIVE_JOBS, TileResult
from flatdiff.engine.outcome import Outcome, reason_of
from flatdiff.engine.patience import Patience
from flatdiff.engine.speed.forecast import Left
from flatdiff.engine.speed.forecaster import Forecaster
from flatdiff.engine.store import ACTIVE, CANCELLED, DONE, FAILED, Job, Store
from flatdiff.engine.tiles import Tiles
from flatdiff.errors import EngineError, FlatdiffError, StoreError, StoreUnavailableError
from flatdiff.landscape.panel import panel_digest

if TYPE_CHECKING:
    from distributed import Client

POLL_SECONDS = 0.2
STORE_TROUBLE = (StoreError, sqlite3.Error)

log = logging.getLogger("flatdiff.engine")


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
        self.forecaster = Forecaster(store.timings, cluster)
        place = "" if cluster.address else str(root)
        self._tiles = Tiles(self.forecaster.machine, place, self.wake)
        self._active: dict[str, Active] = {}
        self._unwanted: set[str] = set()  # keys of active jobs that this program cancelled
        self._client: Client | None = None  # of the last round
        self._sender: WeightsSender | None = None  # of the connection, once it is needed
        self._patience = Patience()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.failure: StoreError | None = None  # why it has ended by itself

    def wake(self) -> None:
        """Look at the store now instead of at the next poll."""
        self._wake.set()

    def cancel(self, key: str) -> bool:
        """Stop a job that this process computes, whatever the store does; whether it is one."""
        known = key in self._active and self.is_alive()
        if known:
            self._unwanted.add(key)
            self.wake()
        return known

    def keep(self, key: str) -> None:
        """A job that was cancelled is wanted after all, unless it has ended already."""
        self._unwanted.discard(key)

    def stop(self) -> None:
        """Stop sending tiles and wait for the thread; unfinished jobs stay in the store."""
        self._stopping.set()
        self._wake.set()
        if self.is_alive():
            self.join(timeout=10)

    def run(self) -> None:
        """The thread itself; see the module for what becomes of errors."""
        while not self._stopping.is_set():
            self._attempt()
            pause = 0.0 if not self._tiles.back.empty() else POLL_SECONDS
            self._wake.wait(max(pause, self._patience.left_s()))
            self._wake.clear()
        self._leave()

    def _attempt(self) -> None:
        """A round, unless one has failed just now; cancels in any case."""
        try:
            self._drop_unwanted()
            if not self._patience.left_s():
                self._round()
                self._patience.passed()
        except EngineError as error:  # of the cluster, which has been waited for
            self._warm_up = False
            self._fail_all(error)
        except StoreError as error:
            if isinstance(error, StoreUnavailableError):
                self._bear(error)
            else:  # damaged: only a new start can mend it
                self.failure = error
                self._fail_all(error)
                self._stopping.set()
        except Exception as error:
            self._bear(error)

    def _bear(self, error: Exception) -> None:
        """What may pass is said once, and ends the jobs when it lasts."""
        if self._patience.new:
            known = isinstance(error, StoreError)
            log.warning("%s; trying again", error, exc_info=None if known else error)
        if not self._patience.failed():
            self._fail_all(error)

    def _leave(self) -> None:
        """Take the tiles in flight back; what is unfinished stays in the store."""
        for active in self._active.values():
            active.take_back(self._client)
        self._dismiss_sender()
        self._store.close()

    def _round(self) -> None:
        self._store.ends.save()
        self._collect()
        self._look_after_deliveries()
        jobs = self._store.jobs(ACTIVE)
        self._carry_out_cancels(jobs)
        self._claim_jobs(jobs)
        if self._active or self._warm_up:
            client = self._cluster.ready()
            if client is None:
                return  # it is being started
            self._warm_up, self._client = False, client
            self.forecaster.connected(client)
            if self._sender is not None and self._sender.client is not client:
                self._dismiss_sender()
            self._tiles.send(client, list(self._active.values()), self._cluster.num_workers)

    # -- one round, step by step ------------------------------------------------------------

    def _collect(self) -> None:
        """Save the tiles that arrived; finish the jobs that miss nothing.

        Looked at in every round: a tile that could not be written arrives once more.
        """
        while not self._tiles.back.empty():
            arrival = self._tiles.back.get()
            active = self._active.get(arrival.job)
            if active is None or arrival.tile not in active.in_flight:
                continue  # of a job that was cancelled or has failed
            try:
                with self._blamed_on(active):
                    self._take(active, arrival.items, arrival.outcome)
            except STORE_TROUBLE:
                self._tiles.back.put(arrival)
                raise
            active.in_flight.pop(arrival.tile, None)
        for active in list(self._active.values()):
            if not active.missing and not active.in_flight:
                self._finish_stage(active)

    def _take(self, active: Active, items: range, outcome: Outcome) -> None:
        if isinstance(outcome, TileResult):
            tile = outcome.results, outcome.seconds, outcome.environment
            self._store.put_tile(active.key, items.start, *tile)
            self.forecaster.tile(active.key, items, outcome)
        elif isinstance(outcome, WeightsMissingError):
            self._bring_weights(active, items, outcome)
        elif outcome is not None:
            self._fail(active, outcome)
        else:  # lost with its worker or connection: see what the store lacks
            active.recount(self._store)

    @contextlib.contextmanager
    def _blamed_on(self, active: Active) -> Iterator[None]:
        """A fault in one job's numbers ends that one; the store concerns all of them."""
        try:
            yield
        except STORE_TROUBLE:
            raise
        except Exception as error:
            self._fail(active, error)

    def _finish_stage(self, active: Active) -> None:
        """Nothing is missing as far as was known: see whether that was all."""
        with self._blamed_on(active):
            active.recount(self._store)
            if not active.missing:
                self._store.finish(active.key, DONE)
                del self._active[active.key]
                self.forecaster.ended(active.key, active.num_needed)

    def _bring_weights(self, active: Active, items: range, lacking: WeightsMissingError) -> None:
        """Weights that a worker lacks are brought to it, and the tile is asked for again."""
        active.put_back(items)
        if self._client is None:
            return
        if self._sender is None:
            self._sender = WeightsSender(self._client, self._root, self._wake.set)
        active.deliveries.append(self._sender.bring(active.request, lacking))

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

    def _fail(self, active: Active, error: BaseException) -> None:
        if not isinstance(error, FlatdiffError):
            log.error("a job failed", exc_info=error)
        self._end(active, FAILED, reason_of(error))

    def _fail_all(self, error: Exception) -> None:
        """Every job that this process computes, or would compute next."""
        if not self._active:
            log.error(error)  # nobody else says so
        for active in list(self._active.values()):
            self._end(active, FAILED, reason_of(error))
        with contextlib.suppress(StoreError):  # it cannot even be read
            for job in filter(self._accept, self._store.jobs(ACTIVE)):
                self._store.give_up(job.key, reason_of(error))

    def _end(self, active: Active, state: str, error: str | None = None) -> None:
        """First for whoever waits, then for the workers, who may be out of reach."""
        self._active.pop(active.key, None)
        self.forecaster.ended(active.key)
        self._store.ends.end(active.key, state, error)
        active.take_back(self._client)

    def _drop_unwanted(self) -> None:
        while self._unwanted:
            if (active := self._active.get(self._unwanted.pop())) is not None:
                self._end(active, CANCELLED)

    def _carry_out_cancels(self, jobs: Sequence[Job]) -> None:
        """Of other programs, which leave them in the store."""
        for job in jobs:
            active = self._active.get(job.key)
            if active is not None and job.cancel_requested:
                self._end(active, CANCELLED)

    def _claim_jobs(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if len(self._active) >= MAX_ACTIVE_JOBS:
                return
            if job.key in self._active or not self._accept(job):
                continue
            if reason := weights_lost(self._root, job.request):
                self._store.give_up(job.key, reason)
            elif self._store.claim(job.key):
                active = self._active[job.key] = Active(job.request)
                self._begin(active)

    def _begin(self, active: Active) -> None:
        with self._blamed_on(active):
            active.panel = panel_digest(active.request.panel)
            active.recount(self._store)
            missing = tuple(active.missing)
            self.forecaster.begun(Left(active.request, missing, active.num_needed - len(missing)))
