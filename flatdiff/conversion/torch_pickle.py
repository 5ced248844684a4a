"""The pickle in a torch file, read without importing or running anything that it names.

A pickle is a program of calls: each names a class or a function, and Python's unpickler asks
`find_class` for it. Here every answer is a stand-in of this module, which keeps what it is given
and does nothing. Tensors become descriptions of where their numbers lie (`StoredTensor`); whatever
else lies beside them (numpy scalars, `argparse.Namespace`, a trainer's own classes, whole modules,
or a command for the shell) becomes an `Opaque` object. So a file is read for its weights, whatever
its trainer kept with them, and there is nothing in it to trust.

PyTorch's own reader with `weights_only=True` refuses all but a list of classes. This one needs no
list, because it makes nothing.
"""

import io
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from flatdiff.checkpoints.header import MAX_DIMENSIONS, MAX_LENGTH, shortened
from flatdiff.errors import CheckpointError

# By torch's name of a type of numbers, the name that safetensors has for it.
DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
}
STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
}
UNTYPED = "UntypedStorage"
# A module keeps its tensors and its parts under these; a state dict's names leave them out.
OF_A_MODULE = ("_parameters", "_buffers", "_modules")


class _Inert:
    """What a pickle cannot change: to set its state is to do nothing.

    No dataclass made after it has `slots=True`: such a class gets a `__setstate__` that sets.
    """

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Takes nothing in."""


@dataclass(frozen=True)
class _Storage(_Inert):
    """A member of the archive that holds numbers."""

    dtype: str  # of its numbers; "" where only a tensor says it
    key: str


@dataclass(frozen=True)
class _Dtype(_Inert):
    """A type of numbers, such as torch.float32."""

    name: str  # as safetensors has it; torch's own name where it has none


@dataclass(frozen=True)
class StoredTensor(_Inert):
    """A tensor as a pickle describes it; its numbers were not looked at."""

    dtype: str  # a key of `header.BITS`, or another word of torch's that names no such type
    shape: tuple[int, ...]
    stride: tuple[int, ...]  # in numbers
    offset: int  # in numbers, from the beginning of the storage
    key: str | None  # of its storage; None: sparse, quantized, or without numbers


class Opaque(_Inert):
    """Stands for an object of any class, and for what it holds; does nothing."""

    __slots__ = ("items", "state", "values")

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.items: dict[Any, Any] = {}
        self.values: list[Any] = []
        self.state: object = None

    def __new__(cls, *args: object, **kwargs: object) -> "Opaque":
        """Whatever it is called with."""
        made = super().__new__(cls)
        made.__init__()  # a pickle may make an object and never initialize it
        return made

    def __call__(self, *args: object, **kwargs: object) -> "Opaque":
        """As a partial function or a bound method is called."""
        return Opaque()

    def __setstate__(self, state: object) -> None:
        """Keep what the object would have got."""
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """As a class made after `dict` takes its entries."""
        self.items[key] = value

    def append(self, value: object) -> None:
        """As a class made after `list` does."""
        self.values.append(value)

    def extend(self, values: Iterable[object]) -> None:
        """As a class made after `list` does."""
        self.values.extend(values)

    def add(self, value: object) -> None:
        """As a class made after `set` does; nothing is kept: elements have no name."""

    def children(self) -> Mapping[str, Any]:
        """What it holds by name; what a module holds, by the names of a state dict."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2:  # of an object with slots
            parts = [part for part in state if isinstance(part, Mapping)]
            state = {key: value for part in parts for key, value in part.items()}
        named = dict(state) if isinstance(state, Mapping) else {}
        inside = [named.pop(key) for key in OF_A_MODULE if isinstance(named.get(key), Mapping)]
        found = {**self.items, **named}
        for entries in inside:
            found.update(entries)
        return {**found, **{str(n): value for n, value in enumerate(self.values)}}


class Entries(dict[Any, Any]):
    """Stands for an `OrderedDict`, whose entries may be given at once or one by one."""

    def __init__(self, entries: object = (), *args: object) -> None:
        super().__init__()
        for pair in entries if isinstance(entries, list) else ():
            if isinstance(pair, list | tuple) and len(pair) == 2:
                self[pair[0]] = pair[1]

    def __setstate__(self, state: object) -> None:
        """A state dict carries the versions of its modules along; no weights are in them."""


@dataclass(frozen=True)
class _Call(_Inert):
    """Stands for a function that is known to rebuild tensors."""

    function: Callable[..., object]

    def __call__(self, *args: Any) -> object:
        """Raises `UnpicklingError` where the words are none of that function."""
        return self.function(*args)


class Contents(NamedTuple):
    """What a pickle holds."""

    root: Any  # dictionaries, lists, plain values, StoredTensor and Opaque
    opaque: tuple[str, ...]  # classes and functions that have a stand-in, as it names them


def read_pickle(content: bytes) -> Contents:
    """Read a torch file's pickle.

    Raises:
        CheckpointError: it is no pickle, or describes an impossible tensor; half a sentence.
        MemoryError: it asks for more memory than this process may have.
    """
    reader = _Reader(io.BytesIO(content), encoding="latin1")
    try:
        root = reader.load()
    except (CheckpointError, MemoryError):
        raise
    except Exception:  # an unpickler raises nearly everything, and all of it says: no pickle
        raise CheckpointError(
            "its pickle is none of a state dict, or is damaged; save the state dict alone: "
            'torch.save(model.state_dict(), "weights.pt")'
        ) from None
    return Contents(root, tuple(reader.opaque))


class _Reader(pickle.Unpickler):
    """Python's unpickler, to which every name is one of this module's stand-ins."""

    def __init__(self, file: io.BytesIO, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.opaque: dict[str, None] = {}

    def find_class(self, module: str, name: str) -> object:
        """Imports nothing, and looks up nothing but this module's own tables."""
        full = f"{module}.{name}"
        if full in KNOWN:
            return KNOWN[full]
        if module in ("torch", "torch.storage"):
            if name in STORAGES or name == UNTYPED:
                return _Storage(STORAGES.get(name, ""), "")
            if name in DTYPES:
                return _Dtype(DTYPES[name])
        self.opaque[shortened(full)] = None
        return type("Opaque", (Opaque,), {"__slots__": ()})  # a pickle may demand a class

    def persistent_load(self, pid: object) -> _Storage:
        """Which member of the archive a storage is."""
        match pid:
            case ("storage", _Storage(dtype=dtype), str(key), *_):
                return _Storage(dtype, key)
        raise pickle.UnpicklingError("a storage that is none")


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> object:
    """`torch._utils._rebuild_tensor_v2`, and the older one without what follows."""
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    (begin,) = _numbers((offset,))
    dtype = storage.dtype or "uint8"
    return StoredTensor(dtype, _numbers(size), _numbers(stride), begin, storage.key)


def _tensor_of_dtype(
    storage: object, offset: object, size: object, stride: object, *more: object
) -> object:
    """`torch._utils._rebuild_tensor_v3`, whose storage does not say what its bytes are."""
    found = next((word for word in more if isinstance(word, _Dtype)), None)
    if not isinstance(storage, _Storage) or found is None:
        raise pickle.UnpicklingError("a tensor without a storage or a type")
    return _tensor(_Storage(found.name, storage.key), offset, size, stride)


def _wrapped(data: object, *_: object) -> object:
    """`torch._utils._rebuild_parameter`, of a tensor."""
    return data


def _typed(function: object, _: object, args: object, *__: object) -> object:
    """`torch._tensor._rebuild_from_type_v2`, of a class made after `Tensor`."""
    if isinstance(function, _Call) and isinstance(args, tuple):
        return function(*args)
    return Opaque()


def _without_numbers(word: str) -> Callable[..., object]:
    """Of a tensor that is not laid out as rows of numbers; its shape is not told."""
    return lambda *_: StoredTensor(word, (), (), 0, None)


def _nested(*_: object) -> object:
    """`getattr`, by which classes inside classes are named."""
    return type("Opaque", (Opaque,), {"__slots__": ()})


def _numbers(values: object) -> tuple[int, ...]:
    """A shape, or strides; raises `CheckpointError` where it is none."""
    if not isinstance(values, list | tuple) or len(values) > MAX_DIMENSIONS:
        dimensions = f"{len(values):,} dimensions" if isinstance(values, list | tuple) else "none"
        raise CheckpointError(f"a tensor in it has {dimensions}; at most {MAX_DIMENSIONS}")
    for value in values:
        if type(value) is not int or not 0 <= value <= MAX_LENGTH:
            raise CheckpointError("a tensor in it has an impossible shape or place")
    return tuple(values)


KNOWN: Mapping[str, object] = {
    "collections.OrderedDict": Entries,
    "torch._utils._rebuild_tensor": _Call(_tensor),
    "torch._utils._rebuild_tensor_v2": _Call(_tensor),
    "torch._utils._rebuild_tensor_v3": _Call(_tensor_of_dtype),
    "torch._utils._rebuild_parameter": _Call(_wrapped),
    "torch._utils._rebuild_parameter_with_state": _Call(_wrapped),
    "torch._tensor._rebuild_from_type_v2": _Call(_typed),
    "torch._utils._rebuild_sparse_tensor": _Call(_without_numbers("sparse")),
    "torch._utils._rebuild_nested_tensor": _Call(_without_numbers("nested")),
    "torch._utils._rebuild_qtensor": _Call(_without_numbers("quantized")),
    "torch._utils._rebuild_meta_tensor_no_storage": _Call(_without_numbers("meta")),
    "builtins.getattr": _Call(_nested),
    "__builtin__.getattr": _Call(_nested),
}
