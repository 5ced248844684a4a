"""An active job is one that this process computes: what it misses, and what is on its way."""

import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flatdiff.engine.delivery import Delivery
from flatdiff.engine.job import TileResult
from flatdiff.engine.store import Store
from flatdiff.measures.request import Request

if TYPE_CHECKING:
    from distributed import Client, Future

TILE_SECONDS = 0.3
FIRST_TILE_FORWARDS = 512  # where no rate is known yet
RATE_EVERY_S = 1.0  # of computing between two notes of the speed


@dataclass
class Active:
    """A job being computed by this process."""

    request: Request
    panel: str = ""  # its digest, once it is begun
    missing: deque[int] = field(default_factory=deque)  # positions of items not yet sent
    in_flight: dict[Any, "Future"] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)  # of weights; it waits meanwhile
    seconds: float = 0.0  # of computing since the speed was last written down
    forwards: int = 0  # images through the network in that time

    @property
    def key(self) -> str:
        """Of the request."""
        return self.request.key

    def recount(self, store: Store) -> None:
        """Forget every tile in flight and take what is missing from the store."""
        self.in_flight.clear()
        request = self.request
        needed = store.items_needed(request)
        if request.definition.plan:
            store.extend(request.key, len(needed))
        done = store.positions_done(request.key)
        self.missing = deque(i for i in needed if i not in done)

    def put_back(self, items: Sequence[int]) -> None:
        """Items that were taken off the queue are the next again."""
        self.missing.extendleft(reversed(items))

    def next_tile(self, store: Store, num_turns: int) -> range:
        """Take consecutive missing items worth about TILE_SECONDS off the queue.

        Towards the end less, so that all workers are busy until then.

        Args:
            store: knows the speed.
            num_turns: tiles that can be on their way at once.
        """
        request = self.request
        rate = store.rates().of(request.architecture, request.measure)
        budget = TILE_SECONDS / rate if rate else FIRST_TILE_FORWARDS
        share = -(-len(self.missing) // num_turns)
        first = self.missing.popleft()
        count, cost = 1, request.image_forwards[first]
        while count < share and self.missing[0] == first + count:
            cost += request.image_forwards[first + count]
            if cost > budget:
                break
            self.missing.popleft()
            count += 1
        return range(first, first + count)

    def save(self, store: Store, first_item: int, tile: TileResult) -> None:
        """A tile that came, and now and then the speed."""
        request, count = self.request, len(tile.results)
        store.put_tile(request.key, first_item, tile.results, tile.seconds, tile.environment)
        self.forwards += sum(request.image_forwards[first_item : first_item + count])
        self.seconds += tile.seconds
        if self.seconds >= RATE_EVERY_S or not self.missing:
            rate = self.seconds / max(self.forwards, 1)
            store.put_rate(request.architecture, request.measure, rate)
            self.seconds, self.forwards = 0.0, 0

    def take_back(self, client: "Client | None") -> None:
        """Let nobody compute for it any more; without a connection, nobody does."""
        for delivery in self.deliveries:
            delivery.cancel()  # unless it has begun: others may want it
        self.deliveries.clear()
        futures, self.in_flight = list(self.in_flight.values()), {}
        if futures and client is not None and client.status == "running":
            with contextlib.suppress(Exception):  # of a connection that is lost meanwhile
                client.cancel(futures, force=True)
