"""What a measurement will cost, and where a running one stands."""

from dataclasses import dataclass

from flatdiff.engine.store import ACTIVE


@dataclass(frozen=True)
class Estimate:
    """What a request will cost, before it is run."""

    evaluations: int  # items not in the store yet
    image_forwards: int  # images through the network for them
    seconds: float | None  # on this machine; None until its speed was measured
    open_ended: bool  # how many evaluations there are depends on what the first ones show


@dataclass(frozen=True)
class Progress:
    """Where a job stands."""

    state: str  # queued, running, done, failed or cancelled
    done: int  # evaluations in the store
    total: int
    eta: float | None  # seconds left; None where unknown or not running
    rate: float | None  # evaluations a second, of computing time on all workers
    queue_position: int  # jobs ahead that have not begun; 0 once it is running
    error: str | None
    finished_at: float | None  # seconds since 1970
    seconds: float  # of computing so far

    @property
    def active(self) -> bool:
        """Queued or running."""
        return self.state in ACTIVE
