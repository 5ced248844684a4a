"""A setting is a frozen value that says what it may be, and has one digest wherever it is read.

The records themselves stand beside what they set: `flags.py` (network and diffusion process),
`recipe.py` (training), `measures/` (measurements). Nothing here imports torch.
"""

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from flatdiff.errors import FlatdiffError, SettingsError

T = TypeVar("T")

WeightKind = Literal["raw", "ema", "swa"]
BaseMethod = Literal["adm", "ip", "sam"]
Precision = Literal["float32", "bfloat16"]
TimestepSamplerName = Literal["uniform", "loss-second-moment"]
Normalization = Literal["filter", "layer", "none"]  # of random directions
LpfMode = Literal["absolute", "filter_relative"]  # of Gaussian weight noise
Noise = Literal["sphere", "absolute", "filter_relative"]  # sphere: of unit norm

NORMALIZATIONS: tuple[Normalization, ...] = ("filter", "layer", "none")
LPF_MODES: tuple[LpfMode, ...] = ("absolute", "filter_relative")
NOISES: tuple[Noise, ...] = ("sphere", *LPF_MODES)

WEIGHT_KINDS: tuple[WeightKind, ...] = ("raw", "ema", "swa")

# What "unquantised" means: the weights as they are, in float32.
FULL_PRECISION_BITS = 32

# Table 2 of the paper: three training runs, three sets of weights each.
METHODS: dict[str, str] = {
    "adm": "ADM",
    "adm-ema": "ADM +EMA",
    "adm-swa": "ADM +SWA",
    "ip": "ADM +IP",
    "ip-ema": "ADM +IP+EMA",
    "ip-swa": "ADM +IP+SWA",
    "sam": "ADM +SAM",
    "sam-ema": "ADM +SAM+EMA",
    "sam-swa": "ADM +SAM+SWA",
}

# Checkpoints that pages compare before anybody chooses: plain, and the flattest of the paper.
METHOD_PAIR = ("digits/adm", "digits/sam")
# And those that a plane goes through: the three training runs.
METHOD_PLANE = ("digits/adm", "digits/sam", "digits/ip")


def method_name(base: BaseMethod, weights: WeightKind) -> str:
    """The key into `METHODS`.

    >>> method_name("sam", "raw"), method_name("ip", "swa")
    ('sam', 'ip-swa')
    """
    return base if weights == "raw" else f"{base}-{weights}"


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of a frozen record or of plain data, as 64 hex digits.

    >>> digest({"b": 1, "a": [1.5, None]}) == digest({"a": (1.5, None), "b": 1})
    True
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: object) -> str:
    """One text per value: sorted keys, no blanks, shortest round-trip floats, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
    )


def _plain(value: Any) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def require(condition: bool, name: str, expected: str, value: object) -> None:
    """Raise `SettingsError` that names the setting, the bound and the value."""
    if not condition:
        raise SettingsError(f"{name} must be {expected}; got {value!r}")


def require_finite(name: str, value: float, *, above: float | None = None) -> None:
    """A finite real number, at least zero, or strictly above a bound."""
    if above is None:
        require(math.isfinite(value) and value >= 0, name, "a finite number of at least 0", value)
    else:
        require(math.isfinite(value) and value > above, name, f"finite and above {above}", value)


def require_seed(name: str, value: object) -> None:
    """An integer that every generator takes."""
    fits = isinstance(value, int) and 0 <= value < 2**32
    require(fits, name, "an integer in [0, 4294967295]", value)


def from_mapping(cls: type[T], values: Mapping[str, Any], what: str) -> T:
    """Build a frozen record from JSON; unknown names are refused, never ignored.

    Raises:
        SettingsError: a name is unknown or missing, or a value is out of range.
    """
    fields = dataclasses.fields(cls)  # pyright: ignore[reportArgumentType]
    unknown = sorted(set(values) - {field.name for field in fields})
    if unknown:
        raise SettingsError(f"{what} has unknown entries: {', '.join(unknown)}")
    try:
        return cls(**values)
    except TypeError as error:
        raise SettingsError(f"{what} is incomplete: {error}") from None


PASSWORD = "FLATDIFF_PASSWORD"  # noqa: S105  (the name of a variable)


def read_only() -> bool:
    """Whether $FLATDIFF_READ_ONLY is set: visitors measure and read, and change no checkpoint."""
    return os.environ.get("FLATDIFF_READ_ONLY", "") not in ("", "0")


def serves_others() -> bool:
    """Whether people come in who are not the owner: by a password, or to read only."""
    return read_only() or bool(os.environ.get(PASSWORD))


def require_writable(action: str) -> None:
    """Refuse what only the owner of the dashboard may do.

    Raises:
        FlatdiffError: $FLATDIFF_READ_ONLY is set.
    """
    if read_only():
        raise FlatdiffError(
            f"{action} is not possible here: this dashboard is read-only (FLATDIFF_READ_ONLY)"
        )
