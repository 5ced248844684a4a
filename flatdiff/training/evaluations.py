"""An evaluation is what the weights of a run are at one step: their LPF, and samples of them.

Each is a file of its own beside the run's history, `evaluations/<step>.npz`, so that a kill costs
the one that is being made and no other. Who evaluates is `measures.along_run`; a run is handed it.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import StoreError
from flatdiff.system.arrays import Arrays, decode_arrays, encode_arrays
from flatdiff.system.files import atomic_write
from flatdiff.training.run_history import RunHistory

SUFFIX = ".npz"
DIGITS = 6  # of a step in a file's name, at least
Samples = NDArray[np.uint8]  # (n, H, W, C); n = 0 of a network that is no diffusion model


@dataclass(frozen=True)
class Evaluation:
    """Of the raw weights, on one panel of held-out images and with one noise along the run."""

    step: int
    lpf: float  # mean loss under weight noise
    stderr: float  # of lpf and of gap, over antithetic pairs
    loss: float  # of the same panel at the weights themselves
    seconds: float = 0.0  # that it took

    @property
    def gap(self) -> float:
        """Rise of the loss under weight noise."""
        return self.lpf - self.loss


def write_evaluation(folder: Path, found: Evaluation, samples: Samples) -> None:
    """Keep one, and what was drawn.

    Raises:
        FlatdiffError: it cannot be written; those before are intact.
    """
    numbers = {name: np.array(value) for name, value in asdict(found).items()}
    atomic_write(_path(folder, found.step), encode_arrays([{**numbers, "samples": samples}]))


def read_evaluations(folder: Path) -> tuple[Evaluation, ...]:
    """All that can be read, in the order of their steps."""
    found = (_cached(path) for path in sorted(folder.glob(f"[0-9]*{SUFFIX}")))
    return tuple(sorted((e for e in found if e is not None), key=lambda e: e.step))


def read_samples(folder: Path, step: int) -> Samples | None:
    """What was drawn after a step; None where there is nothing to show."""
    try:
        samples = _arrays(_path(folder, step))["samples"]
    except (OSError, StoreError, KeyError):
        return None
    an_image = samples.ndim == 4 and samples.dtype == np.uint8 and samples.shape[3] in (1, 3)
    return samples if an_image and samples.size else None


def drop_after(folder: Path, step: int) -> None:
    """Remove those that a run makes again which goes on after a step, and what a kill has left."""
    for path in folder.glob(f".[0-9]*{SUFFIX}.*"):
        path.unlink()
    for path in folder.glob(f"[0-9]*{SUFFIX}"):
        if path.stem.isdecimal() and int(path.stem) > step:
            path.unlink()


def share_of_time(history: RunHistory, evaluations: Sequence[Evaluation]) -> float | None:
    """How much of the latest sitting they took, in [0, 1]; None before anything is known."""
    if not history.rows or not history.rows[-1].seconds:
        return None
    last = history.rows[-1]
    here = [e.seconds for e in evaluations if history.began_step < e.step <= last.step]
    return min(1.0, sum(here) / last.seconds) if here else None


def spread(steps: Sequence[int], count: int) -> list[int]:
    """So many of them at most, evenly: the first, the last and some between.

    >>> spread([200, 400, 600, 800, 1000], 3), spread([200, 400], 3)
    ([200, 600, 1000], [200, 400])
    """
    if len(steps) <= count:
        return list(steps)
    return [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]


def _path(folder: Path, step: int) -> Path:
    return folder / f"{step:0{DIGITS}d}{SUFFIX}"


def _arrays(path: Path) -> Arrays:
    (arrays,) = decode_arrays(path.read_bytes()) or [{}]
    return arrays


def _cached(path: Path) -> Evaluation | None:
    with suppress(OSError):
        return _read(path, path.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=4096)  # without the images: some hundred bytes each
def _read(path: Path, _mtime_ns: int) -> Evaluation | None:
    """None where it is none of ours, damaged, or not a number."""
    try:
        values = list(_numbers(_arrays(path)))
        found = Evaluation(int(values[0]), *values[1:])
    except (OSError, StoreError, KeyError, ValueError, TypeError):
        return None
    return found if all(map(math.isfinite, values)) else None


def _numbers(arrays: Arrays) -> Iterator[float]:
    for name in Evaluation.__dataclass_fields__:
        yield float(arrays[name])
