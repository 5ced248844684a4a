"""Entry points: which code may run, what is said of it, and a diffusion model of one's own."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.checkpoints.weights_file import load_model, serialize_weights
from flatdiff.commands.import_file import own_weights
from flatdiff.conversion.draft import Description
from flatdiff.conversion.importer import import_file, portable
from flatdiff.diffusion.networks import build_network
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.diffusion.own_network import ALLOWED, own_flags
from flatdiff.errors import FlatdiffError, SettingsError
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from tests.conftest import TINY_FLAGS, write_tiny_checkpoint
from tests.own.conftest import Install
from tests.subjects import card_of
from tests.tiny import CPU, random_network

# An ADM network under another name.
TWIN = f"""
import flatdiff
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet

def twin():
    flags = AdmFlags.from_json({TINY_FLAGS.to_json()!r})
    return flatdiff.Network(
        build=lambda: AdmUNet(flags), image_size=8, in_channels=1, num_channels=32,
        noise_schedule="cosine", learn_sigma=True,
    )

def no_network():
    return 3

def raises():
    raise OSError("no disk")

def wrong():
    return flatdiff.Network(build=twin, loss=lambda network, examples: 1.0, image_size=8)

def lossy(loss):
    import torch.nn as nn
    return flatdiff.Network(
        build=lambda: nn.Linear(1, 1), loss=loss, image_size=8, in_channels=1
    )

def scalar():
    return lossy(lambda network, examples: examples.images.mean())

def failing():
    return lossy(lambda network, examples: network(examples.images))
"""
NAMES = ("twin", "no_network", "raises", "wrong", "scalar", "failing")
POINTS = {name: f"twins:{name}" for name in NAMES}


@pytest.fixture
def twins(install: Install) -> Path:
    """Its file."""
    return install(TWIN, POINTS)


def test_a_diffusion_network_of_ones_own_is_measured_as_adm(twins: Path, tmp_path: Path) -> None:
    """The same weights, by ADM's flags and by an entry point: equal losses, bounds, samples."""
    adm = write_tiny_checkpoint(tmp_path, "adm", 0)
    said = Description(id="own/twin", dataset="digits")
    file = tmp_path / "tiny/adm/weights.safetensors"
    (card,) = import_file(tmp_path, file, said, own_weights("twin"))
    assert (card.digest, card.num_parameters) == (adm.digest, adm.num_parameters)
    own, theirs = (
        Subject(one, load_model(tmp_path, one, CPU), Panel(size=6)) for one in (card, adm)
    )
    for mine, expected in zip(own.losses_and_bounds(), theirs.losses_and_bounds(), strict=True):
        np.testing.assert_array_equal(mine, expected)
    np.testing.assert_array_equal(own.timesteps, theirs.timesteps)
    np.testing.assert_array_equal(own.chains.sample(4, 3, 7), theirs.chains.sample(4, 3, 7))


def test_betas_of_ones_own_are_those_of_the_process(twins: Path) -> None:
    betas = tuple(np.linspace(0.01, 0.3, 20))
    flags = dataclasses.replace(own_flags("twin"), betas=betas)
    assert flags == OwnFlags.from_json(flags.to_json())
    subject = Subject(card_of(flags), random_network(TINY_FLAGS), Panel(size=6))
    assert subject.num_steps == 20
    p = subject.tensors
    bar = torch.tensor(np.cumprod(1 - np.array(betas)))[p.t][:, None, None, None]
    expected = bar.sqrt() * p.x_start + (1 - bar).sqrt() * p.noise
    torch.testing.assert_close(p.x_t, expected.float())


def test_no_code_runs_unless_its_owner_allows_it(
    twins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module has not even been read."""
    twins.write_text("raise AssertionError('it ran')")
    monkeypatch.setenv(ALLOWED, "others")
    with pytest.raises(SettingsError, match=f"runs only where {ALLOWED} names it: set {ALLOWED}="):
        own_flags("twin")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "no package installed here has an entry point 'absent' of flatdiff.networks"),
        ("no_network", "must return a flatdiff.Network; got int"),
        ("raises", "the entry point 'raises' fails: OSError: no disk"),
    ],
)
def test_an_entry_point_that_is_none(
    name: str, said: str, twins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED, f"{','.join(NAMES)}, absent")
    with pytest.raises(SettingsError, match=said):
        own_flags(name)


def test_what_is_built_must_be_a_module(twins: Path) -> None:
    with pytest.raises(SettingsError, match=r"'wrong' must build a torch.nn.Module; got Network"):
        build_network(own_flags("wrong"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "scalar",
            r"the loss of 'scalar' must be one number an example, of shape \(6,\); got \(\)",
        ),
        ("failing", "the loss of 'failing' fails: RuntimeError: "),
    ],
)
def test_a_loss_that_is_none(name: str, said: str, twins: Path) -> None:
    flags = own_flags(name)
    subject = Subject(card_of(flags), build_network(flags), Panel(size=6))
    with pytest.raises(SettingsError, match=said):
        subject.losses()


def test_changed_code_asks_for_a_new_import(twins: Path, tmp_path: Path, install: Install) -> None:
    """Stored results are those of the old code; a program that runs has that, too."""
    write_tiny_checkpoint(tmp_path, "adm", 0)
    said = Description(id="own/twin", dataset="digits")
    (card,) = import_file(
        tmp_path, tmp_path / "tiny/adm/weights.safetensors", said, own_weights("twin")
    )
    twins.write_text(TWIN + "\n# changed")
    with pytest.raises(SettingsError, match=r"twins\.py has changed since this program read it"):
        load_model(tmp_path, card, CPU)
    flags = dataclasses.replace(card.flags, code="0" * 64)
    twins.write_text(TWIN)
    with pytest.raises(SettingsError, match="the code of 'twin' has changed since these weights"):
        build_network(flags)


def test_weights_that_do_not_fit_it_are_named(twins: Path, tmp_path: Path) -> None:
    content, _ = serialize_weights({"a": torch.zeros(2)})
    (tmp_path / "a.safetensors").write_bytes(content)
    said = Description(id="own/twin", dataset="digits")
    with pytest.raises(FlatdiffError, match=r"\d+ of its \d+ tensors are missing"):
        import_file(tmp_path / "root", tmp_path / "a.safetensors", said, own_weights("twin"))


def test_wrapped_weights_are_found_and_the_kind_that_was_asked_for_is_taken(
    twins: Path, tmp_path: Path
) -> None:
    """As a trainer keeps them: wrapped by torch.compile, raw beside an average."""
    raw, mean = (random_network(TINY_FLAGS, seed).state_dict() for seed in (0, 1))
    wrapped = {f"_orig_mod.{name}": value for name, value in raw.items()}
    torch.save({"model": wrapped, "ema": mean, "epoch": 3}, tmp_path / "w.pt")
    for kind, expected in (("raw", raw), ("ema", mean)):
        said = Description(id=f"own/{kind}", dataset="digits", weights=kind)
        (card,) = import_file(tmp_path / "root", tmp_path / "w.pt", said, own_weights("twin"))
        got = load_model(tmp_path / "root", card, CPU).state_dict()
        torch.testing.assert_close(dict(got), expected)
        left = "ema" if kind == "raw" else "model"
        assert card.origin["packaging"].endswith(f"; left: {left}")


def test_a_card_that_travels_brings_no_code(twins: Path, tmp_path: Path) -> None:
    """A downloaded checkpoint of such a network is refused where it is added by a file alone."""
    write_tiny_checkpoint(tmp_path, "adm", 0)
    said = Description(id="own/twin", dataset="digits")
    (card,) = import_file(
        tmp_path, tmp_path / "tiny/adm/weights.safetensors", said, own_weights("twin")
    )
    (tmp_path / "sent.safetensors").write_bytes(portable(tmp_path, card))
    with pytest.raises(FlatdiffError, match=r"network of somebody's own code.*--network twin"):
        import_file(tmp_path, tmp_path / "sent.safetensors", Description(id="own/again"))
    said = Description(id="own/again", dataset="digits")
    (again,) = import_file(tmp_path, tmp_path / "sent.safetensors", said, own_weights("twin"))
    assert isinstance(read_card(tmp_path, again.id), Card)
    assert again.digest == card.digest
