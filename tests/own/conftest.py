"""The package of docs/your-own-network.md, installed as pip would."""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flatdiff.diffusion import own_network
from tests.tiny import TESTS

DOC = TESTS.parent / "docs" / "your-own-network.md"


def code_of(language: str) -> str:
    """The page's only block in a language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    return block


Install = Callable[[str, dict[str, str]], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a module and its entry points where Python finds them, here and in workers."""
    site, modules = tmp_path / "site", list[str]()

    def put(code: str, points: dict[str, str]) -> Path:
        module = next(iter(points.values())).partition(":")[0]
        described = site / f"{module}-1.dist-info"
        described.mkdir(parents=True, exist_ok=True)
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        lines = "".join(f"{name} = {function}\n" for name, function in points.items())
        (described / "entry_points.txt").write_text(f"[{own_network.GROUP}]\n{lines}")
        file = site / f"{module}.py"
        file.write_text(code)
        modules.append(module)
        monkeypatch.setenv(own_network.ALLOWED, ",".join(points))
        return file

    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    own_network._loaded.cache_clear()
    yield put
    own_network._loaded.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def classifier(install: Install) -> Path:
    """The page's own network; returns its file."""
    said = tomllib.loads(code_of("toml"))
    return install(code_of("python"), said["project"]["entry-points"][own_network.GROUP])
