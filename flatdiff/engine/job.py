"""A job is a request in the store: asked for and computed once, and where it stands meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from flatdiff.errors import FlatdiffError
from flatdiff.measures.request import Request
from flatdiff.system.arrays import Arrays

MAX_ACTIVE_JOBS = 4  # computed in turn, so that A and B appear together

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ACTIVE = (QUEUED, RUNNING)


@dataclass(frozen=True)
class Job:
    """A measurement in the store."""

    key: str
    request_json: str
    state: str  # queued, running, done, failed or cancelled
    num_items: int  # that are needed as far as is known
    num_done: int  # items in finished tiles
    position: int  # order of arrival
    created_at: float  # seconds since 1970, for people; nothing is decided by it
    finished_at: float | None
    seconds: float  # of computing, summed over tiles
    error: str | None  # one sentence, where it failed
    environment: str | None  # versions and device that computed it, JSON
    cancel_requested: bool

    @property
    def request(self) -> Request:
        """What was asked."""
        request = _parsed(self.request_json)
        assert request is not None, "the store gives out what it can read"
        return request

    @property
    def readable(self) -> bool:
        """Whether this flatdiff would ask the same under the same key.

        Not where another version of the measure was asked, or where the text is damaged.
        """
        request = _parsed(self.request_json)
        try:
            return request is not None and request.key == self.key
        except FlatdiffError:  # of a dataset that is not there any more
            return False


@lru_cache(maxsize=1024)  # a progress bar asks once a second for what never changes
def _parsed(request_json: str) -> Request | None:
    try:
        return Request.from_json(request_json)
    except FlatdiffError:
        return None


@dataclass(frozen=True)
class Effort:
    """What a tile took; processor seconds, or those on the wall where a GPU computes."""

    items: Sequence[float]  # of each
    loading: float  # checkpoint and panel; next to nothing where the worker kept them
    preparing: float  # what all items need; the same
    first: bool  # in its worker's life
    wall: float  # of all of it, on the wall


@dataclass(frozen=True)
class TileResult:
    """The arrays of consecutive items and what they cost."""

    results: Sequence[Arrays]
    seconds: float  # of wall time; loading and preparing excluded
    environment: str  # JSON: versions, device, priority
    effort: Effort | None = None  # None: nobody has told
