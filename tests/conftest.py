"""What every test shares: a state directory of its own, one thread, small checkpoints."""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything reads it: no test ever touches the user's own results.
HOME = os.environ["FLATDIFF_HOME"] = tempfile.mkdtemp(prefix="flatdiff-tests-")
for _name in ("SCHEDULER", "CHECKPOINTS", "WORKERS", "FOLDERS", "NETWORKS"):
    os.environ.pop(f"FLATDIFF_{_name}", None)
# Tests wait for workers, so workers need not wait for anybody.
os.environ["FLATDIFF_WORKER_PRIORITY"] = "normal"
# Tests start some hundred processes; none should compile again what another one has.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import hypothesis
import torch

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.checkpoints.weights_file import serialize_weights, write_checkpoint
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.engine.store import Store

torch.set_num_threads(1)
hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no defect
hypothesis.settings.load_profile("untimed")

LONGEST_ID = 60  # characters of one parameter in the name of a test
TINY_FLAGS = dataclasses.replace(
    PRESETS["digits"].flags, channel_mult="1", attention_resolutions="", dropout=0.0
)


def pytest_unconfigure() -> None:
    """Leave nothing behind; each process of the tests has its own."""
    shutil.rmtree(HOME, ignore_errors=True)


def write_tiny_checkpoint(root: Path, name: str, seed: int) -> Card:
    """An untrained network whose every tensor is random: nothing in it is zero by construction."""
    torch.manual_seed(seed)
    model = AdmUNet(TINY_FLAGS)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    content, digest = serialize_weights(model.state_dict())
    card = Card(
        family="tiny",
        name=name,
        method=name,
        weights="raw",
        dataset="digits",
        split="train",
        flags=TINY_FLAGS,
        step=0,
        num_parameters=sum(p.numel() for p in model.parameters()),
        digest=digest,
        recipe=None,
    )
    write_checkpoint(root / "tiny" / name, card, content)
    return card


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks at the marks next
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A process takes a file, or all browser tests of a server, or all that import diffusers."""
    for item in items:
        group = str(item.path)
        if "browser" in item.path.parts:
            names = getattr(item, "fixturenames", ())
            group = "browser, shipped" if "shipped" in names else "browser"
        elif "diffusers" in item.path.name:
            group = "diffusers"
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Of a long value the beginning: each report of a test repeats its name."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_ID:
        return ascii(val[:LONGEST_ID])
    return None


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint root with tiny/adm and tiny/sam; only read."""
    root = tmp_path_factory.mktemp("checkpoints")
    for seed, name in enumerate(("adm", "sam")):
        write_tiny_checkpoint(root, name, seed)
    return root


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store(tmp_path / "home" / "results.sqlite")
    yield opened
    opened.close()
