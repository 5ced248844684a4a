"""Tiles on their way: sent to workers, a few ahead of each, and back with what became of them."""

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flatdiff.engine.active import Active
from flatdiff.engine.outcome import Outcome, outcome_of, try_tile
from flatdiff.engine.speed.forecast import Machine

if TYPE_CHECKING:
    from distributed import Client, Future

TILES_AHEAD = 2  # a worker: one computing, one waiting


@dataclass(frozen=True)
class Arrival:
    """A tile that is back."""

    job: str  # its key
    items: range
    tile: Any  # its key in `Active.in_flight`
    outcome: Outcome


def in_turn(jobs: Sequence[Active]) -> Sequence[Active]:
    """Those that one tile is taken of next."""
    return [active for active in jobs if active.is_sketch][:1] or jobs


class Tiles:
    """Of all jobs of a dispatcher."""

    def __init__(
        self, machine: Callable[[], Machine], root: str, wake: Callable[[], None]
    ) -> None:
        """Nothing is on its way yet.

        Args:
            machine: what computes, as it is now.
            root: of the checkpoints on the workers' machines; "" where they are sent there.
            wake: called in another thread when a tile is back.
        """
        self._machine, self._root, self._wake = machine, root, wake
        self.back: queue.SimpleQueue[Arrival] = queue.SimpleQueue()

    def send(self, client: "Client", jobs: Sequence[Active], num_workers: int) -> None:
        """Keep every worker busy, taking one tile from each job in turn.

        A job that has no picture yet, of which a few items make one, goes before all others, the
        oldest first: two first pictures in turn would both come as late as the second does.
        """
        turns = TILES_AHEAD * num_workers
        room = turns - sum(len(active.in_flight) for active in jobs)
        ready = [active for active in jobs if not active.deliveries]
        if room <= 0 or not any(active.missing for active in ready):
            return
        machine = self._machine()
        while room > 0 and client.status == "running" and any(one.missing for one in ready):
            for active in in_turn([one for one in ready if one.missing]):
                self._send_one(client, active, active.next_tile(machine, turns))
                room -= 1

    def _send_one(self, client: "Client", active: Active, items: range) -> None:
        request = active.request
        try:
            future = client.submit(
                try_tile,
                *(request.to_json(), items.start, len(items), self._root, active.panel),
                pure=False,
                fifo_timeout="0 ms",  # a place of its own in the order: see private/blame.py
            )
        except Exception:
            active.put_back(items)
            if client.status == "running":  # else the next round makes a new connection
                raise
            return
        active.in_flight[future.key] = future
        future.add_done_callback(lambda done: self._arrived(client, request.key, items, done))

    def _arrived(self, client: "Client", key: str, items: range, future: "Future") -> None:
        """Called in a thread of Dask's, which may wait for the result to come."""
        self.back.put(Arrival(key, items, future.key, outcome_of(client, future)))
        self._wake()
