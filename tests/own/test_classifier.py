"""A small classifier of digits, by its entry point: trained, measured, refused what it has not."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.errors import SettingsError
from flatdiff.images.image_set import load_images
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures import MEASURES
from flatdiff.measures.curvature import CurvatureSettings
from flatdiff.measures.request import make_request
from flatdiff.training.run_list import list_runs
from tests.own.conftest import code_of
from tests.tiny import CPU, typed

ABSENT = {"exposure", "samples", "nearby", "atlas", "frechet", "rescaling"}
PANEL = Panel(size=24)


@pytest.fixture
def root(tmp_path: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's commands leave their checkpoints; of far fewer steps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("FLATDIFF_WORKERS", "1")
    return tmp_path / "checkpoints"


def commands() -> list[str]:
    """Of the page."""
    return code_of("bash").replace("\\\n", "").strip().splitlines()


def run(line: str) -> None:
    """One of the page's commands."""
    words = shlex.split(line)[1:]
    if words[0] == "train":
        words[words.index("--steps") + 1] = "80"
    done = typed(*words, *(["--batch-size", "32"] if words[0] == "train" else []))
    assert done.returncode == 0, done.stderr


def cross_entropy_by_hand(card: Card, root: Path) -> "tuple[nn.Module, Tensor, Tensor]":
    """The network of the page without flatdiff, and a panel's images and labels."""
    files: dict[str, Any] = {}
    exec(code_of("python"), files)
    network = files["build"]()
    network.load_state_dict(load_file(root / card.id / "weights.safetensors"))
    data = load_images("digits", "held_out", 8, 1)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[: PANEL.size]
    assert data.labels is not None
    return network, data.images(order), data.labels[order]


def test_the_pages_commands_and_the_numbers_they_lead_to(root: Path) -> None:
    """Losses, gradients and eigenvalues against PyTorch alone; every measure of a loss works."""
    lines = commands()
    assert lines[0] == "export FLATDIFF_NETWORKS=digits-classifier"  # as the fixture has it
    run(lines[1])
    torch.save({"model": load_file(root / "mine" / "adm" / "weights.safetensors")}, "weights.pt")
    for line in lines[2:]:
        run(line)
    adm, sam, imported = (read_card(root, f"mine/{name}") for name in ("adm", "sam", "imported"))
    assert adm.digest == imported.digest
    assert adm.digest != sam.digest
    assert imported.origin["packaging"] == "the network digits-classifier of your own"
    assert json.loads(Path("lpf.json").read_text())
    options = next(run.options for run in list_runs(root) if run.id == "mine/sam")
    assert options is not None
    assert "--network digits-classifier" in options.command()

    subject = Subject(adm, load_model(root, adm, CPU), PANEL)
    network, images, labels = cross_entropy_by_hand(adm, root)
    expected = F.cross_entropy(network(images), labels, reduction="none")
    assert expected.mean() < np.log(10)  # which knows nothing
    np.testing.assert_allclose(subject.losses(), expected.detach(), rtol=1e-5, atol=1e-6)
    gradient = torch.autograd.grad(expected.mean(), list(network.parameters()))
    flat = torch.cat([part.reshape(-1) for part in gradient])
    np.testing.assert_allclose(subject.curvature.gradient(), flat, rtol=1e-4, atol=1e-7)

    shapes = [p.shape for p in network.parameters()]
    theta = torch.cat([p.detach().reshape(-1) for p in network.parameters()])
    names = [name for name, _ in network.named_parameters()]

    def mean_loss(flat: Tensor) -> Tensor:
        parts = flat.split([shape.numel() for shape in shapes])
        named = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return F.cross_entropy(torch.func.functional_call(network, named, (images,)), labels)

    hessian: Any = torch.autograd.functional.hessian(mean_loss, theta)
    settings = CurvatureSettings()
    measure = MEASURES["curvature"]
    done = {
        position: measure.evaluate(subject, settings, item)
        for position, item in enumerate(measure.items(settings))
        if item[0] != "probe"
    }
    found = measure.assemble(settings, done)
    top = torch.linalg.eigvalsh(hessian.double())[-1]
    assert found.eigenvalues[0] == pytest.approx(float(top), rel=1e-3)

    for name in MEASURES.keys() - ABSENT:
        kind = MEASURES[name]
        chosen = kind.settings_type(**{"layers": ("0.weight",)} if name == "sensitivity" else {})
        items = kind.items(chosen)
        first = {0: kind.evaluate(subject, chosen, items[0])}
        assert all(np.isfinite(values).all() for values in first[0].values()), name
        kind.assemble(chosen, first)


def test_what_it_has_not_is_refused_in_a_sentence(root: Path) -> None:
    run(commands()[1])
    card = read_card(root, "mine/adm")
    for name in ABSENT:
        with pytest.raises(SettingsError, match=f"{name} cannot be measured of mine/adm: "):
            make_request(name, card, MEASURES[name].settings_type())
    done = typed(
        *("train", "--network", "digits-classifier", "--method", "ip", "--out", str(root / "ip"))
    )
    assert "a loss of its own has no noise to perturb" in done.stderr
