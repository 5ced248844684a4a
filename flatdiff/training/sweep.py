"""A sweep is several training runs of one family: every method, strength and seed asked for.

Each is an ordinary run with a name of its own, seen and stopped on the Train page; the sweep only
decides what begins next. Seeds come one after the other, so that whenever it is stopped the runs
that are there can be paired.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.errors import FlatdiffError, TrainingError
from flatdiff.settings import canonical_json, from_mapping, require
from flatdiff.system.access import Action, require_right
from flatdiff.system.files import atomic_write
from flatdiff.system.foreign_json import record_from_json
from flatdiff.system.locks import Lock, is_held, owner, take
from flatdiff.training import launcher
from flatdiff.training.run_folder import RunFolder, TrainingRun, read_run
from flatdiff.training.run_options import RunOptions

FILE, LOCK, LOG = "sweep.json", "sweep.lock", "sweep.log"  # in the family's folder
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is trained: the product of seeds with methods, and of these with their strengths."""

    common: RunOptions  # of every run; method, seed, strength and name are the sweep's
    methods: tuple[BaseMethod, ...]
    rhos: tuple[float, ...] = ()  # of SAM; none: the preset's
    gammas: tuple[float, ...] = ()  # of IP; none: the preset's
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for name in ("methods", "rhos", "gammas", "seeds"):
            values = getattr(self, name)
            object.__setattr__(self, name, tuple(values))
            once = len(set(values)) == len(values)
            require(once, name, "values that differ", " ".join(map(str, values)))
        require(bool(self.methods), "methods", "at least one of adm, ip, sam", "none")
        require(bool(self.seeds), "seeds", "at least one", "none")
        for name, method in (("rhos", "sam"), ("gammas", "ip")):
            fits = method in self.methods or not getattr(self, name)
            require(fits, name, f"left out where {method} is not among the methods", "some")
        self.runs()  # refuses what no run takes

    def runs(self) -> list[RunOptions]:
        """Of every run, seed after seed.

        Raises:
            SettingsError: one of them cannot be.
        """
        found = [
            run for seed in self.seeds for method in self.methods for run in self._of(method, seed)
        ]
        for run in found:
            run.recipe()
        return found

    def _of(self, method: BaseMethod, seed: int) -> Iterator[RunOptions]:
        setting, values = {
            "adm": ("", ()),
            "sam": ("sam_rho", self.rhos),
            "ip": ("input_perturbation", self.gammas),
        }[method]
        for value in values or (None,):
            strength = "" if value is None else f"{value:g}"
            changes = {setting: value} if value is not None else {}
            name = f"{method}{strength}-s{seed}"
            yield replace(self.common, method=method, seed=seed, name=name, **changes)

    def to_json(self) -> str:
        """All but the folder, which is where the text is kept."""
        own = {name: getattr(self, name) for name in ("methods", "rhos", "gammas", "seeds")}
        return canonical_json({**own, "common": json.loads(self.common.to_json())})

    @classmethod
    def from_json(cls, text: str, out: Path) -> "Sweep":
        """Back from a family's folder.

        Raises:
            SettingsError: it is no such text, or a setting is out of range.
        """

        def made(values: dict) -> "Sweep":
            common = RunOptions.from_json(json.dumps(values.get("common")), out)
            return from_mapping(cls, {**values, "common": common}, "sweep")

        return record_from_json(text, made)


@dataclass(frozen=True)
class Standing:
    """Where a sweep is at one moment."""

    # In the sweep's order; None: not begun.
    planned: Sequence[tuple[RunOptions, TrainingRun | None]]

    @property
    def num_runs(self) -> int:
        """In all."""
        return len(self.planned)

    @property
    def runs(self) -> list[TrainingRun]:
        """Those that were begun."""
        return [run for _, run in self.planned if run is not None]

    @property
    def done(self) -> int:
        """Runs that came to their end."""
        return sum(run.state == "done" for run in self.runs)

    @property
    def alive(self) -> list[TrainingRun]:
        """Those that go on, or wait for a core."""
        return [run for run in self.runs if run.alive]

    @property
    def failed(self) -> list[TrainingRun]:
        """Those that ended before their time."""
        return [run for run in self.runs if run.state == "failed"]

    @property
    def left(self) -> list[tuple[RunOptions, TrainingRun | None]]:
        """Those that are neither done nor going on."""
        return [
            (options, run)
            for options, run in self.planned
            if run is None or not (run.alive or run.state == "done")
        ]


def look(sweep: Sweep) -> Standing:
    """As the folders of its runs tell."""
    folders = [_folder(options) for options in sweep.runs()]
    return standing_among(sweep, [read_run(folder) for folder in folders if folder.exists()])


def standing_among(sweep: Sweep, runs: Iterable[TrainingRun]) -> Standing:
    """The same from runs that have been looked at, others than the sweep's among them."""
    begun = {run.folder: run for run in runs}
    return Standing([(options, begun.get(_folder(options))) for options in sweep.runs()])


def read_sweep(family: Path) -> Sweep | None:
    """That of a family's folder; None where there is none, or its file is damaged."""
    try:
        return Sweep.from_json((family / FILE).read_text("utf-8"), family)
    except (OSError, ValueError, FlatdiffError):
        return None


def keep(sweep: Sweep) -> None:
    """Write it into its family's folder, by which it goes on.

    Raises:
        TrainingError: another sweep has begun there.
        FlatdiffError: the folder cannot be written.
    """
    path = sweep.common.out / FILE
    if path.exists():
        before = read_sweep(path.parent)
        if before is None or before.common != sweep.common:
            raise TrainingError(
                f"{path} is of another sweep; go on with that by --resume, or choose another "
                "folder"
            )
    atomic_write(path, sweep.to_json().encode())


def take_sweep(family: Path) -> Lock:
    """Keep every other process from conducting it.

    Raises:
        TrainingError: one does.
    """
    lock = take(family / LOCK)
    if lock is None:
        raise TrainingError(f"{family} is swept by another process ({owner(family / LOCK)})")
    return lock


def list_sweeps(root: Path) -> Iterator[tuple[Sweep, bool]]:
    """Those below a root, and whether a process conducts each."""
    for path in sorted(root.glob(f"*/{FILE}")):
        if (found := read_sweep(path.parent)) is not None:
            yield found, is_held(path.parent / LOCK)


def go_on(sweep: Sweep) -> None:
    """Conduct it by a process of its own, which belongs to nobody.

    Raises:
        FlatdiffError: read-only, or somebody conducts it.
    """
    require_right(Action.START_RUN)
    family = sweep.common.out
    take_sweep(family).close()
    try:
        launcher.spawn(family / LOG, "sweep", "--resume", "--out", str(family))
    except OSError as error:
        raise TrainingError(f"cannot go on with {family}: {error.strerror}") from None


def stop_sweep(sweep: Sweep) -> None:
    """Ask its process, and with it all its runs, to save and end.

    Raises:
        FlatdiffError: read-only, or the process is not on this machine, or somebody else's.
    """
    launcher.stop_owner(sweep.common.out / LOCK, sweep.common.out.name)


def conduct(
    sweep: Sweep, at_once: int, devices: Sequence[str], stop: Callable[[], bool]
) -> Iterator[Standing]:
    """Begin run after run until all are done; yields where it is, once a second.

    Args:
        sweep: kept in its folder.
        at_once: runs that go on together.
        devices: that they are shared out to, in turn.
        stop: asked once a second; where it says so, all runs save and end.

    Raises:
        FlatdiffError: a run cannot begin.
    """
    tried: set[RunFolder] = set()
    while True:
        standing = look(sweep)
        yield standing
        if stop():
            yield from _stopped(sweep)
            return
        waiting = [each for each in standing.left if _folder(each[0]) not in tried]
        if not waiting and not standing.alive:
            return
        for options, run in waiting[: max(0, at_once - len(standing.alive))]:
            tried.add(_folder(options))
            if run is None:
                device = devices[len(tried) % len(devices)]
                launcher.start(options.out.parent, replace(options, device=device))
            else:
                launcher.resume(run)
        time.sleep(LOOK_EVERY_S)


def _stopped(sweep: Sweep) -> Iterator[Standing]:
    """Ask all to save and end, and wait until they have."""
    for run in look(sweep).alive:
        launcher.stop(run)
    while (standing := look(sweep)).alive:
        yield standing
        time.sleep(LOOK_EVERY_S)
    yield standing


def _folder(options: RunOptions) -> RunFolder:
    return RunFolder.of(options.out, options.run_name)
