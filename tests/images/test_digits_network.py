"""The digits network: as right as its card says, by digits that no code of ours has prepared."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from flatdiff.checkpoints.card import card_ids
from flatdiff.errors import DataError
from flatdiff.images.digits_network import (
    CARD_FILE,
    FOLDER,
    NUM_FEATURES,
    WEIGHTS_FILE,
    read_network,
    train_network,
    write_network,
)
from flatdiff.images.image_set import load_images
from flatdiff.system.files import PROJECT_ROOT
from tests.tiny import typed


def held_out() -> tuple[torch.Tensor, np.ndarray]:
    """scikit-learn's digits from the 1501st of the fixed shuffle on, in 0..255."""
    data, labels = load_digits(return_X_y=True)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(data))[1500:]
    grey = np.floor(data[order] * 255 / 16).reshape(-1, 1, 8, 8)
    return torch.from_numpy(grey).float(), np.asarray(labels)[order]


def test_accuracy_is_what_the_card_says() -> None:
    """Counted here, on digits the network has not seen."""
    network, card = read_network()
    grey, labels = held_out()
    right = int((network(grey).argmax(dim=1).numpy() == labels).sum())
    assert right / len(labels) == pytest.approx(card.held_out_accuracy)
    assert card.held_out_images == len(labels) == 297
    assert right >= 290


def test_shipped_file_is_small_and_the_cards() -> None:
    """SHA-256 by hashlib; and the gallery does not take it for a checkpoint."""
    content = (FOLDER / WEIGHTS_FILE).read_bytes()
    assert json.loads((FOLDER / CARD_FILE).read_text())["digest"] == (
        hashlib.sha256(content).hexdigest()
    )
    assert len(content) < 200_000
    assert not card_ids(PROJECT_ROOT / "flatdiff")


def test_features_are_on_the_scale_of_one() -> None:
    """Their variances over the training images, by NumPy, average to 1."""
    network, _ = read_network()
    features = network.features(load_images("digits", "train", 8, 1).written().float()).numpy()
    assert features.shape == (1500, NUM_FEATURES)
    assert features.var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-4)


def test_training_depends_on_the_seed_alone() -> None:
    """Twice the same seed, then another: bits are compared, with other random draws between."""
    data = load_images("digits", "train", 8, 1)
    torch.rand(5)
    first = train_network(data, seed=3, steps=4).state_dict()
    torch.rand(7)
    again = train_network(data, seed=3, steps=4).state_dict()
    other = train_network(data, seed=4, steps=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_written_network_reads_back(tmp_path: Path) -> None:
    """Every tensor and every entry of the card."""
    network = train_network(load_images("digits", "train", 8, 1), seed=1, steps=2)
    card = write_network(network, tmp_path, seed=1, command="by hand", environment={"a": "b"})
    again, read = read_network(tmp_path)
    assert read == card
    assert (card.seed, card.command, card.environment) == (1, "by hand", {"a": "b"})
    state = network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in again.state_dict().items())
    assert again.state_dict().keys() == state.keys()


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(content)


def cut_the_card(folder: Path) -> None:
    (folder / CARD_FILE).write_text((folder / CARD_FILE).read_text()[:-5])


def rename_an_entry(folder: Path) -> None:
    text = (folder / CARD_FILE).read_text()
    (folder / CARD_FILE).write_text(text.replace("seed", "sead"))


def remove_the_weights(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()


@pytest.mark.parametrize("spoil", [flip_a_bit, cut_the_card, rename_an_entry, remove_the_weights])
def test_damaged_network_is_refused(spoil, tmp_path: Path) -> None:
    """In one sentence that names the folder."""
    for name in (WEIGHTS_FILE, CARD_FILE):
        shutil.copy(FOLDER / name, tmp_path)
    spoil(tmp_path)
    with pytest.raises(DataError, match="digits network in") as caught:
        read_network(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.slow
def test_command_makes_the_shipped_file(tmp_path: Path) -> None:
    """The card's own command on the card's own machine; elsewhere it must only be as right."""
    _, shipped = read_network()
    words = shipped.command.removeprefix("python -m flatdiff ").split()
    done = typed(*words, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    _, made = read_network(tmp_path)
    assert made.held_out_accuracy >= 0.97
    if made.environment == shipped.environment:
        assert dataclasses.asdict(made) == dataclasses.asdict(shipped)
