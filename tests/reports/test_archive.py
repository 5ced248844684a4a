"""The data of a sheet, unpacked with the standard library."""

import io
import json
import shlex
import subprocess
import zipfile
from pathlib import Path

import numpy as np

from flatdiff.reports.archive import to_zip
from tests.results import RESULTS, measured_item


def test_every_part_in_every_format_and_the_commands() -> None:
    """Names by part; a part without results leaves no file; nothing leaves the folder."""
    parts = {f"part-{m}": [measured_item(m, r())] for m, r in RESULTS.items()}
    with zipfile.ZipFile(io.BytesIO(to_zip({**parts, "empty": []}))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        for part in parts:
            assert {f"{part}.csv", f"{part}.npz", f"{part}.json"} <= set(names)
            assert json.loads(archive.read(f"{part}.json"))["checkpoint"] == "digits/adm"
            with np.load(io.BytesIO(archive.read(f"{part}.npz")), allow_pickle=False) as arrays:
                assert "0/provenance" in arrays
        assert {"part-samples.png", "part-surface.vtp", "commands.sh", "README.md"} <= set(names)
        assert not [name for name in names if name.startswith(("/", "empty")) or ".." in name]
        assert all(name in archive.read("README.md").decode() for name in names[:-2])


def test_commands_are_a_script_that_a_shell_accepts(tmp_path: Path) -> None:
    """Parsed by sh itself, with a name that would run something if it could."""
    name = "$(touch pwned)/it's; rm"
    content = to_zip({m: [measured_item(m, r(), name)] for m, r in RESULTS.items()})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        script = archive.read("commands.sh").decode()
    (tmp_path / "commands.sh").write_text(script)
    subprocess.run(["sh", "-n", "commands.sh"], cwd=tmp_path, check=True)
    commands = script.replace("\\\n", " ").strip().split("\n\n")[1:]
    for command, measure in zip(commands, RESULTS, strict=True):
        words = shlex.split(command)
        assert words[:3] == ["flatdiff", "measure", measure]
        assert words[words.index("--checkpoint") + 1] == name
        assert words[-1] == f"{measure}.json"
