"""Forecasts: by hand, and of simulated machines whose speed scatters and whose load changes."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from flatdiff.engine.job import Effort, TileResult
from flatdiff.engine.speed import forecaster as module
from flatdiff.engine.speed.forecast import (
    Left,
    Machine,
    forecast,
    ranged,
    subject_of,
)
from flatdiff.engine.speed.forecaster import Forecaster
from flatdiff.engine.speed.speeds import (
    ATTENDING,
    FIRST_LOADING,
    GROWTH,
    LOADING,
    MISSED,
    PREPARING,
    STARTING,
    Place,
    Speeds,
    makespan,
    part_of,
)
from flatdiff.engine.store import Store
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.request import Request
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.system.speed import Speed, noted
from tests.subjects import surface_request

REQUEST = surface_request()
KEPT = [subject_of(REQUEST)]


def speeds_of(seconds: dict[Place, float]) -> Speeds:
    """Each as if it had been measured for ever."""
    return Speeds({place: Speed(float(np.log(s)), 0.0, 10.0) for place, s in seconds.items()})


def place_of(request: Request, position: int) -> Place:
    """Of an item."""
    return request.architecture, request.measure, *part_of(request, position), 0


def machine_of(seconds: dict[Place, float], share: float = 1.0, workers: int = 2) -> Machine:
    """One that is up, has worked, and has loaded the checkpoint."""
    return Machine(speeds_of(seconds), workers, share, kept=KEPT)


def every_item(seconds: float) -> dict[Place, float]:
    """Each item takes so long, whatever its forwards."""
    return {
        place_of(REQUEST, k): seconds / REQUEST.image_forwards(k)
        for k in range(len(REQUEST.items))
    }


ALL = Left(REQUEST, range(len(REQUEST.items)))


def seconds(work: Left, machine: Machine) -> float:
    """A forecast that there is."""
    found = forecast([work], machine)
    assert found is not None
    return found.seconds


def test_items_on_workers_by_hand() -> None:
    """14 items of 2 s: 14 s on two workers, 28 s at half of a processor each, 28 s on one."""
    assert seconds(ALL, machine_of(every_item(2.0))) == pytest.approx(14)
    assert seconds(ALL, machine_of(every_item(2.0), share=0.5)) == pytest.approx(28)
    assert seconds(ALL, machine_of(every_item(2.0), workers=1)) == pytest.approx(28)


def test_nothing_left_takes_no_time_and_nothing_known_is_said() -> None:
    """Whatever else there is to start."""
    nothing = Left(REQUEST, ())
    assert seconds(nothing, machine_of({("", "", STARTING, 0, 0): 9.0})) == 0
    assert forecast([ALL], machine_of({("", "", STARTING, 0, 0): 9.0})) is None
    assert forecast([ALL], machine_of({("other", "surface", "cell", 4, 0): 1.0})) is None


def test_what_comes_first_is_counted_where_it_comes() -> None:
    """Workers, what they load and what they prepare; by hand, at half a processor."""
    once = {
        ("", "", STARTING, 0, 0): 4.0,
        (REQUEST.architecture, "", FIRST_LOADING, 0, 0): 3.0,
        (REQUEST.architecture, "", LOADING, 0, 0): 1.0,
        (REQUEST.architecture, REQUEST.measure, PREPARING, 0, 0): 0.5,
        ("", "", ATTENDING, 0, 0): 0.25,
    }
    warm = machine_of(every_item(2.0) | once, share=0.5)
    assert seconds(ALL, warm) == pytest.approx((14 + 0.5) / 0.5 + 0.25)
    other = dataclasses.replace(warm, kept=())
    assert seconds(ALL, other) == pytest.approx((14 + 1.5) / 0.5 + 0.25)
    new = dataclasses.replace(other, worked=False)
    assert seconds(ALL, new) == pytest.approx((14 + 3.5) / 0.5 + 0.25)
    down = dataclasses.replace(new, up=False)
    assert seconds(ALL, down) == pytest.approx((14 + 7.5) / 0.5 + 0.25)


def test_the_nearest_size_stands_in_and_is_less_certain() -> None:
    """Of its own kind, then of the measure, then of any; of two as near the slower."""
    architecture = REQUEST.architecture
    measured = {(architecture, "surface", "cell", 5, 0): 2.0}
    speeds = speeds_of(measured | {(architecture, "surface", "cell", 9, 0): 3.0})
    offs = []
    for part, size, expected in (("cell", 5, 2.0), ("cell", 6, 2.0), ("cell", 8, 3.0)):
        rate = speeds.rate(architecture, "surface", part, size, 0)
        assert rate is not None
        assert rate.seconds == pytest.approx(expected)
        offs.append(rate.off)
    assert offs == pytest.approx([0, 0.1, 0.1])
    for size, expected in ((6, 2.0), (7, 3.0), (8, 3.0)):
        near, far = (speeds.rate(architecture, m, "base", size, 0) for m in ("surface", "lpf"))
        assert near is not None
        assert far is not None
        assert near.seconds == far.seconds == pytest.approx(expected)
        assert far.off > near.off > 0.1


def test_open_ended_work_grows_as_it_did_before() -> None:
    """A plan that needed three times its beginning before: three times the items, less what is."""
    settings = LpfSettings(num_perturbations=200, relative_stderr=0.01)
    request = dataclasses.replace(REQUEST, measure="lpf", settings=settings)
    plan = request.first_plan
    assert len(plan) < len(request.items)
    rates = {place_of(request, k): 1.0 / request.image_forwards(k) for k in plan}
    machine = machine_of(rates, workers=1)
    grown = machine_of(rates | {(request.architecture, "lpf", GROWTH, 0, 0): 3.0}, workers=1)
    assert seconds(Left(request, plan), grown) == pytest.approx(3 * len(plan))
    assert seconds(Left(request, plan), machine) == pytest.approx(len(plan))
    half = Left(request, plan[len(plan) // 2 :], num_done=len(plan) // 2)
    assert seconds(half, grown) == pytest.approx(3 * len(plan) - len(plan) // 2)


def test_the_range_is_where_jobs_ended_before() -> None:
    """All took twice what was foretold: said next time; the more evenly, the narrower."""
    even, uneven = None, None
    for k in range(40):
        even, uneven = noted(even, 2.0), noted(uneven, 2.0 * 1.4 ** (-1) ** k)
    assert even is not None
    assert uneven is not None

    def said(missed: Speed) -> tuple[float, float]:
        machine = machine_of(every_item(2.0))
        known = {**machine.speeds.by_place, ("", "surface", MISSED, 0, 0): missed}
        found = forecast([ALL], machine)
        assert found is not None
        span = ranged(found, "surface", dataclasses.replace(machine, speeds=Speeds(known)))
        return span.middle, span.high / span.low

    assert said(even)[0] == pytest.approx(28, rel=0.15)
    assert said(even)[1] < said(uneven)[1]


class Simulated:
    """A machine whose work scatters lognormally and which is as busy as it is told."""

    def __init__(self, store: Store, seed: int) -> None:
        self.draw, self.share, self.now = np.random.default_rng(seed), 1.0, 0.0
        self.start_s, self.num_workers, self.up = None, 2, True
        self.forecaster = Forecaster(store.timings, self)  # pyright: ignore[reportArgumentType]

    def run(self, request: Request, per_forward: float) -> tuple[float, float, float]:
        """One job: how long it took, and between what and what it was said to take."""
        left = Left(request, range(len(request.items)))
        machine = self.forecaster.machine()
        found = forecast([left], machine)
        span = None if found is None else ranged(found, request.measure, machine)
        self.forecaster.begun(left)
        share = self.share * self.draw.lognormal(0, 0.12)  # others do not stand still
        speed = per_forward * self.draw.lognormal(0, 0.08)
        efforts = [
            speed * f * self.draw.lognormal(0, 0.2)
            for f in map(request.image_forwards, range(len(request.items)))
        ]
        for k, processor in enumerate(efforts):
            effort = Effort([processor], 0.0, 0.0, first=False, wall=processor / share)
            self.forecaster.tile(
                request.key, range(k, k + 1), TileResult([{}], processor / share, "", effort)
            )
        taken = 0.3 + makespan([(processor / share, 1) for processor in efforts], 2)
        self.now += taken
        self.forecaster.ended(request.key, len(request.items))
        return taken, span.low if span else 0.0, span.high if span else 0.0


@pytest.mark.parametrize("num_workers", [1, 2, 3, 8])
def test_runs_take_as_long_as_their_pieces_one_by_one(num_workers: int) -> None:
    """Against a heap that hands out every single piece."""
    draw = np.random.default_rng(num_workers)
    for _ in range(50):
        sizes, counts = draw.uniform(0.1, 9, 4), draw.integers(0, 40, 4)
        runs = list(zip(sizes.tolist(), counts.tolist(), strict=True))
        free = [0.0] * num_workers
        for piece in (size for size, count in runs for _ in range(count)):
            free.sort()
            free[0] += piece
        assert makespan(runs, num_workers) == pytest.approx(max(free))


def test_runs_are_the_items_in_their_order() -> None:
    """Whatever positions are asked for; those of the first plan are told once."""
    settings = SurfaceSettings(mode="interpolated")
    request = dataclasses.replace(REQUEST, settings=settings)
    for positions in (request.first_plan, range(3, 9), (), [0, 5, 1]):
        told = [
            (run.word, run.image_forwards)
            for run in request.runs(positions)
            for _ in range(run.count)
        ]
        assert told == [(request.items[p][0], request.image_forwards(p)) for p in positions]
    assert request.runs(request.first_plan) is request.runs(request.first_plan)


def test_nine_of_ten_on_a_simulated_machine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a factor of 1.5 and within the range, idle and busy, whatever the job's size."""
    simulated = Simulated(store, seed=4)
    monkeypatch.setattr(module.time, "monotonic", lambda: simulated.now)
    near, inside = [], []
    for k in range(150):
        simulated.share = (1.0, 0.25, 0.5)[k // 25 % 3]
        size = int(simulated.draw.choice([16, 32, 64, 128]))
        panel = dataclasses.replace(REQUEST.panel, size=size, seed=k)
        taken, low, high = simulated.run(dataclasses.replace(REQUEST, panel=panel), 0.004)
        if k >= 20:  # it has been used a while
            near.append(abs(np.log(taken / np.sqrt(low * high))) <= np.log(1.5))
            inside.append(low <= taken <= high)
    assert np.mean(near) >= 0.9
    assert np.mean(inside) >= 0.9


@pytest.mark.parametrize("spoil", [lambda f: f.begun(ALL), lambda f: f.connected(object())])
def test_only_a_job_alone_on_workers_that_have_worked_shows_how_forecasts_miss(
    store: Store, spoil: Callable[[Forecaster], None]
) -> None:
    """Two jobs at once, or workers that were new, say nothing of it."""
    simulated = Simulated(store, seed=0)
    for seed in range(3):
        simulated.run(dataclasses.replace(REQUEST, panel=dataclasses.replace(
            REQUEST.panel, seed=seed)), 0.01)  # fmt: skip
    before = {p for p in store.timings.speeds().by_place if p[2] == MISSED}
    assert before
    store.database.connection().execute("DELETE FROM speeds WHERE part = ?", (MISSED,))
    spoil(simulated.forecaster)
    simulated.run(dataclasses.replace(REQUEST, panel=dataclasses.replace(
        REQUEST.panel, seed=9)), 0.01)  # fmt: skip
    assert not {p for p in store.timings.speeds().by_place if p[2] == MISSED}
