"""What a worker would have stored: plausible arrays of the right shape, by kind of item."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from flatdiff.measures.base import Item
from flatdiff.system.arrays import Arrays

Draw = np.random.Generator


def _losses(draw: Draw) -> Any:
    return draw.uniform(0.1, 0.2, 8).astype(np.float32)


def _base(draw: Draw, item: Item, settings: Any) -> Arrays:
    panel = {"timesteps": np.arange(8) * 100, "num_steps": np.array(1000)}
    extra = {"axes_cosine": np.array(0.0), "relative_step": np.array(0.5), **panel}
    return {"losses": (losses := _losses(draw)), "vb": losses, **extra}


def _pair(draw: Draw, item: Item, settings: Any) -> Arrays:
    losses = _losses(draw)
    return {"losses": np.stack([losses, losses + 0.01]), "relative_norm": np.array(0.1)}


def _rescaled_pair(draw: Draw, item: Item, settings: Any) -> Arrays:
    return {"perturbed": draw.uniform(0.2, 0.3, 2)}


def _direction(draw: Draw, item: Item, settings: Any) -> Arrays:
    curves = np.broadcast_to(_losses(draw), (len(settings.sizes), 2, 8)) + 0.01
    return {"losses": curves, "relative_norm": np.array(0.1)}


def _climbed(draw: Draw, item: Item, settings: Any) -> Arrays:
    count = settings.num_ascent_steps
    climbed = _losses(draw) + 0.01 * np.arange(1, 1 + count)[:, None]
    return {"losses": climbed, "relative_norms": np.full(count, 0.1)}


def _node(draw: Draw, item: Item, settings: Any) -> Arrays:
    """Smooth, as an interpolated surface must be."""
    _, i, j = item
    return {"losses": 0.1 + 1e-4 * np.full(8, (i - 20) ** 2 + (j - 20) ** 2)}


def _gradient(draw: Draw, item: Item, settings: Any) -> Arrays:
    timesteps = np.arange(8) * 100
    return {"losses": _losses(draw), "gradient_norm": np.array(0.3), "timesteps": timesteps}


def _eigen(draw: Draw, item: Item, settings: Any) -> Arrays:
    values = np.array([9.0, 5.0, 4.0])
    members = values[:, None] + draw.uniform(-1, 1, (3, 8))
    return {"values": values, "residuals": np.full(3, 0.01), "members": members}


def _probe(draw: Draw, item: Item, settings: Any) -> Arrays:
    known = {"weights": np.full(30, 1 / 30), "residuals": np.full(30, 0.1)}
    known["members"] = draw.uniform(1000, 9000, 8)
    return {"nodes": np.sort(draw.uniform(-1, 9, 30)), "size": np.array(1000), **known}


def _bits(draw: Draw, item: Item, settings: Any) -> Arrays:
    sizes = {name: np.array(1000.0) for name in ("file_bytes", "packed_bytes")}
    return {"losses": _losses(draw), "relative_error": np.array(0.01), **sizes}


def _layer(draw: Draw, item: Item, settings: Any) -> Arrays:
    known = {name: np.array(0.5) for name in ("relative_error", "parameters")}
    return {"losses": _losses(draw), **known}


def _noisy(draw: Draw, item: Item, settings: Any) -> Arrays:
    """The later a block, the higher its loss; of all blocks the highest."""
    return {"losses": _losses(draw) + 0.1 * (1 + item[1] % 20)}


def _bent(draw: Draw, item: Item, settings: Any) -> Arrays:
    names = ("eigenvalue", "residual", "gradient_norm", "parameters")
    return {name: np.array(draw.uniform(1, 2)) for name in names}


def _alike(draw: Draw, item: Item, settings: Any) -> Arrays:
    """Of two checkpoints, alike to a half in every block."""
    table = np.array([[2.0, 1.0], [1.0, 2.0]])
    apart = np.array([[0.0, 0.25], [0.25, 0.0]]) + draw.uniform(0, 0.01, (2, 2))
    return {"hsic": np.array([table] * len(settings.blocks)), "disagreement": apart}


def _weights(draw: Draw, item: Item, settings: Any) -> Arrays:
    return {"distance": np.array([[0.0, 0.3], [0.3, 0.0]])}


def _norms(draw: Draw, item: Item, settings: Any) -> Arrays:
    norms = draw.uniform(7, 8, (settings.num_sampling_steps, item[2]))
    known = {"forward_std": np.linspace(0, 1, len(norms)), "dimension": np.array(64)}
    known["grey_step"] = np.array(0.125)
    return {"sampling": norms, "training": norms - 0.1, "errors": norms, **known}


def _images(draw: Draw, item: Item, settings: Any) -> Arrays:
    return {"images": draw.integers(0, 256, (item[2], 8, 8, 1), dtype=np.uint8)}


def _nearby(draw: Draw, item: Item, settings: Any) -> Arrays:
    """Brighter by ten the further from the centre."""
    images = np.full((item[2], 8, 8, 1), 100 + 10 * (settings.a != 0), np.uint8)
    return {"images": images, "relative_distance": np.array(abs(settings.a))}


def _place(draw: Draw, item: Item, settings: Any) -> Arrays:
    """Brighter by ten a column, by one a row."""
    _, row, column = item
    images = np.full((settings.num_images, 8, 8, 1), 10 * column + row, np.uint8)
    return {"images": images, "relative_distance": np.array(0.1)}


def _reference(draw: Draw, item: Item, settings: Any) -> Arrays:
    known = {"mu": np.zeros(3), "root": np.eye(3), "digest": np.array("0" * 64)}
    real = draw.normal(size=(100, 3)).astype(np.float32)
    return {"features": real, "num_images": np.array(1500), **known}


def _generated(draw: Draw, item: Item, settings: Any) -> Arrays:
    return {"features": draw.normal(size=(item[2], 3)).astype(np.float32)}


# By an item's first word and its length; everything else is a loss with all that a base has.
KINDS: dict[tuple[str, int], Callable[[Draw, Item, Any], Arrays]] = {
    ("pair", 2): _pair,
    ("pair", 4): _rescaled_pair,
    ("direction", 2): _direction,
    ("radius", 2): _climbed,
    ("node", 3): _node,
    ("gradient", 1): _gradient,
    ("eigen", 1): _eigen,
    ("probe", 2): _probe,
    ("bits", 2): _bits,
    ("layer", 2): _layer,
    ("noise", 3): _noisy,
    ("rounded", 2): _noisy,
    ("bent", 2): _bent,
    ("batch", 3): _alike,
    ("weights", 1): _weights,
    ("chunk", 3): _norms,
    ("chunk", 4): _images,
    ("nearby", 3): _nearby,
    ("place", 3): _place,
    ("reference", 1): _reference,
    ("generated", 4): _generated,
}


def arrays_for(item: Item, settings: Any) -> Arrays:
    """Plausible numbers for one item, different from item to item."""
    draw = np.random.default_rng(zlib.crc32(repr(item).encode()))
    return KINDS.get((item[0], len(item)), _base)(draw, item, settings)
