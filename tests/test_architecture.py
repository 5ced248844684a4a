"""The walls of the house: layers, the web half without torch, files and functions of a size."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flatdiff.measures import MEASURES
from flatdiff.views import SECTIONS

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("flatdiff", "pages", "tests", "benchmarks")
PAGES = sorted((ROOT / "pages").rglob("*.py"))
ROOMS = sorted(path.parent for path in (ROOT / "flatdiff").rglob("*/__init__.py"))
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def test_layers() -> None:
    """import-linter reads the imports itself; its contracts are in pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_web_process_never_loads_torch() -> None:
    """Looks at the modules of a fresh process after importing all that pages import."""
    modules = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for path in (ROOT / "pages" / "shared").glob("*.py")
    ]
    program = (
        f"import sys, {', '.join(modules)}, flatdiff.engine.engine; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_import_loads_nothing_and_the_public_names_no_torch() -> None:
    """In a fresh process; NumPy stands for everything that takes time."""
    program = (
        "import sys, flatdiff; print('numpy' in sys.modules)\n"
        "print([getattr(flatdiff, name) is None for name in flatdiff.__all__])\n"
        "print(sorted(flatdiff.MEASURES), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "False"
    assert "True" not in done.stdout
    assert f"{sorted(MEASURES)} False" in done.stdout


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(ROOT).as_posix())
def test_each_room_names_its_files(room: Path) -> None:
    """Its first words are the map: a new file that nobody can find there is a mistake."""
    words = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8"))) or ""
    named = set(re.findall(r"[a-z_0-9]+", words))
    files = {path.stem for path in room.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in room.glob("*/__init__.py")}
    assert files | folders <= named
    assert len(files) <= 20
    assert len(list((ROOT / "flatdiff").glob("*.py"))) <= 5


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_is_whole(measure: str) -> None:
    """What is missing is named: how it is shown, what it means, where somebody asks for it."""
    assert list((ROOT / "flatdiff/measures").rglob(f"{measure}.py"))
    assert list((ROOT / "flatdiff/views").rglob(f"{measure}.py")), "views/x.py with SECTION"
    assert measure in SECTIONS, "one line in views/__init__"
    asked = [path for path in PAGES if f'"{measure}"' in path.read_text("utf-8")]
    assert asked, "a page asks for it"
    assert (ROOT / f"docs/measures/{measure}.md").is_file(), "docs/measures/x.md"


def test_files_and_functions_stay_small() -> None:
    """Counts lines in the syntax tree; names every file and function that is too long."""
    found = [offence for path in SOURCES for offence in _too_long(path)]
    assert not found, "\n".join(found)
    assert len(SOURCES) > 300


def _too_long(path: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    if (lines := text.count("\n")) > 300:
        yield f"{path.relative_to(ROOT)} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > 60:
                yield f"{path.relative_to(ROOT)}: {node.name} has {length} lines"
