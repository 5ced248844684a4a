"""A brake slows down whoever guesses a password: it says when the next guess may be looked at.

The first guesses are free, as people mistype. Then every further one doubles the wait: of the
client that guessed, up to some seconds, and of everybody, up to half a second, in case one guesser
has many addresses. So the right password is never shut out for longer than its client's wait.
Nothing sleeps here; who is too early is told for how long.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_WAIT_S = 0.25
CLIENT_FREE, CLIENT_MOST_S = 3, 4.0
ALL_FREE, ALL_MOST_S = 20, 0.5
CALM_S = 60.0  # without a guess, after which all is forgotten
MAX_CLIENTS = 4096  # that are remembered; the oldest go first


@dataclass
class _Guesses:
    """Of one client, or of all."""

    count: int = 0
    next_at: float = 0.0  # on the clock of the brake
    last_at: float = 0.0

    def add(self, now: float, free: int, most_s: float) -> None:
        """Note one, and when the next may come."""
        self.count = 1 if now - self.last_at > CALM_S else self.count + 1
        doublings = self.count - free - 1
        wait = min(FIRST_WAIT_S * 2.0 ** min(doublings, 16), most_s) if doublings >= 0 else 0.0
        self.last_at, self.next_at = now, now + wait


class Brake:
    """Of one password; many threads may ask it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all = _Guesses()
        self._clients: dict[str, _Guesses] = {}

    def wait_s(self, client: str) -> float:
        """Seconds until a guess of this client may be looked at; 0.0: now."""
        own = self._clients.get(client, _Guesses())
        return max(own.next_at - self._clock(), self._all.next_at - self._clock(), 0.0)

    def take_turn(self, client: str) -> bool:
        """Whether a guess may be looked at now; it counts as wrong until `passed` says otherwise.

        Counted before it is compared, so that a thousand at once are not a thousand.
        """
        with self._lock:
            if self.wait_s(client) > 0:
                return False
            now = self._clock()
            own = self._clients.pop(client, _Guesses())
            own.add(now, CLIENT_FREE, CLIENT_MOST_S)
            self._all.add(now, ALL_FREE, ALL_MOST_S)
            self._clients[client] = own  # behind all others
            if len(self._clients) > MAX_CLIENTS:
                del self._clients[next(iter(self._clients))]
            return True

    def passed(self, client: str) -> None:
        """The guess was right: the client begins anew, and nobody waits for it."""
        with self._lock:
            self._clients.pop(client, None)
            self._all.count -= 1
