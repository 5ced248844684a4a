"""Archives: torch's own pass, and what no torch has written is refused before torch sees it."""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flatdiff.checkpoints.header import MAX_HEADER_BYTES
from flatdiff.conversion.foreign_weights import open_weights
from flatdiff.conversion.torch_archive import is_torch_file, require_sound
from flatdiff.errors import CheckpointError

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3, dtype=torch.float16)}


def saved(value: object = STATE) -> bytes:
    """As torch writes it."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def rezipped(
    change: Callable[[str, bytes], tuple[str, bytes]] = lambda name, data: (name, data),
    compression: int = zipfile.ZIP_STORED,
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """The same members in another archive, changed one by one; `more` stand beside them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved())) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new_name, data = change(name, old.read(name))
            new.writestr(new_name, data, compression)
        for name, data in (more or {}).items():
            new.writestr(f"archive/{name}", data)
    return buffer.getvalue()


def named_twice() -> bytes:
    """Two members of one name; zipfile itself warns of it."""
    with pytest.warns(UserWarning, match="Duplicate"):
        return rezipped(lambda name, data: (name.replace("data/1", "data/0"), data))


def overlapping() -> bytes:
    """The directory says that the numbers of `b` stand where those of `a` do."""
    content = saved()
    directory = content.index(b"PK\x01\x02")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offsets = {info.filename: info.header_offset for info in archive.infolist()}
    a, b = (struct.pack("<L", offsets[f"archive/data/{n}"]) for n in "01")
    end = content.index(b"archive/data/1", directory)
    place = content.rindex(b, directory, end)
    return content[:place] + a + content[place + 4 :]


def pointing_elsewhere() -> bytes:
    """The locator of the 64-bit record points to one in another member, that of another file."""
    hidden = saved({"a": torch.zeros(9)})
    content = rezipped(more={"blob": hidden})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        count, directory = len(archive.infolist()), archive.start_dir
    size = len(content) - 22 - directory
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, directory)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, content.index(b"PK\6\6"), 1)
    return content[:-22] + record + locator + content[-22:]


def without_its_record() -> bytes:
    """A locator, and no 64-bit record before it: Python does without, torch looks elsewhere."""
    content = rezipped(more={"blob": saved({"a": torch.zeros(9)})})
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, content.index(b"PK\6\6"), 1)
    return content[:-22] + locator + content[-22:]


def flipped(word: bytes) -> bytes:
    """One bit of the first byte after a word."""
    content = bytearray(saved())
    content[content.index(word) + len(word)] ^= 1
    return bytes(content)


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut": (lambda: saved()[:-40], "cut or damaged"),
    "nothing but a beginning": (lambda: b"PK\x03\x04" + bytes(50), "PyTorch file and is cut"),
    "a flipped bit among the numbers": (
        lambda: flipped(struct.pack("<3f", 0, 1, 2)),
        "CRC of archive/data/0 is wrong",
    ),
    "compressed": (lambda: rezipped(compression=zipfile.ZIP_DEFLATED), "compressed or encrypted"),
    "a name that climbs": (
        lambda: rezipped(lambda n, d: (n.replace("archive/data/0", "archive/../data/0"), d)),
        "leads out of it",
    ),
    "an absolute name": (
        lambda: rezipped(lambda n, d: (n.replace("archive/data/0", "/etc/passwd"), d)),
        "leads out of it",
    ),
    "two of one name": (named_twice, "names a member twice"),
    "two in one place": (overlapping, "overlap|cut or damaged"),
    "a second directory": (pointing_elsewhere, "more than one directory"),
    "a second directory alone": (without_its_record, "more than one directory|cut or damaged"),
    "two folders": (
        lambda: rezipped(lambda n, d: (n.replace("archive/data/0", "other/data/0"), d)),
        "no PyTorch file: expected one folder",
    ),
    "no pickle": (
        lambda: rezipped(lambda n, d: (n.replace("data.pkl", "data.txt"), d)),
        "no PyTorch file: expected one folder",
    ),
    "a program": (lambda: rezipped(more={"constants.pkl": b"x"}), "TorchScript"),
    "a pickle beyond all bounds": (
        lambda: rezipped(
            lambda n, d: (n, bytes(MAX_HEADER_BYTES + 1) if n.endswith("data.pkl") else d)
        ),
        "its pickle has 4,194,305 bytes",
    ),
    "something before it": (lambda: b"PK\x03\x04" + saved(), "overlap|cut or damaged"),
    "something behind it": (lambda: saved() + b"more", "cut or damaged|follows its directory"),
    "too many members": (
        lambda: rezipped(more={str(n): b"" for n in range(20_020)}),
        "20,028 members",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_archives_that_torch_never_wrote_are_a_sentence(name: str, tmp_path: Path) -> None:
    """Each is made here from a good one."""
    make, word = BAD[name]
    path = tmp_path / "w.pt"
    path.write_bytes(make())
    assert is_torch_file(path)
    with pytest.raises(CheckpointError, match=word) as caught:
        require_sound(path)
    assert len(str(caught.value)) < 250


def test_what_torch_wrote_is_sound(tmp_path: Path) -> None:
    """By its own writer, under two names, and by another writer of archives."""
    for name in ("w.pt", "ema_0.9999_200000.pt"):
        torch.save(STATE, tmp_path / name)
        require_sound(tmp_path / name)
    (tmp_path / "again.pt").write_bytes(rezipped())
    require_sound(tmp_path / "again.pt")
    (tmp_path / "old.pt").write_bytes(b"\x80\x02")
    assert not is_torch_file(tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="no file"):
        is_torch_file(tmp_path)


GOOD = saved()


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    """Anywhere in the file; whoever reads it afterwards knows no CRC."""
    content = bytearray(GOOD)
    content[place] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped.pt"
    path.write_bytes(content)
    try:
        weights = open_weights(path)
    except CheckpointError:
        return
    assert all(torch.equal(weights.tensor(name), value) for name, value in STATE.items())
