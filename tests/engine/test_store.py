"""The store's promises: one job a key, states that follow from what happened."""

import dataclasses
from collections.abc import Sequence

import pytest

from flatdiff.engine.store import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Job, Store
from tests.subjects import arrays_of, changed, same_arrays, surface_request

REQUEST = surface_request()  # 14 items
OTHERS = [surface_request(seed=seed) for seed in (1, 2, 3)]


def fill(store: Store, request=REQUEST, items: Sequence[int] = range(14), tile: int = 3) -> None:
    """Save some items in tiles."""
    for start in range(0, len(items), tile):
        part = items[start : start + tile]
        store.put_tile(request.key, part[0], [arrays_of(i) for i in part], 0.5, '{"a": 1}')


def there(store: Store, request=REQUEST) -> Job:
    """The job, which must be there."""
    job = store.job(request.key)
    assert job is not None
    return job


def test_asking_twice_is_one_job(store: Store) -> None:
    """Counted in the list of all jobs; the second answer is the first row."""
    first = store.submit(REQUEST)
    assert store.submit(surface_request()) == first
    assert store.jobs() == [first]
    assert (first.state, first.num_items, first.num_done) == (QUEUED, 14, 0)
    assert first.request == REQUEST
    assert store.job(OTHERS[0].key) is None


def test_items_come_back_bit_by_bit(store: Store) -> None:
    """NaN, infinities, -0 and denormals among them; tiles of any size, saved in any order."""
    store.submit(REQUEST)
    fill(store, items=range(9, 14), tile=2)
    fill(store, items=range(9), tile=4)
    done = store.items_done(REQUEST.key)
    assert sorted(done) == list(range(14))
    assert all(same_arrays(done[item], arrays_of(item)) for item in done)
    job = there(store)
    assert (job.num_done, job.seconds, job.environment) == (14, 6 * 0.5, '{"a": 1}')
    assert store.positions_done(REQUEST.key) == set(range(14))


def test_results_are_seen_by_the_next_program(store: Store) -> None:
    """A second store on the same file, as after a restart."""
    store.submit(REQUEST)
    fill(store)
    store.finish(REQUEST.key, DONE)
    again = Store(store.database.path)
    assert again.jobs() == store.jobs()
    assert same_arrays(again.items_done(REQUEST.key)[7], arrays_of(7))
    again.close()


def test_a_tile_that_is_there_stays(store: Store) -> None:
    """Two workers may finish the same tile; readers of the first must not see it change."""
    store.submit(REQUEST)
    store.put_tile(REQUEST.key, 0, [arrays_of(0)], 1.0, "")
    store.put_tile(REQUEST.key, 0, [arrays_of(9)], 1.0, "")
    assert same_arrays(store.items_done(REQUEST.key)[0], arrays_of(0))
    assert there(store).num_done == 1


@pytest.mark.parametrize("state", [FAILED, CANCELLED])
def test_asking_again_goes_on_where_it_stopped(state: str, store: Store) -> None:
    """Its finished tiles count, and it waits behind those that came meanwhile."""
    store.submit(REQUEST)
    fill(store, items=range(6))
    store.finish(REQUEST.key, state, "out of memory")
    stopped = there(store)
    assert (stopped.state, stopped.error, stopped.num_done) == (state, "out of memory", 6)
    assert stopped.finished_at is not None
    store.submit(OTHERS[0])
    again = store.submit(REQUEST)
    assert (again.state, again.error, again.num_done, again.finished_at) == (QUEUED, None, 6, None)
    assert [job.key for job in store.jobs()] == [OTHERS[0].key, REQUEST.key]


def test_done_means_that_nothing_is_missing(store: Store) -> None:
    """With 13 of 14 items a job asked to be done is queued for the last one instead."""
    store.submit(REQUEST)
    assert store.claim(REQUEST.key)
    fill(store, items=range(13))
    store.finish(REQUEST.key, DONE)
    assert (there(store).state, there(store).finished_at) == (QUEUED, None)
    fill(store, items=[13])
    store.finish(REQUEST.key, DONE)
    assert there(store).state == DONE
    assert store.submit(REQUEST).state == DONE


def test_overlapping_tiles_do_not_hide_a_gap(store: Store) -> None:
    """Items 0-2 and 1-2 are three, not five; a sum would call a job of five done."""
    request = changed(REQUEST, settings=dataclasses.replace(REQUEST.settings, resolution=4))
    store.submit(request)
    fill(store, request, range(3), tile=3)
    fill(store, request, [1, 2], tile=2)
    assert len(request.items) == 5
    store.finish(request.key, DONE)
    assert there(store, request).state == QUEUED


@pytest.mark.parametrize("repeat", [1, 2])
def test_claim_by_this_process(repeat: int, store: Store) -> None:
    """It may ask again; a job that nobody asked for, or that is over, is no one's."""
    assert not store.claim(REQUEST.key)
    store.submit(REQUEST)
    for _ in range(repeat):
        assert store.claim(REQUEST.key)
        assert there(store).state == RUNNING
    for state in (FAILED, CANCELLED):
        store.finish(REQUEST.key, state)
        assert not store.claim(REQUEST.key)


def test_cancel_of_a_queued_job_is_immediate(store: Store) -> None:
    """Nobody computes it, so nobody has to be asked."""
    store.submit(REQUEST)
    store.request_cancel(REQUEST.key)
    assert (there(store).state, there(store).cancel_requested) == (CANCELLED, False)
    assert there(store).finished_at is not None


def test_cancel_of_a_running_job_is_a_wish(store: Store) -> None:
    """Its owner lives (this process), so it must carry it out; asking again takes it back."""
    store.submit(REQUEST)
    store.claim(REQUEST.key)
    store.request_cancel(REQUEST.key)
    assert (there(store).state, there(store).cancel_requested) == (RUNNING, True)
    assert not store.submit(REQUEST).cancel_requested
    store.request_cancel(REQUEST.key)
    store.finish(REQUEST.key, CANCELLED)
    assert (there(store).state, there(store).cancel_requested) == (CANCELLED, False)


@pytest.mark.parametrize("state", [DONE, FAILED, CANCELLED])
def test_cancel_of_what_is_over_changes_nothing(state: str, store: Store) -> None:
    """Row for row; neither does it of a key that was never asked for."""
    store.submit(REQUEST)
    fill(store)
    store.finish(REQUEST.key, state, "why")
    before = store.jobs()
    store.request_cancel(REQUEST.key)
    store.request_cancel(OTHERS[0].key)
    assert store.jobs() == before


def test_delete_forgets_results_and_leaves_work_alone(store: Store) -> None:
    """Five jobs, one in each state, all deleted at once: the two active ones keep their tiles."""
    states = [DONE, FAILED, CANCELLED, RUNNING, QUEUED]
    requests = [REQUEST, *OTHERS, surface_request(seed=4)]
    for request, state in zip(requests, states, strict=True):
        store.submit(request)
        fill(store, request)
        if state == RUNNING:
            store.claim(request.key)
        elif state != QUEUED:
            store.finish(request.key, state)
    store.delete([request.key for request in requests])
    assert [job.state for job in store.jobs()] == [RUNNING, QUEUED]
    assert [len(store.items_done(r.key)) for r in requests] == [0, 0, 0, 14, 14]


def test_lists_by_state_in_order_of_arrival(store: Store) -> None:
    """A hand-made history: the second of four is done, the third running."""
    requests = [REQUEST, *OTHERS]
    for request in requests:
        store.submit(request)
    fill(store, requests[1])
    store.finish(requests[1].key, DONE)
    store.claim(requests[2].key)

    def names(*states: str) -> list[int]:
        return [requests.index(job.request) for job in store.jobs(states)]

    assert names(QUEUED) == [0, 3]
    assert names(QUEUED, RUNNING) == [0, 2, 3]
    assert names(DONE) == [1]
    assert names(FAILED) == []
    assert len(store.jobs()) == 4


def test_jobs_of_other_versions_are_left_alone(store: Store) -> None:
    """A request this program cannot read, and one whose measure has changed since: not listed."""
    store.submit(REQUEST)
    with store.database.transaction() as db:
        for key, request in (("1" * 64, "{}"), ("2" * 64, REQUEST.to_json()), ("3" * 64, "{")):
            db.execute(
                "INSERT INTO jobs (key, request, state, num_items, position, created_at)"
                " VALUES (?, ?, 'done', 3, 9, 0)",
                (key, request),
            )
    assert [job.key for job in store.jobs()] == [REQUEST.key]
    assert len(store.database.rows("SELECT * FROM jobs")) == 4
    store.delete()
    assert store.database.rows("SELECT key FROM jobs") == [(REQUEST.key,)], "active ones stay"


def test_queued_jobs_of_other_versions_are_closed(store: Store) -> None:
    """Nobody would ever compute them, and nobody could cancel what is not listed."""
    store.submit(REQUEST)
    with store.database.transaction() as db:
        db.execute(
            "INSERT INTO jobs (key, request, state, num_items, position, created_at)"
            " VALUES ('1', '{}', 'queued', 3, 9, 0)"
        )
    store.close_unreadable()
    states = dict(store.database.rows("SELECT key, state FROM jobs"))
    assert states == {REQUEST.key: "queued", "1": "cancelled"}
