"""Snippets are programs: they are run here, in a process of their own, on a filled store."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.tensors import layer_names
from flatdiff.engine.store import DONE, Store
from flatdiff.landscape.panel import Panel
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.sensitivity import SensitivitySettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.reports.reproduce import python_snippet
from flatdiff.system.files import PROJECT_ROOT
from flatdiff.views import SECTIONS
from tests.pages.stored import arrays_for
from tests.subjects import card_of


def filled(store: Store, request: Request) -> Request:
    """With all of it in the store, so that nothing is left to compute."""
    store.submit(request)
    results = [arrays_for(item, request.settings) for item in request.items]
    store.put_tile(request.key, 0, results, 1.5, "{}")
    store.finish(request.key, DONE)
    return request


def run(program: str, store: Store, root: Path) -> str:
    """What it prints; a computation would need minutes and is not waited for."""
    home = str(store.database.path.parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        env={**os.environ, "FLATDIFF_HOME": home, "FLATDIFF_CHECKPOINTS": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked_of_tiny(store: Store) -> list[str]:
    """Keys; the program finds the shipped results in its store as well."""
    return [job.key for job in store.jobs() if job.request.checkpoint.startswith("tiny/")]


def test_program_prints_the_stored_numbers(store: Store, tiny_root: Path) -> None:
    """Two checkpoints; the tables are printed here from what was stored."""
    cards = [read_card(tiny_root, f"tiny/{name}") for name in ("adm", "sam")]
    settings = LpfSettings(mode="filter_relative", num_perturbations=8, seed=7)
    requests = [filled(store, make_request("lpf", c, settings, Panel(size=4))) for c in cards]
    jobs = asked_of_tiny(store)
    printed = run(python_snippet(requests), store, tiny_root)
    for request in requests:
        done = store.items_done(request.key)
        result = request.definition.assemble(request.settings, done)
        assert request.checkpoint in printed
        assert str(SECTIONS["lpf"].table(result)) in printed
    assert asked_of_tiny(store) == jobs, "the program asked for the same keys"


@pytest.mark.parametrize("measure", ["surface", "sensitivity", "quantization"])
def test_program_asks_for_the_same(measure: str, store: Store, tiny_root: Path) -> None:
    """Partners, layers that are filled in, tuples, and a split: any other key would be new."""
    adm, sam = (read_card(tiny_root, f"tiny/{name}") for name in ("adm", "sam"))
    settings: dict[str, Any] = {
        "surface": SurfaceSettings(axes="checkpoints", dimensions=1, resolution=5),
        "sensitivity": SensitivitySettings(layers=layer_names(tiny_root, adm), bits=3),
        "quantization": QuantizationSettings(bits=(32, 3), per_channel=True),
    }
    partners = [sam] if measure == "surface" else []
    panel = Panel(split="train", seed=2) if measure == "surface" else None
    request = filled(store, make_request(measure, adm, settings[measure], panel, partners))
    assert "tiny/adm" in run(python_snippet([request]), store, tiny_root)
    assert asked_of_tiny(store) == [request.key]


def test_names_cannot_leave_their_quotes() -> None:
    """Parsed, not run: the name is a constant, and what it holds is no code."""
    name = '\'); import os; print(\'"""'
    request = make_request("lpf", card_of(family="x", name=name), LpfSettings())
    nodes = list(ast.walk(ast.parse(python_snippet([request]))))
    assert f"x/{name}" in {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert not any(isinstance(node, ast.Import) for node in nodes)
