"""Which sets of weights lie in a file of somebody's training, and what stands around them.

`{"model": ..., "ema": ..., "optimizer": ...}`, `module.` in front of every name, or nothing: in
every case one tensor of an ADM network is called `time_embed.0.weight`, and what stands before
that name stands before all others of the same set.
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flatdiff.checkpoints.averages import WeightKind
from flatdiff.checkpoints.header import Header, TensorEntry, shortened
from flatdiff.errors import CheckpointError

ANCHOR = "time_embed.0.weight"
WRAPPERS = ("module", "_orig_mod")  # of DistributedDataParallel, of torch.compile
AVERAGES: Mapping[str, WeightKind] = {"ema": "ema", "swa": "swa"}
SETS_SHOWN = 6
MAX_SETS = 32


@dataclass(frozen=True)
class WeightSet:
    """The weights of one network in a file."""

    prefix: str  # of their names, up to a dot; "" where nothing stands around them

    @property
    def title(self) -> str:
        """What its file calls it, in a sentence."""
        words = [part for part in self.prefix.split(".") if part and part not in WRAPPERS]
        return shortened(".".join(words))

    @property
    def kind(self) -> WeightKind | None:
        """Averaged over training, by its name; None where the name does not say."""
        parts = re.split(r"[\W_]+", self.prefix.lower())
        return next((kind for word, kind in AVERAGES.items() if word in parts), None)


def weight_sets(names: Iterable[str]) -> list[WeightSet]:
    """Every set of ADM weights, in the file's order; of an absurd number the first few.

    >>> weight_sets(["model.module.time_embed.0.weight", "ema.time_embed.0.weight", "step"])
    [WeightSet(prefix='model.module.'), WeightSet(prefix='ema.')]
    """
    ends = (name.removesuffix(ANCHOR) for name in names if name.endswith(ANCHOR))
    sets = (WeightSet(prefix) for prefix in ends if not prefix or prefix.endswith("."))
    return list(itertools.islice(sets, MAX_SETS))


def choose(names: Iterable[str], weights: WeightKind | None) -> WeightSet:
    """The one set that was meant.

    Args:
        names: of all tensors in the file.
        weights: which kind a person asked for; None leaves it to the file.

    Raises:
        CheckpointError: there is none, there are several that fit, or none of this kind.
    """
    sets = weight_sets(names)
    if not sets:
        raise CheckpointError(
            f"the file holds no ADM network: no tensor in it is called {ANCHOR}, alone or behind "
            "a prefix"
        )
    # One set alone may be any kind that its name does not contradict.
    alone = len(sets) == 1
    fitting = [s for s in sets if weights in (None, s.kind) or (s.kind is None and alone)]
    if weights == "raw":
        fitting = [s for s in sets if s.kind is None]
    if len(fitting) == 1:
        return fitting[0]
    titles = ", ".join(s.title or "unnamed ones" for s in sets[:SETS_SHOWN])
    if fitting and weights is None:
        raise CheckpointError(
            f"the file holds several sets of weights ({titles}); say which with --weights raw, "
            "ema or swa"
        )
    if fitting:
        raise CheckpointError(
            f"the file holds several sets of {weights} weights ({titles}); save one of them alone"
        )
    raise CheckpointError(f"the file holds no {weights} weights, but {titles}")


def header_of_set(header: Header, chosen: WeightSet) -> Header:
    """The tensors of one set by the network's own names; the rest of the file is left out."""
    tensors: dict[str, TensorEntry] = {
        name: header.tensors[packed] for name, packed in packed_names(header, chosen).items()
    }
    return Header(tensors, header.metadata)


def packed_names(header: Header, chosen: WeightSet) -> dict[str, str]:
    """How the file calls each tensor of a set, by the network's own name."""
    inner = [s.prefix for s in weight_sets(header.tensors) if s.prefix.startswith(chosen.prefix)]
    others = tuple(prefix for prefix in inner if prefix != chosen.prefix)
    return {
        name.removeprefix(chosen.prefix): name
        for name in header.tensors
        if name.startswith(chosen.prefix) and not (others and name.startswith(others))
    }


def described(header: Header, chosen: WeightSet) -> str:
    """What was taken out of which packaging, and what was left in it; "" where there was none.

    >>> entry = TensorEntry("F32", (1,))
    >>> names = ("ema.module.time_embed.0.weight", "model.time_embed.0.weight", "optimizer.x")
    >>> described(Header(dict.fromkeys(names, entry), {}), WeightSet("ema.module."))
    'taken from ema.module; left in the file: model, optimizer'
    """
    if not chosen.prefix:
        return ""
    taken = set(packed_names(header, chosen).values())
    rest = dict.fromkeys(name.split(".")[0] for name in header.tensors if name not in taken)
    left = ", ".join(shortened(name) for name in list(rest)[:SETS_SHOWN])
    source = f"taken from {shortened(chosen.prefix.removesuffix('.'))}"
    return f"{source}; left in the file: {left}" if left else source
