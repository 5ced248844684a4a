"""Raw or averaged: sets of weights in one file, of which it is known which denoises better."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.checkpoints.averages import WeightKind
from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, read_card
from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.conversion import convert, rival_sets
from flatdiff.conversion.card_draft import Description
from flatdiff.conversion.diagnosis import diagnose as module
from flatdiff.conversion.diagnosis.deadline import Deadline
from flatdiff.conversion.diagnosis.diagnose import network_of
from flatdiff.conversion.diagnosis.fit import Diagnosis, Fit, is_warning
from flatdiff.conversion.diagnosis.noisy_images import Members, member_losses
from flatdiff.conversion.importer import import_file
from flatdiff.conversion.set_comparison import ScoredSet, SetComparison, alone
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.system.files import PROJECT_ROOT
from tests.conversion.test_importer import in_process  # noqa: F401

TRUE = PRESETS["digits"].flags
State = dict[str, Tensor]


def scored(title: str, *losses: float) -> ScoredSet:
    """Of losses that are given here."""
    return ScoredSet(title, Fit(TRUE, np.array(losses, dtype=float)))


TAKEN = scored("model", 0.5, 0.6, 0.5, 0.6)
SENTENCES: dict[str, tuple[SetComparison, str]] = {
    "a worse choice": (
        SetComparison(TAKEN, (scored("ema", 0.4, 0.48, 0.4, 0.5), scored("swa", 1, 1, 1, 1))),
        "other weights in the file denoise better: ema has the lower loss on the same 4 noisy "
        "images, 0.4450 against 0.5500 of model, which was taken, 0.1050 ± 0.0050 lower",
    ),
    "the best choice": (
        SetComparison(TAKEN, (scored("swa", 1, 1, 1, 1), scored("ema", 0.6, 0.7, 0.6, 0.72))),
        "of the sets in the file model, which was taken, has the lowest loss on the same 4 noisy "
        "images, 0.5500 against 0.6550 of ema, 0.1050 ± 0.0050 lower",
    ),
    "no choice": (
        SetComparison(TAKEN, (scored("ema", 0.4, 0.6, 0.6, 0.5),)),
        "undecided between model, which was taken, and ema: loss 0.5500 and 0.5250 on the same 4 "
        "noisy images, 0.0250 ± 0.0479 apart",
    ),
    "what is left out": (
        SetComparison(TAKEN, (scored("a", np.nan, 1, 1, 1),), ("b", "c"), ("d",)),
        "model, which was taken, is beside nothing to compare it with; not compared for want of "
        "time: b, c; not compared, being another network's: d; without a finite loss: a",
    ),
}


@pytest.mark.parametrize("what", SENTENCES)
def test_what_is_said(what: str) -> None:
    """Margins and errors of paired losses, by hand: sd / sqrt(4)."""
    comparison, sentence = SENTENCES[what]
    assert str(comparison) == sentence
    assert is_warning(sentence) == (what == "a worse choice")


def test_one_set_tells_nothing() -> None:
    """It says as what it was taken."""
    assert alone("raw", ["encoder"]) == (
        "taken as raw; the file holds one set of weights: raw or averaged cannot be told from it; "
        "not compared, being another network's: encoder"
    )


@pytest.fixture(scope="module")
def sets() -> dict[str, State]:
    """A trained network, the same spoilt by noise on its weights, and by next to nothing."""
    good = load_file(PROJECT_ROOT / "checkpoints" / "digits" / "adm-ema" / WEIGHTS_FILE)
    generator = torch.Generator().manual_seed(0)

    def spoilt(by: float) -> State:
        return {
            name: value + by * value.abs().mean() * torch.randn(value.shape, generator=generator)
            for name, value in good.items()
        }

    return {"good": good, "bad": spoilt(0.3), "twin": spoilt(1e-5)}


def undisputed(given: AdmFlags, state: State, members: Members, deadline: Deadline) -> Diagnosis:
    """The flags are another file's question."""
    losses = member_losses(network_of(given, state), given, members, slice(0, 64))
    return Diagnosis((Fit(given, losses[False]),))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, in_process: None) -> None:  # noqa: F811
    """One reading, in this process."""
    monkeypatch.setattr(convert, "diagnose", undisputed)


def taken(root: Path, content: dict[str, State], weights: WeightKind | None) -> Card:
    """As the command does it; nothing but a checkpoint is left."""
    torch.save(content, root / "w.pt")
    said = Description(id="theirs/one", preset="digits", weights=weights)
    card = import_file(root / "root", root / "w.pt", said)
    folder = root / "root" / card.id
    assert sorted(p.name for p in folder.iterdir()) == ["card.json", WEIGHTS_FILE]
    assert read_card(root / "root", card.id) == card
    return card


def test_a_real_average_is_told_from_raw_weights(tmp_path: Path) -> None:
    """Of one training run, shipped here; the mean over its last steps has long the lower loss."""
    names = {"model": "adm", "ema": "adm-ema"}
    shipped = PROJECT_ROOT / "checkpoints" / "digits"
    content = {key: load_file(shipped / name / WEIGHTS_FILE) for key, name in names.items()}
    said = taken(tmp_path, content, "raw").origin["sets"]
    assert said.startswith("other weights in the file denoise better: ema has the lower loss")
    assert "on the same 256 noisy images" in said


def test_a_worse_set_is_called_out(sets: dict[str, State], tmp_path: Path) -> None:
    """Raw weights were spoilt, and taken; of two averages the better one is named, in halves."""
    half = {name: value.half() for name, value in sets["good"].items()}
    content = {"model": sets["bad"], "ema_0.99": sets["bad"], "ema_0.999": half}
    said = taken(tmp_path, content, "raw").origin["sets"]
    assert said.startswith(
        "other weights in the file denoise better: ema_0.999 has the lower loss"
    )
    assert is_warning(said)


def test_the_better_set_is_confirmed(sets: dict[str, State], tmp_path: Path) -> None:
    """Beside a network of another shape, which is left alone."""
    part = dict(list(sets["good"].items())[:-1])
    content = {"model": sets["bad"], "ema": sets["good"], "encoder": part}
    said = taken(tmp_path, content, "ema").origin["sets"]
    assert said.startswith("of the sets in the file ema, which was taken, has the lowest loss")
    assert said.endswith("; not compared, being another network's: encoder")


def test_equals_are_not_decided(sets: dict[str, State], tmp_path: Path) -> None:
    """A hundred thousandth of every weight is less than an average can do."""
    card = taken(tmp_path, {"ema": sets["twin"], "module": sets["good"]}, "ema")
    assert card.origin["sets"].startswith("undecided between ema, which was taken, and ")


def test_one_set_alone(sets: dict[str, State], tmp_path: Path) -> None:
    """By the name it is an average; its numbers do not say so."""
    card = taken(tmp_path, {"ema": sets["good"]}, None)
    assert card.origin["sets"] == alone("ema")


def test_sets_without_time_are_named(
    sets: dict[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each network takes 80 s to be read: there is time for the taken one and the first rival."""
    now, read = [0.0], rival_sets.network_of

    def slow(flags: AdmFlags, state: State) -> AdmUNet:
        now[0] += 80
        return read(flags, state)

    monkeypatch.setattr(rival_sets, "network_of", slow)
    monkeypatch.setattr(convert, "Deadline", lambda limit: Deadline(limit, lambda: now[0]))
    content = {"model": sets["good"], "ema_1": sets["bad"], "ema_2": sets["bad"]}
    said = taken(tmp_path, content, "raw").origin["sets"]
    assert "has the lowest loss" in said
    assert "of ema_1, " in said
    assert said.endswith("lower; not compared for want of time: ema_2")


def test_without_any_time_nothing_is_compared(
    sets: dict[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The diagnosis took all that there was."""
    monkeypatch.setattr(convert, "DEADLINE_S", -1)
    said = taken(tmp_path, {"model": sets["good"], "ema": sets["bad"]}, "raw").origin["sets"]
    assert said.startswith("the sets of weights in the file were not compared: the machine is too")


def test_a_slow_network_sees_fewer_images() -> None:
    """45 s for three sets, at 0.125 s an image and at 1.5; within bounds at any speed."""
    deadline = Deadline(200, lambda: 0.0)
    for seconds, count in ((0.0, 256), (0.125, 120), (1.5, 10), (9.0, 8)):
        deadline.seconds_an_image = seconds
        assert rival_sets._num_members(3, deadline) == count


def test_one_set_at_a_time(
    sets: dict[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the disk, and in the hands of a network."""
    found, read = [], rival_sets.load_file

    def counted(path: Path) -> State:
        found.append(sorted(p.name for p in tmp_path.rglob("*.safetensors")))
        return read(path)

    monkeypatch.setattr(rival_sets, "load_file", counted)
    taken(tmp_path, {"model": sets["good"], "ema": sets["bad"], "swa": sets["twin"]}, "raw")
    beside = [[WEIGHTS_FILE], [WEIGHTS_FILE] * 2, [WEIGHTS_FILE] * 2]
    assert found == beside, "the one that was taken, alone and then beside one rival"


def test_what_cannot_be_compared_loses_no_diagnosis(
    sets: dict[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that runs out at the second network."""

    def fail(path: Path) -> State:
        raise MemoryError

    monkeypatch.setattr(rival_sets, "load_file", fail)
    origin = taken(tmp_path, {"model": sets["good"], "ema": sets["bad"]}, "raw").origin
    assert origin["diagnosis"].startswith("the flags fit")
    assert origin["sets"] == (
        "the sets of weights in the file were not compared: the network does not fit into memory "
        "beside images"
    )


def test_rivals_are_read_as_the_best_reading_is(
    sets: dict[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as stated: with a wrong schedule its loss is 0.3 (see docs/import.md)."""
    monkeypatch.setattr(convert, "diagnose", module.diagnose)
    torch.save({"model": sets["bad"], "ema": sets["good"]}, tmp_path / "w.pt")
    wrong = "--noise_schedule linear"
    said = Description(id="theirs/one", preset="digits", weights="ema", flags=wrong)
    origin = import_file(tmp_path / "root", tmp_path / "w.pt", said).origin
    assert "fits --noise_schedule cosine" in origin["diagnosis"]
    loss = re.search(r"256 noisy images, ([\d.]+) against", origin["sets"])
    assert loss
    assert 0.1 < float(loss[1]) < 0.2
