"""An archive is a sheet as data: every part in every format, and the commands that made it."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence

from flatdiff.reports.formats import formats_for
from flatdiff.reports.measured import Measured
from flatdiff.reports.reproduce import command_line

README = """\
Measurements of diffusion checkpoints by flatdiff, each compared on one frozen panel.

{checkpoints}

{files}

CSV tables hold their provenance in their last columns; JSON and NPZ hold the whole result under
its field names, which `flatdiff schema MEASURE` and the NPZ's README explain; .vtp opens in
ParaView. Every file names the checkpoint's SHA-256, panel, settings, versions, device and time.
`sh commands.sh` computes all of it again.
"""


def to_zip(parts: Mapping[str, Sequence[Measured]]) -> bytes:
    """A ZIP file of some parts by name; those without results are left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files({k: items for k, items in parts.items() if items}):
            archive.writestr(name, content)
    return buffer.getvalue()


def _files(parts: Mapping[str, Sequence[Measured]]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each."""
    written = []
    for name, items in parts.items():
        for suffix, kind in formats_for(items[0].request).items():
            if suffix != ".html":  # the report is one file for all of them
                written.append(f"{name}{suffix}")
                yield written[-1], kind.export(items)
    yield "commands.sh", _commands(parts)
    cards = {item.card.id: item.card.digest for items in parts.values() for item in items}
    checkpoints = "\n".join(f"- {' '.join(name.split())}: {sha}" for name, sha in cards.items())
    files = "\n".join(f"- {name}" for name in written)
    yield "README.md", README.format(checkpoints=checkpoints, files=files).encode()


def _commands(parts: Mapping[str, Sequence[Measured]]) -> bytes:
    """A shell script."""
    lines = [command_line([item.request for item in items], name) for name, items in parts.items()]
    return "\n\n".join(["#!/bin/sh\nset -e", *lines, ""]).encode()
