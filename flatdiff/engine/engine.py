"""The engine takes a request for a measurement and gives a handle: progress, result, cancel.

One engine a program. What it knows is in the store, so every page, program and later start sees
the same jobs; what it computes with is a cluster, started in the background.
"""

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.engine.bundle import open_home_store
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.dispatcher import Dispatcher
from flatdiff.engine.progress import Alone, Cost, Progress, cost_of, progress_of
from flatdiff.engine.recent import Recent
from flatdiff.engine.speed.forecast import Machine
from flatdiff.engine.store import ACTIVE, CANCELLED, FAILED, Job, Store
from flatdiff.engine.watchers import Watchers
from flatdiff.errors import EngineError
from flatdiff.landscape.panel import Panel
from flatdiff.measures import MEASURES
from flatdiff.measures.request import Request, completed, make_request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.settings import from_mapping, require
from flatdiff.system.access import Action, require_right
from flatdiff.system.files import checkpoint_root

WAIT_POLL_S = 0.05


@dataclass(frozen=True)
class Handle:
    """One measurement, wherever it is computed; cheap to make, holds no result."""

    request: Request
    engine: "Engine"

    @property
    def key(self) -> str:
        """Of the request."""
        return self.request.key

    def job(self) -> Job | None:
        """The store's row, or None where it was never asked for."""
        return self.engine.store.job(self.key)

    def progress(self) -> Progress | None:
        """Where it stands, or None where it was never asked for."""
        job = self.job()
        return None if job is None else self.engine.progress([job])[0]

    def result(self) -> Any:
        """The measure's result of the items done so far; absent ones are NaN or missing.

        While it is computed, of those that were done a second ago.
        """
        job = self.job()
        growing = job is not None and job.state in ACTIVE
        return self.engine.result(self.request, job.num_done if job else 0, growing=growing)

    def look(self, watcher: str) -> None:
        """Somebody waits for it: others who leave do not stop it; to be repeated while so."""
        self.engine.watchers.look(self.key, watcher)

    def leave(self, watcher: str) -> int:
        """Somebody has had enough: stop it, unless others wait; returns how many do."""
        require_right(Action.CANCEL_OWN)
        others = self.engine.watchers.leave(self.key, watcher)
        if not others:
            self._stop()
        return others

    def cancel(self) -> None:
        """Stop it for everybody; finished tiles stay and can be continued.

        Raises:
            FlatdiffError: only one's own may be cancelled here.
        """
        require_right(Action.CANCEL_ANY)
        self._stop()

    def _stop(self) -> None:
        if not self.engine.dispatcher.cancel(self.key):
            self.engine.store.request_cancel(self.key)
            self.engine.dispatcher.wake()

    def wait(self, timeout_s: float = float("inf")) -> Any:
        """Block until done and return the result.

        Raises:
            EngineError: it failed, was cancelled, or took longer than the timeout.
            StoreError: the store turned out to be damaged.
        """
        deadline = time.monotonic() + timeout_s
        while (job := self.job()) is not None and job.state in ACTIVE:
            if time.monotonic() > deadline:
                raise EngineError(f"no result within {timeout_s:g} s; it goes on computing")
            self.engine.require_running()
            time.sleep(WAIT_POLL_S)
        if job is None or job.state == CANCELLED:
            raise EngineError(f"{self.request.measure} of {self.request.checkpoint} was cancelled")
        if job.state == FAILED:
            raise EngineError(
                f"{self.request.measure} of {self.request.checkpoint} failed: {job.error}"
            )
        return self.result()


class Engine:
    """Store, cluster and dispatcher of one program."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        cluster: Cluster | None = None,
        root: Path | None = None,
        adopt: bool = False,
    ) -> None:
        """Open the store; nothing is started before `start`.

        Args:
            store: default: in the state directory, with the shipped results in it.
            cluster: default: private workers, or $FLATDIFF_SCHEDULER.
            root: of the checkpoints; default: the bundled ones.
            adopt: also continue jobs that other programs left unfinished in the store.
        """
        self.store = store or open_home_store()
        self.root = root or checkpoint_root()
        self.cluster = cluster or Cluster()
        self.watchers = Watchers()
        self._own: set[str] = set()
        self.dispatcher = Dispatcher(
            self.store,
            self.cluster,
            self.root,
            accept=lambda job: adopt or job.key in self._own,
            warm_up=adopt,
        )
        self.result = Recent(self._result)
        self.alone = Alone()

    def __enter__(self) -> "Engine":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(
        self,
        measure: str,
        checkpoint: str,
        *,
        panel: Mapping[str, Any] | None = None,
        to: Sequence[str] = (),
        **settings: Any,
    ) -> Handle:
        """Run a measurement, all by name; the same question is answered from the store.

        Args:
            measure: a key of MEASURES.
            checkpoint: `<family>/<name>`.
            panel: what differs from the default panel of the checkpoint's dataset: size, seed,
                split.
            to: further checkpoints, where the settings want them.
            **settings: of the measure, what differs from its defaults.

        Raises:
            SettingsError: no such measure, or a setting is unknown or out of range.
            CheckpointError: no such checkpoint, or it is damaged.
        """
        require(measure in MEASURES, "measure", f"one of {', '.join(MEASURES)}", measure)
        chosen = from_mapping(MEASURES[measure].settings_type, settings, "settings")
        return self.submit(self.request(measure, checkpoint, chosen, panel=panel, to=to))

    def request(
        self,
        measure: str,
        checkpoint: str,
        settings: Any,
        *,
        panel: Mapping[str, Any] | None = None,
        to: Sequence[str] = (),
    ) -> Request:
        """What `ask` runs: names are read, and what the settings leave open is filled in.

        Raises:
            SettingsError: the panel is unknown or out of range, or the settings do not fit.
            CheckpointError: no such checkpoint, or it is damaged.
        """
        card, *partners = (read_card(self.root, name) for name in (checkpoint, *to))
        on = from_mapping(Panel, {"dataset": card.dataset, **(panel or {})}, "panel")
        whole = completed(settings, self.root, card)
        return make_request(measure, card, whole, on, partners)

    def measure(self, measure: str, checkpoint: str, **settings: Any) -> Any:
        """`ask`, and wait for the result.

        Raises:
            EngineError: it failed or was cancelled; see also `ask`.
        """
        return self.ask(measure, checkpoint, **settings).wait()

    def start(self) -> None:
        """Start computing; returns at once, workers come up in the background."""
        if not self.dispatcher.is_alive():
            self.dispatcher.start()

    def close(self) -> None:
        """Stop; jobs that are not done stay in the store."""
        self.dispatcher.stop()
        self.cluster.close()
        self.store.close()

    def handle(self, request: Request) -> Handle:
        """Look at a request without running it."""
        return Handle(request, self)

    def submit(self, request: Request) -> Handle:
        """Run a request, or join the run or the result that is there.

        Raises:
            FlatdiffError: measuring is not allowed here, or see `require_running`.
        """
        require_right(Action.MEASURE)
        self.require_running()
        self._own.add(request.key)
        self.dispatcher.keep(request.key)
        self.store.submit(request)
        self.dispatcher.wake()
        return Handle(request, self)

    def require_running(self) -> None:
        """Refuse what would wait for ever.

        Raises:
            StoreError: the store turned out to be damaged, and nothing is computed any more.
        """
        if self.dispatcher.failure is not None:
            raise self.dispatcher.failure

    def recompute(self, request: Request) -> Handle:
        """Forget a finished result and run it again; a `FlatdiffError` to guests."""
        require_right(Action.RECOMPUTE)
        self.store.delete([request.key])
        self.result.clear()
        return self.submit(request)

    def clear(self) -> None:
        """Forget every finished result; what runs stays. A `FlatdiffError` to guests."""
        require_right(Action.CLEAR)
        self.store.delete()
        self.store.database.compact()
        self.result.clear()

    def measure_speed(self, cards: Iterable[Card]) -> None:
        """Time every architecture that was never timed here, so that estimates are measured."""
        seen: set[str] = set()
        for card in cards:
            probe = make_request("surface", card, SurfaceSettings(dimensions=1, resolution=5))
            new = probe.architecture not in seen
            seen.add(probe.architecture)
            if new and not self.store.timings.speeds().knows(probe.architecture):
                self.submit(probe)

    def estimate(self, requests: Iterable[Request]) -> Cost:
        """The cost of what several requests still need together."""
        return cost_of(requests, self.store, self.machine(), self.alone)

    def machine(self) -> Machine:
        """What computes, and how fast it is now."""
        return self.dispatcher.forecaster.machine()

    def progress(self, jobs: Sequence[Job]) -> list[Progress]:
        """Jobs as a person reads them; one look at the store for all of them."""
        active, machine = self.store.jobs(ACTIVE), self.machine()
        alone = self.alone(active, self.store, machine)
        return [progress_of(job, active, alone, machine) for job in jobs]

    def _result(self, request: Request) -> Any:
        return request.definition.assemble(request.settings, self.store.items_done(request.key))


_lock = threading.Lock()
_engines: dict[int, Engine] = {}


def shared_engine() -> Engine:
    """The engine of this program, made and started at the first call."""
    with _lock:
        if os.getpid() not in _engines:
            engine = _engines[os.getpid()] = Engine(adopt=True)
            engine.start()
        return _engines[os.getpid()]
