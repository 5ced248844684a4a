"""What people really hold, through the window that adds a checkpoint: taken, or named."""

import argparse
import datetime
import gzip
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import PosixPath
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from safetensors.torch import save
from torch import Tensor

from flatdiff.checkpoints.card import card_ids, read_card
from flatdiff.checkpoints.collection import delete_checkpoint
from tests.browser.conftest import Server
from tests.browser.test_road import open_page
from tests.conftest import TINY_FLAGS
from tests.tiny import random_network

pytestmark = pytest.mark.browser

FLAGS = "python scripts/image_train.py --channel_mult 1 --attention_resolutions 9 --lr 1e-4"


def pickled(state: Any) -> bytes:
    """As torch.save writes it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def tarred(content: bytes) -> bytes:
    """One file in an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("w.pt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def trainers_file(weights: Mapping[str, Tensor]) -> bytes:
    """With all that trainers put beside weights, which are wrapped twice."""
    return pickled(
        {
            "state_dict": {f"model._orig_mod.{name}": value for name, value in weights.items()},
            "best_fid": np.float64(3.1),
            "args": argparse.Namespace(lr=1e-4, out=PosixPath("/data/runs")),
            "began": datetime.datetime(2025, 1, 2, tzinfo=datetime.UTC),
            "losses": np.arange(5.0),
        }
    )


def refused() -> dict[str, tuple[bytes, str]]:
    """Files that are no weights, by name: the content, and what is said of it."""
    weights = pickled({"a": torch.zeros(2)})
    return {
        "their.pt.gz.pt": (gzip.compress(weights), "it is compressed by gzip; unpack it"),
        "their.tar.pt": (tarred(weights), "tar"),
        "lfs.safetensors": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        "edm.pt": (b"\x80\x03ctorch_utils.persistence\n_reconstruct", "a pickle of EDM"),
        "other.safetensors": (save({"down_blocks.0.a": torch.zeros(2)}), "U-Net of diffusers"),
        "cut.pt": (weights[:300], "."),
    }


def send(window: Locator, name: str, content: bytes) -> None:
    """Put a file into the window's field."""
    field = window.locator("input[type=file]")
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    field.set_input_files([file])  # pyright: ignore[reportArgumentType]


def test_what_is_no_file_of_weights_is_named(page: Page, workshop: Server) -> None:
    """One after the other, in one window; nothing is left on the disk."""
    before = card_ids(workshop.checkpoints)
    open_page(page, workshop, "checkpoints")
    page.get_by_role("button", name="Add", exact=True).click()
    window = page.get_by_role("dialog")
    for name, (content, said) in refused().items():
        send(window, name, content)
        if name == "other.safetensors":  # its header is whole: it is refused when it is added
            window.get_by_role("button", name="Add", exact=True).click()
        told = window.get_by_role("alert").filter(has_text=said)
        expect(told).to_be_visible()
    assert card_ids(workshop.checkpoints) == before


@pytest.mark.parametrize("name", ["trainer.ckpt", "model010000.pt"])
def test_a_trainers_file_is_taken_with_the_command_it_was_trained_by(
    name: str, page: Page, workshop: Server
) -> None:
    """What lies beside the weights is passed over and named, and so are flags of training."""
    root = workshop.checkpoints
    open_page(page, workshop, "checkpoints")
    page.get_by_role("button", name="Add", exact=True).click()
    window = page.get_by_role("dialog")
    send(window, name, trainers_file(random_network(TINY_FLAGS).state_dict()))
    expect(window.get_by_text("beside them, neither made nor run")).to_be_visible()
    window.get_by_label("Name", exact=True).fill("theirs/trained")
    flags = window.get_by_label("Flags that it leaves open", exact=True)
    flags.fill(FLAGS)
    flags.press("Control+Enter")
    window.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("is added:")).to_be_visible()
    expect(page.get_by_text(re.compile("argparse.Namespace")).first).to_be_visible()
    card = read_card(root, "theirs/trained")
    assert card.origin["beside"].startswith("beside the weights, neither made nor run: ")
    assert "--lr" in card.origin["command"]
    assert card.step == (10_000 if name == "model010000.pt" else 0)
    delete_checkpoint(root, lambda _: None, "theirs/trained")
