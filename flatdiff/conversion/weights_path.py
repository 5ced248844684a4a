"""From what a person names to the files of weights that are meant: a file, an index, or a folder.

Large networks are cut into parts: `model.safetensors.index.json` says which of the files beside it
holds which tensor. A folder with one file of weights means that file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flatdiff.checkpoints.header import Header, TensorEntry, read_header, shortened
from flatdiff.errors import CheckpointError
from flatdiff.system.foreign_json import MALFORMED, read_foreign_json

INDEX = ".index.json"
ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
MAX_INDEX_BYTES = 4 << 20
MAX_PARTS = 1000
NAMED = 6  # of a folder's files, in a sentence
ADDRESS = re.compile(r"(https?|ftp|s3|gs|hf):/+\S")
PART = re.compile(r"(.+)-\d{5}-of-\d{5}\.safetensors")


@dataclass(frozen=True)
class Parts:
    """A file of weights that is one or several files on the disk."""

    header: Header  # of all of them together
    paths: dict[str, Path]  # where each tensor lies


def weights_path(path: Path) -> Path:
    """The file that is meant: of weights, or an index.

    Raises:
        CheckpointError: it is an address, or a folder in which several may be meant, or none;
            half a sentence.
    """
    if ADDRESS.match(str(path)):
        raise CheckpointError(
            "it is an address, and flatdiff opens no connection for it; download it first "
            "(curl -LO ADDRESS) and import the file"
        )
    if path.is_dir():
        return _in_folder(path)
    if (part := PART.fullmatch(path.name)) and path.is_file():
        return _required(path.with_name(f"{part[1]}.safetensors{INDEX}"), "an index of all parts")
    return path


def is_index(path: Path) -> bool:
    """Whether a file says where tensors lie, and holds none."""
    return path.name.endswith(INDEX)


def num_bytes(path: Path) -> int:
    """Of a file, or of all parts of an index.

    Raises:
        OSError: there is none.
    """
    files = set(read_parts(path).paths.values()) if is_index(path) else [path]
    return sum(file.stat().st_size for file in files)


def read_parts(index: Path) -> Parts:
    """What an index and its parts say of their tensors.

    Raises:
        CheckpointError: it is no index, or a part is absent, damaged, or says otherwise.
    """
    named = _index(index)
    tensors: dict[str, TensorEntry] = {}
    paths: dict[str, Path] = {}
    for part in dict.fromkeys(named.values()):
        path = _required(index.with_name(part), f"one of the parts that {index.name} names")
        try:
            found = read_header(path).tensors
        except CheckpointError as error:
            raise CheckpointError(f"of its parts, {shortened(part)}: {error}") from None
        if twice := tensors.keys() & found.keys():
            raise CheckpointError(f"two of its parts hold {shortened(min(twice))}")
        tensors.update(found)
        paths.update(dict.fromkeys(found, path))
    if absent := [
        name for name, part in named.items() if paths.get(name) != index.with_name(part)
    ]:
        raise CheckpointError(f"{shortened(absent[0])} is not in the part that its index says")
    return Parts(Header(tensors, {}), paths)


def _index(path: Path) -> dict[str, str]:
    """The part that holds each tensor."""
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise CheckpointError(f"an index has at most {MAX_INDEX_BYTES:,} bytes")
        named = read_foreign_json(path.read_bytes())["weight_map"]
        parts = {str(name): str(part) for name, part in named.items()}
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(error.strerror or str(error)) from None
    except MALFORMED:
        raise CheckpointError(
            "it is no index of a file in parts: no weight_map is in it"
        ) from None
    beside = all(
        part == Path(part).name and part.endswith(".safetensors") for part in parts.values()
    )
    if not parts or not beside or len(set(parts.values())) > MAX_PARTS:
        raise CheckpointError("its parts are not safetensors files that lie beside it")
    return parts


def _in_folder(folder: Path) -> Path:
    """The one file of weights in a folder."""
    try:
        names = sorted(
            path.name
            for path in folder.iterdir()
            if path.is_file() and not path.name.startswith(".")  # what macOS leaves is hidden
        )
    except OSError as error:
        raise CheckpointError(error.strerror or str(error)) from None
    indices = [name for name in names if name.endswith(INDEX)]
    weights = [name for name in names if name.endswith(ENDINGS) and not PART.fullmatch(name)]
    found = [*indices, *weights]
    if len(found) == 1:
        return folder / found[0]
    if not found:
        raise CheckpointError(
            f"it is a folder without a file of weights ({', '.join(ENDINGS)}) in it"
        )
    raise CheckpointError(f"it is a folder; import one of its files: {_listed(found)}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shortened(name) for name in names[:NAMED]) + more


def _required(path: Path, what: str) -> Path:
    if not path.is_file():
        raise CheckpointError(
            f"it is one part of several, and {shortened(path.name)}, {what}, is not beside it"
        )
    return path
