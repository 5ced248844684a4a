"""An active job is one that this process computes: what it misses, and what is on its way."""

import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flatdiff.engine.delivery import Delivery
from flatdiff.engine.speed.forecast import Machine
from flatdiff.engine.speed.speeds import part_of
from flatdiff.engine.store import Store
from flatdiff.measures.request import Request

if TYPE_CHECKING:
    from distributed import Client, Future

TILE_SECONDS = 0.3
FIRST_TILE_FORWARDS = 512  # where no rate is known yet


@dataclass
class Active:
    """A job being computed by this process."""

    request: Request
    panel: str = ""  # its digest, once it is begun
    missing: deque[int] = field(default_factory=deque)  # positions of items not yet sent
    num_needed: int = 0  # items, as far as is known
    in_flight: dict[Any, "Future"] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)  # of weights; it waits meanwhile

    @property
    def key(self) -> str:
        """Of the request."""
        return self.request.key

    @property
    def is_sketch(self) -> bool:
        """Whether its first picture, which a few items make, is not all on its way yet."""
        return self.num_needed - len(self.missing) < self.request.num_sketched

    def recount(self, store: Store) -> None:
        """Forget every tile in flight and take what is missing from the store."""
        self.in_flight.clear()
        request = self.request
        needed = store.items_needed(request)
        self.num_needed = len(needed)
        if request.definition.plan:
            store.extend(request.key, len(needed))
        done = store.positions_done(request.key)
        self.missing = deque(i for i in needed if i not in done)

    def put_back(self, items: Sequence[int]) -> None:
        """Items that were taken off the queue are the next again."""
        self.missing.extendleft(reversed(items))

    def next_tile(self, machine: Machine, num_turns: int) -> range:
        """Take consecutive missing items worth about TILE_SECONDS off the queue.

        Towards the end less, so that all workers are busy until then.

        Args:
            machine: knows its speed.
            num_turns: tiles that can be on their way at once.
        """
        request = self.request
        share = -(-len(self.missing) // num_turns)
        first = self.missing.popleft()
        place = request.architecture, request.measure, *part_of(request, first), machine.load
        rate = machine.speeds.rate(*place)
        budget = TILE_SECONDS * machine.share / rate.seconds if rate else FIRST_TILE_FORWARDS
        count, cost = 1, request.image_forwards(first)
        while count < share and self.missing[0] == first + count:
            cost += request.image_forwards(first + count)
            if cost > budget:
                break
            self.missing.popleft()
            count += 1
        return range(first, first + count)

    def take_back(self, client: "Client | None") -> None:
        """Let nobody compute for it any more; without a connection, nobody does."""
        for delivery in self.deliveries:
            delivery.cancel()  # unless it has begun: others may want it
        self.deliveries.clear()
        futures, self.in_flight = list(self.in_flight.values()), {}
        if futures and client is not None and client.status == "running":
            with contextlib.suppress(Exception):  # of a connection that is lost meanwhile
                client.cancel(futures, force=True)
