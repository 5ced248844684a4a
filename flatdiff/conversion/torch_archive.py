"""A torch file is what `torch.save` writes: a zip archive of one pickle and the numbers beside it.

Nothing here reads the pickle or imports torch. `require_sound` looks at the archive alone, so that
torch meets none that is cut, damaged, compressed, or whose members share their bytes: torch checks
no CRC, inflates what claims to be small, and believes what an archive says of its own places.
"""

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from flatdiff.checkpoints.header import MAX_HEADER_BYTES, MAX_TENSORS, shortened
from flatdiff.errors import CheckpointError

BEGINNING = b"PK\x03\x04"
MAX_MEMBERS = MAX_TENSORS + 16  # beside the numbers: pickle, version, byte order and a few more
PICKLE = "data.pkl"
TORCH_SCRIPT = "constants.pkl"
LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # of each member: PKWARE's appnote, Sec. 4.3.7
END_RECORD = struct.Struct("<4s4H2LH")  # of the archive: Sec. 4.3.16
END_RECORD_64 = struct.Struct("<4sQ2H2L4Q")  # the same in 64 bits, as torch writes: Sec. 4.3.14
LOCATOR_64 = struct.Struct("<4sLQL")  # of that record: Sec. 4.3.15
UNSAID = 0xFFFFFFFF  # a place that only the record in 64 bits has room for
ENCRYPTED = 0x1


def is_torch_file(path: Path) -> bool:
    """Whether a file begins as an archive; any other question is `require_sound`'s.

    Raises:
        CheckpointError: it is no file, or cannot be opened.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise CheckpointError("it is no file" if path.exists() else "there is no such file")
        with path.open("rb") as file:
            return file.read(len(BEGINNING)) == BEGINNING
    except OSError as error:
        raise CheckpointError(error.strerror or str(error)) from None


def require_sound(path: Path) -> None:
    """Check geometry and CRC of an archive before torch sees it; reads the file once.

    Raises:
        CheckpointError: why it is no torch file, or not a whole one, as half a sentence.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _require_members(members)
            _require_layout(members)
            _require_apart(file, members, archive.start_dir)
            _require_end(file, archive)
            if damaged := archive.testzip():
                raise CheckpointError(
                    f"it is damaged: the CRC of {shortened(damaged)} is wrong; copy or download "
                    "it again"
                )
    except (zipfile.BadZipFile, EOFError, NotImplementedError, struct.error, ValueError):
        raise CheckpointError(
            "it begins as a PyTorch file and is cut or damaged; copy or download it again"
        ) from None
    except OSError as error:
        raise CheckpointError(error.strerror or str(error)) from None


def _require_members(members: Sequence[zipfile.ZipInfo]) -> None:
    """Few enough, stored as they are, with names that are names."""
    if len(members) > MAX_MEMBERS:
        raise CheckpointError(f"it has {len(members):,} members; at most {MAX_MEMBERS:,}")
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise CheckpointError("it is no honest PyTorch file: it names a member twice")
    for member in members:
        name = member.filename
        if ".." in name.split("/") or name.startswith("/") or "\\" in member.orig_filename:
            raise CheckpointError(
                f"it is no honest PyTorch file: {shortened(name)!r} leads out of it"
            )
        stored = member.compress_type == zipfile.ZIP_STORED
        if not stored or member.compress_size != member.file_size or member.flag_bits & ENCRYPTED:
            raise CheckpointError(
                f"it is no PyTorch file: {shortened(name)} is compressed or encrypted, and "
                "torch.save stores everything as it is; unpack it, and import the file of weights "
                "that comes out"
            )


def _require_layout(members: Sequence[zipfile.ZipInfo]) -> None:
    """One folder with one pickle in it, of a size that names and shapes take."""
    folders = {member.filename.split("/")[0] for member in members}
    inside = {member.filename.partition("/")[2]: member for member in members}
    if len(folders) != 1 or PICKLE not in inside:
        raise CheckpointError(
            f"it is a zip archive and no PyTorch file: expected one folder with a {PICKLE}; "
            "unpack it, and import the file of weights that comes out"
        )
    if TORCH_SCRIPT in inside:
        raise CheckpointError(
            "it is TorchScript, a program; save its weights alone: "
            'torch.save(torch.jit.load(FILE).state_dict(), "weights.pt")'
        )
    if inside[PICKLE].file_size > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"its pickle has {inside[PICKLE].file_size:,} bytes; at most {MAX_HEADER_BYTES:,}"
        )


def _require_apart(file: BinaryIO, members: Sequence[zipfile.ZipInfo], end: int) -> None:
    """No two members share a byte, and none lies outside the file.

    Args:
        file: the archive.
        members: as its directory lists them.
        end: where the directory begins.
    """
    position = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        begin = bytes_begin(file, member)
        # A zip may begin with something else and still be read; torch's own never does.
        if member.header_offset < position or (position == 0 and member.header_offset):
            raise CheckpointError("it is no honest PyTorch file: its members overlap")
        position = begin + member.file_size
    if position > end:
        raise CheckpointError("it is no honest PyTorch file: its members overlap")


def bytes_begin(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Where a member's own bytes begin, behind its local header.

    Raises:
        struct.error: the header is cut.
    """
    file.seek(member.header_offset)
    fields = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    return member.header_offset + LOCAL_HEADER.size + fields[-2] + fields[-1]


def _require_end(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """The directory's own records end the file: no two readers find different directories.

    Python takes the 64-bit record that stands before its locator, torch the one that the locator
    points to, and either may go by the other record where one is amiss.
    """
    end = file.seek(-END_RECORD.size, 2)
    signature, *_, count, _, place, _ = END_RECORD.unpack(file.read(END_RECORD.size))
    if archive.comment or signature != b"PK\x05\x06":
        raise CheckpointError("it is no honest PyTorch file: something follows its directory")
    found = {(count, archive.start_dir if place == UNSAID else place)}
    file.seek(max(0, end - LOCATOR_64.size))
    signature, _, pointed, _ = LOCATOR_64.unpack(file.read(LOCATOR_64.size))
    if signature == b"PK\x06\x07":
        begin = end - LOCATOR_64.size - END_RECORD_64.size
        file.seek(max(0, begin))
        signature, *_, count, _, place = END_RECORD_64.unpack(file.read(END_RECORD_64.size))
        found |= {(count, place if signature == b"PK\x06\x06" and pointed == begin else -1)}
    if found != {(len(archive.infolist()), archive.start_dir)}:
        raise CheckpointError("it is no honest PyTorch file: it has more than one directory")
