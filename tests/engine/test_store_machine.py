"""Any sequence of calls leaves the store as a dictionary of states and sets would be."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flatdiff.engine.store import ACTIVE, CANCELLED, DONE, FAILED, QUEUED, RUNNING, Store
from tests.subjects import arrays_of, same_arrays, surface_request

REQUESTS = [surface_request(seed=seed, resolution=2) for seed in range(2)]
NUM_ITEMS = len(REQUESTS[0].items)  # 11
WHICH = st.integers(0, 1)


class StoreMachine(RuleBasedStateMachine):
    """The model knows no SQL: it follows the promises in the store's docstrings."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="flatdiff-machine-"))
        self.store = Store(self.folder / "results.sqlite")
        self.states: dict[int, str] = {}
        self.wished: set[int] = set()  # jobs asked to stop
        self.items: dict[int, set[int]] = {0: set(), 1: set()}

    def teardown(self) -> None:
        """Leave nothing on the disk."""
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(which=WHICH)
    def submit(self, which: int) -> None:
        """New, failed and cancelled ones are queued, the others are as they were."""
        self.store.submit(REQUESTS[which])
        if self.states.get(which) not in (DONE, RUNNING):
            self.states[which] = QUEUED
        self.wished.discard(which)

    @rule(which=WHICH)
    def claim(self, which: int) -> None:
        """Every active job is this process's for the asking."""
        active = self.states.get(which) in ACTIVE
        assert self.store.claim(REQUESTS[which].key) == active
        if active:
            self.states[which] = RUNNING

    @precondition(lambda self: self.states)
    @rule(which=WHICH, item=st.integers(0, NUM_ITEMS - 1))
    def put(self, which: int, item: int) -> None:
        """One item, or all that are missing where the item is there already."""
        missing = set(range(NUM_ITEMS)) - self.items[which]
        for position in [item] if item in missing else sorted(missing):
            self.store.put_tile(REQUESTS[which].key, position, [arrays_of(position)], 1.0, "")
            self.items[which].add(position)

    @rule(which=WHICH, state=st.sampled_from([DONE, FAILED, CANCELLED]))
    def finish(self, which: int, state: str) -> None:
        """Done only where nothing is missing; else it goes back into the queue."""
        if self.states.get(which) != RUNNING:
            return
        self.store.finish(REQUESTS[which].key, state)
        short = len(self.items[which]) < NUM_ITEMS
        self.states[which] = QUEUED if state == DONE and short else state
        if self.states[which] == state:
            self.wished.discard(which)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        """A queued one at once, a running one by its owner, one that is over not at all."""
        self.store.request_cancel(REQUESTS[which].key)
        if self.states.get(which) == QUEUED:
            self.states[which] = CANCELLED
        elif self.states.get(which) == RUNNING:
            self.wished.add(which)

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        """Active ones stay."""
        self.store.delete([REQUESTS[which].key])
        if which in self.states and self.states[which] not in ACTIVE:
            del self.states[which]
            self.items[which] = set()
            self.wished.discard(which)

    @rule()
    def restart(self) -> None:
        """Another program opens the same file."""
        self.store.close()
        self.store = Store(self.folder / "results.sqlite")

    @invariant()
    def is_as_the_model(self) -> None:
        """States, wishes, counts and numbers."""
        jobs = {job.key: job for job in self.store.jobs()}
        assert len(jobs) == len(self.states)
        for which, state in self.states.items():
            job = jobs[REQUESTS[which].key]
            assert (job.state, job.num_done) == (state, len(self.items[which]))
            if state == RUNNING:
                assert job.cancel_requested == (which in self.wished)
            assert (job.finished_at is not None) == (state in (DONE, FAILED, CANCELLED))
            done = self.store.items_done(job.key)
            assert done.keys() == self.items[which]
            assert all(same_arrays(arrays, arrays_of(item)) for item, arrays in done.items())


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, derandomize=True
)
