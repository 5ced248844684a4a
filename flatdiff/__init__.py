"""flatdiff: how flat is a diffusion model, and what does that buy?

In a notebook:

    import flatdiff

    with flatdiff.Engine() as engine:
        for name in ("digits/adm", "digits/sam"):
            result = engine.measure("lpf", name, lpf_sigma=0.01)
            print(name, result.gap, result.stderr)

The names below are the public interface; none of them loads torch. `Network` and `Examples` are
for a network of your own: see docs/your-own-network.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flatdiff.version import __version__

if TYPE_CHECKING:
    from flatdiff.checkpoints.card import read_card
    from flatdiff.diffusion.own_network import Examples, Network
    from flatdiff.engine.engine import Engine
    from flatdiff.measures import MEASURES
    from flatdiff.measures.request import make_request
    from flatdiff.views import table

__all__ = [
    "MEASURES",
    "Engine",
    "Examples",
    "Network",
    "__version__",
    "make_request",
    "read_card",
    "table",
]

_HOMES = {
    "Engine": "flatdiff.engine.engine",
    "Examples": "flatdiff.diffusion.own_network",
    "MEASURES": "flatdiff.measures",
    "Network": "flatdiff.diffusion.own_network",
    "make_request": "flatdiff.measures.request",
    "read_card": "flatdiff.checkpoints.card",
    "table": "flatdiff.views",
}


def __getattr__(name: str) -> Any:
    """Loaded when it is first used, so that `import flatdiff` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'flatdiff' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
