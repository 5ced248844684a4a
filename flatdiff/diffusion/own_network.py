"""A network of one's own is a Python entry point of the group `flatdiff.networks`.

Whoever installs a package with such an entry point, and names it in FLATDIFF_NETWORKS, can measure
and train its network as any other. Nothing a browser sends, and no card alone, runs any code.
See docs/your-own-network.md.
"""

import dataclasses
import hashlib
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from flatdiff.diffusion.own_flags import Described, OwnFlags
from flatdiff.errors import SettingsError
from flatdiff.settings import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

GROUP = "flatdiff.networks"
ALLOWED = "FLATDIFF_NETWORKS"  # names, with commas between


@dataclass(frozen=True)
class Examples:
    """What a loss of one's own is given: images, and all the randomness it may use.

    Every field is frozen with the panel, so that a loss changes with the weights alone.
    """

    images: "Tensor"  # (B, C, H, W), in [-1, 1]
    labels: "Tensor | None"  # (B,), where the network has classes
    noise: "Tensor"  # (B, C, H, W), standard normal
    uniform: "Tensor"  # (B,), in [0, 1): one in each equal part of it over a whole panel


@dataclass(frozen=True, kw_only=True)
class Network(Described):
    """What an entry point returns.

    Without a loss of its own a network is a diffusion model, called as (x_t, timesteps, labels or
    None), and everything that can be asked of ADM can be asked of it.
    """

    build: "Callable[[], nn.Module]"  # with any weights
    # (network, examples) -> loss of each example, (B,).
    loss: "Callable[[nn.Module, Examples], Tensor] | None" = None


def own_flags(name: str) -> OwnFlags:
    """Of the network behind an entry point, as it is now.

    Raises:
        SettingsError: see `own_network`.
    """
    return _described(name, *_found(name))


def _described(name: str, network: Network, code: str) -> OwnFlags:
    said = {entry.name: getattr(network, entry.name) for entry in dataclasses.fields(Described)}
    return OwnFlags(network=name, code=code, own_loss=network.loss is not None, **said)


def own_network(flags: OwnFlags) -> Network:
    """The network that flags were made of.

    Raises:
        SettingsError: it may not be run here, is not installed, fails, or has changed since.
    """
    network, code = _found(flags.network)
    if _described(flags.network, network, code) != flags:
        raise SettingsError(
            f"the code of {flags.network!r} has changed since these weights were imported or "
            "trained; import them again, under another name, for results of the new code"
        )
    return network


@contextmanager
def own_code(what: str, passing: type[Exception] = SettingsError) -> Iterator[None]:
    """Somebody's own code is run inside; whatever it raises is a sentence.

    Args:
        what: fails, in that sentence.
        passing: what is raised as it is.

    Raises:
        SettingsError: it failed.
    """
    try:
        yield
    except passing:
        raise
    except Exception as error:
        raise SettingsError(f"{what}: {type(error).__name__}: {error}") from error


def _found(name: str) -> tuple[Network, str]:
    """The network, and the SHA-256 of the file that defines it."""
    allowed = [word.strip() for word in os.environ.get(ALLOWED, "").split(",")]
    if name not in allowed:
        hint = did_you_mean(name, [*allowed, *(entry.name for entry in entry_points(group=GROUP))])
        raise SettingsError(
            f"{name!r} is a network of somebody's own code, which runs only where {ALLOWED} names "
            f"it: set {ALLOWED}={name} where flatdiff is started, if you trust it{hint}"
        )
    with own_code(f"the entry point {name!r} fails"):
        network, file, code = _loaded(name)
    if _digest(file) != code:
        raise SettingsError(f"{file} has changed since this program read it; start flatdiff again")
    return network, code


@lru_cache(maxsize=64)
def _loaded(name: str) -> tuple[Network, Path, str]:
    """Once a process, as Python keeps a module that it has imported; its file and digest."""
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        installed = ", ".join(sorted(known)) or "none"
        raise SettingsError(
            f"no package installed here has an entry point {name!r} of {GROUP}; there is "
            f"{installed}"
        )
    function = known[name].load()
    file = Path(inspect.getfile(function))
    code, network = _digest(file), function()
    if not isinstance(network, Network):
        got = type(network).__name__
        raise SettingsError(f"the entry point {name!r} must return a flatdiff.Network; got {got}")
    return network, file, code


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
