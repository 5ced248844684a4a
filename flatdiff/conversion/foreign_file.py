"""A foreign file is the sets of weights that the names of its tensors tell apart.

`{"model": ..., "ema": ..., "optimizer": ...}`, `module.` in front of every name, or nothing: in
every case one tensor of an ADM network is called `time_embed.0.weight`, and what stands before
that name stands before all others of the same set. A `ForeignFile` is made once, from the header
of a file; whoever asks anything about the file afterwards reads it there.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flatdiff.checkpoints.averages import AVERAGES, RAW, WeightKind
from flatdiff.checkpoints.header import Header, shortened
from flatdiff.errors import CheckpointError

ANCHOR = "time_embed.0.weight"
PARTS = {"time_embed", "label_emb", "input_blocks", "middle_block", "output_blocks", "out"}
# Types that weights may have, by the format's names of them.
FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# And how often a batch norm was trained.
COUNTS = {"I64": "int64"}
COUNTER = "num_batches_tracked"
# What DistributedDataParallel, torch.compile, FSDP (old and new), checkpointing and DeepSpeed call
# what they wrap, anywhere in a network; no part of an ADM network has such a name.
WRAPPERS = {
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_fpw_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
}
DECAY = re.compile(r"(?<!\d)(?<!\d\.)0\.\d+")  # and no part of a version
MIN_DECAY = 0.5  # below it, a number in a name is none: 0.1 is the second place in a nested list
# Keys under which optimizers and their states keep tensors that are named as weights are.
MOMENTS = re.compile(
    r"opt(im(izer)?s?)?(_states?)?(_dict)?|(max_)?exp_avg(_sq)?|momentum_buffer|square_avg"
    r"|grads?|mu|nu"
)
# As guided-diffusion's training calls its files: model200000.pt, ema_0.9999_200000.pt.
FILE_NAME = re.compile(r"(?:(ema)_([\d.]+)_|model)(\d{1,12})\.\w+")
OUTER_WORDS = 3  # at most, around a network whose average has names without dots
TITLES_SHOWN = 6
MAX_SETS = 32


@dataclass(frozen=True)
class WeightSet:
    """The weights of one network in a file."""

    prefix: str  # of their names, up to a dot; "" where nothing stands around them
    kind: WeightKind | None  # by its prefix, or alone by its file's name; None: neither says it
    decay: float | None  # of an average, in [0.5, 1), by the same names
    names: Mapping[str, str]  # what the file calls each tensor, by the network's own name
    header: Header  # of its tensors alone, by the network's own names

    @property
    def title(self) -> str:
        """What its file calls it, in a sentence."""
        words = [part for part in self.prefix.split(".") if part and part not in WRAPPERS]
        return shortened(".".join(words)) or "unnamed ones"

    @property
    def holds_moments(self) -> bool:
        """Whether an optimizer keeps it: it is no weights, for all that it is named like them."""
        return any(MOMENTS.fullmatch(part) for part in self.prefix.lower().split("."))

    @property
    def likely_kind(self) -> WeightKind:
        """Its kind, and raw where nothing says it."""
        return self.kind or RAW

    @property
    def may_be_any_kind(self) -> bool:
        """Whether nothing in its file says which kind it is: a file's own name can be wrong."""
        return average_of(self.prefix)[0] is None

    @property
    def fitness(self) -> tuple[bool, bool]:
        """Whether its numbers are floats, and whether its names begin as an ADM network's."""
        tensors = self.header.tensors
        return (
            all(entry.dtype in FLOATS for entry in tensors.values()),
            all(name.split(".")[0] in PARTS for name in tensors),
        )

    def is_of_the_network_of(self, other: "WeightSet") -> bool:
        """Whether the two may be weights of one network, raw ones and averages of them."""
        return self.fitness == other.fitness and self.header.shapes == other.header.shapes


@dataclass(frozen=True)
class ForeignFile:
    """A file of weights as its name and its header describe it; no number of it was read."""

    name: str  # that it had where it came from
    step: int  # of training, by that name, or by a number inside; 0 where neither says it
    header: Header  # of every tensor in it
    sets: tuple[WeightSet, ...]  # in the file's order
    moments: tuple[WeightSet, ...]  # named like weights, and kept by an optimizer
    rest: tuple[str, ...]  # first words of the names of all other tensors

    def taken(self, weights: WeightKind | None) -> tuple[WeightSet, ...]:
        """The sets of one network that were meant: of most sets, and else of most tensors.

        Args:
            weights: the kind that a person asked for; None is every kind.

        Raises:
            CheckpointError: there is none, or none of this kind.
        """
        if not self.sets:
            raise CheckpointError(_no_network(self.moments))
        fitting = [one for one in self.sets if weights in (None, one.likely_kind)]
        if len(self.sets) == 1 and self.sets[0].may_be_any_kind:
            fitting = list(self.sets)
        if not fitting:
            raise CheckpointError(
                f"the file holds no {weights} weights, but {titles(self.sets)}; leave out "
                "--weights to take what it holds"
            )
        networks = [tuple(filter(one.is_of_the_network_of, fitting)) for one in fitting]
        return max(networks, key=lambda of: (*of[0].fitness, len(of), len(of[0].names)))


def foreign_file(name: str, header: Header) -> ForeignFile:
    """Tell a file's sets apart, by the names, shapes and types of its tensors.

    >>> from flatdiff.checkpoints.header import TensorEntry
    >>> entry = TensorEntry("F32", (1,))
    >>> names = ("model.module.time_embed.0.weight", "ema.time_embed.0.weight", "step")
    >>> file = foreign_file("a.pt", Header(dict.fromkeys(names, entry), {}))
    >>> [(found.prefix, found.title, found.kind) for found in file.sets], file.rest
    ([('model.module.', 'model', None), ('ema.', 'ema', 'ema')], ('step',))
    """
    members, rest = _members(header.tensors)
    said = FILE_NAME.fullmatch(name)
    found = [_weight_set(header, prefix, names) for prefix, names in members.items()]
    sets = tuple(one for one in found if not one.holds_moments)
    moments = tuple(one for one in found if one.holds_moments)
    if said and said[1] and len(sets) == 1 and sets[0].kind in (None, "ema"):
        sets = (replace(sets[0], kind="ema", decay=sets[0].decay or _decay(said[2])),)
    return ForeignFile(name, int(said[3]) if said else header.step, header, sets, moments, rest)


def header_of(header: Header, names: Mapping[str, str]) -> Header:
    """The tensors of one set by the network's own names.

    Args:
        header: of the whole file.
        names: what the file calls each tensor, by the network's own name.

    Raises:
        CheckpointError: one is absent.
    """
    try:
        tensors = {own: header.tensors[packed] for own, packed in names.items()}
    except KeyError as error:
        raise CheckpointError(
            f"the file holds {shortened(error.args[0])} no more, as it did when it was looked at; "
            "import it again"
        ) from None
    return Header(tensors, {})


def titles(sets: Sequence[WeightSet]) -> str:
    """What a file calls its sets, the first few of them."""
    return listed(found.title for found in sets)


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, of an absurd number the first few."""
    first = list(itertools.islice(names, TITLES_SHOWN + 1))
    return ", ".join([*first[:TITLES_SHOWN], *(["..."] if len(first) > TITLES_SHOWN else [])])


def _members(names: Iterable[str]) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """The tensors of each set, by the prefix of the set, and first words of the other names."""
    plain = {name: _unwrapped(name) for name in names}
    plain |= _with_dots(plain)
    ends = (name.removesuffix(ANCHOR) for name in plain.values() if name.endswith(ANCHOR))
    prefixes = (prefix for prefix in ends if not prefix or prefix.endswith("."))
    members: dict[str, dict[str, str]] = {
        prefix: {} for prefix in itertools.islice(prefixes, MAX_SETS)
    }
    longest_first = sorted(members, key=len, reverse=True)  # a set may lie within a flat one
    rest: dict[str, None] = {}
    for name, own in plain.items():
        prefix = next((one for one in longest_first if own.startswith(one)), None)
        if prefix is None or own.removeprefix(prefix) in members[prefix]:
            rest[shortened(name.split(".")[0])] = None
        else:
            members[prefix][own.removeprefix(prefix)] = name
    return members, tuple(rest)


def _unwrapped(name: str) -> str:
    """A name without the wrappers of its network's parts; those of the whole are its prefix.

    >>> _unwrapped("ema.module.out.0._checkpoint_wrapped_module.weight")
    'ema.module.out.0.weight'
    """
    words = name.split(".")
    begin = next((n for n, word in enumerate(words) if word in PARTS), len(words))
    return ".".join([*words[:begin], *(word for word in words[begin:] if word not in WRAPPERS)])


def _with_dots(plain: Mapping[str, str]) -> dict[str, str]:
    """LitEma, in latent-diffusion and after it, calls its averages as the weights, without dots.

    >>> names = ("unet.out.0.weight", "model_ema.unetout0weight")
    >>> _with_dots(dict(zip(names, names)))
    {'model_ema.unetout0weight': 'model_ema.unet.out.0.weight'}
    """
    by_letters: dict[str, str] = {}
    for own in plain.values():
        words = own.split(".")
        begin = next((n for n, word in enumerate(words) if word in PARTS), -1)
        for n in range(max(0, begin - OUTER_WORDS), begin + 1):
            by_letters["".join(words[n:])] = ".".join(words[n:])
    pairs = ((name, name.rpartition(".")) for name in plain)
    return {
        name: f"{head}.{by_letters[last]}"
        for name, (head, _, last) in pairs
        if head and last in by_letters
    }


def _weight_set(header: Header, prefix: str, names: Mapping[str, str]) -> WeightSet:
    return WeightSet(prefix, *average_of(prefix), names, header_of(header, names))


def average_of(prefix: str) -> tuple[WeightKind | None, float | None]:
    """Kind and decay of an average by what its file calls it.

    >>> average_of("model_ema2."), average_of("ema.0.999."), average_of("model.")
    (('ema', None), ('ema', 0.999), (None, None))
    >>> average_of("0.99.")
    ('ema', 0.99)
    """
    words = [word.rstrip("0123456789") for word in re.split(r"[\W_]+", prefix.lower())]
    decay = _decay(prefix)
    for kind in AVERAGES:
        if kind in words:
            return kind, decay
    return ("ema" if decay else None), decay  # a dictionary may be keyed by decays alone


def _decay(text: str) -> float | None:
    """The decay of an average, where a number that can be one stands in a name.

    >>> _decay("ema_0.9999."), _decay("ema.0.99."), _decay("models.0.1."), _decay("v1.0.9.")
    (0.9999, 0.99, None, None)
    """
    numbers = (float(found) for found in DECAY.findall(text))
    return next((number for number in numbers if MIN_DECAY <= number < 1), None)


def _no_network(moments: Sequence[WeightSet]) -> str:
    if moments:
        return (
            f"the file holds no weights, but what an optimizer keeps beside them "
            f"({titles(moments)}); import the file that holds the weights"
        )
    return (
        f"the file holds no ADM network: no tensor in it is called {ANCHOR}, alone or behind a "
        "prefix"
    )
