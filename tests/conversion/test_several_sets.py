"""Files with several sets of weights: a checkpoint for each, all of them or none."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.checkpoints.card import WEIGHTS_FILE, Card, card_ids, list_cards, verify_weights
from flatdiff.checkpoints.header import Header, TensorEntry
from flatdiff.conversion import convert as converter
from flatdiff.conversion.diagnosis.deadline import Deadline
from flatdiff.conversion.diagnosis.diagnose import network_of
from flatdiff.conversion.diagnosis.fit import Diagnosis, Fit, is_warning
from flatdiff.conversion.diagnosis.noisy_images import Members, member_losses
from flatdiff.conversion.foreign_file import MAX_SETS, ForeignFile, foreign_file
from flatdiff.conversion.importer import import_file
from flatdiff.diffusion.flags import AdmFlags
from tests.conversion.test_importer import (
    in_process,  # noqa: F401  (the fixture)
    not_diagnosed,  # noqa: F401  (the fixture)
    said,
    uploads,
    weights,
)
from tests.tiny import typed

State = dict[str, Tensor]
STATE = weights()
OWN = "--channel_mult 1 --attention_resolutions 9"


def shifted(by: float) -> State:
    """The same network with other weights."""
    return {name: value + by for name, value in STATE.items()}


def saved(content: Any) -> bytes:
    """As torch writes it."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


PART = dict(list(STATE.items())[:-1])
FILES: dict[str, tuple[dict[Any, Any], dict[str, Any], dict[str, float]]] = {
    "raw and averages": (
        {"model": STATE, "model_ema": shifted(1), "swa": shifted(2), "step": 7},
        {},
        {"new": 0, "new-ema": 1, "new-swa": 2},
    ),
    "two decays": (
        {"ema_0.9999": shifted(1), "model": STATE, "ema_0.99": shifted(2)},
        {},
        {"new": 0, "new-ema-0.9999": 1, "new-ema-0.99": 2},
    ),
    "decays that are numbers": (
        {"net": STATE, "ema": {0.999: shifted(1), 0.9999: shifted(2)}},
        {},
        {"new": 0, "new-ema-0.999": 1, "new-ema-0.9999": 2},
    ),
    "numbers alone": (
        {0.999: shifted(1), 0.9999: shifted(2)},
        {},
        {"new-ema-0.999": 1, "new-ema-0.9999": 2},
    ),
    "flat beside an average": ({**STATE, "ema": shifted(1)}, {}, {"new": 0, "new-ema": 1}),
    "one kind of several": (
        {"model": STATE, "ema_0.99": shifted(1), "ema_0.999": shifted(2)},
        {"weights": "ema"},
        {"new-ema-0.99": 1, "new-ema-0.999": 2},
    ),
    "one average of two sets": (
        {"model": STATE, "ema": shifted(1)},
        {"weights": "ema"},
        {"new": 1},
    ),
    "sets with equal names": (
        {"a": STATE, "b": shifted(1), "ema": shifted(2), "x": {"ema": shifted(3)}},
        {},
        {"new": 0, "new-2": 1, "new-ema": 2, "new-ema-2": 3},
    ),
    "what is no set of it": (
        {
            "encoder": PART,
            "model": STATE,
            "optimizer": {"exp_avg": shifted(1), "exp_avg_sq": shifted(2)},
            "ema": {**shifted(3), "more": torch.ones(1)},
            "codes": {name: torch.ones(v.shape, dtype=torch.int8) for name, v in STATE.items()},
        },
        {},
        {"new": 0},
    ),
}


@pytest.mark.usefixtures("not_diagnosed")
@pytest.mark.parametrize("what", FILES)
def test_each_set_becomes_a_checkpoint(what: str, tmp_path: Path) -> None:
    """By number: every set is the first one with something added to all its weights."""
    content, changes, expected = FILES[what]
    cards = uploads(tmp_path, saved(content), "w.pt", **changes)
    assert {card.name for card in cards} == set(expected)
    assert card_ids(tmp_path) == sorted(f"theirs/{name}" for name in expected)
    for card in cards:
        kept = load_file(tmp_path / card.id / WEIGHTS_FILE)
        assert all(torch.equal(kept[k], v) for k, v in shifted(expected[card.name]).items())
        verify_weights(tmp_path / card.id, card)
        assert card.flags == cards[0].flags


@pytest.mark.usefixtures("not_diagnosed")
def test_cards_say_what_else_there_was(tmp_path: Path) -> None:
    """Kind, method and decay by the set's own name; then the others, and what was left out."""
    content = {"model": STATE, "ema_0.99": shifted(1), "encoder": PART, "opt": {"mu": shifted(2)}}
    content |= {"loss": torch.ones(1)}
    raw, ema = uploads(tmp_path, saved(content), "model000700.pt", method="sam")
    assert (raw.method, raw.weights, raw.step) == ("sam", "raw", 700)
    assert (ema.method, ema.weights, ema.step) == ("sam-ema", "ema", 700)
    left = "left in the file: loss; no weights of this network: encoder, opt.mu"
    assert raw.origin["packaging"] == (
        f"taken from model; other weights of the file: theirs/new-ema; {left}"
    )
    assert ema.origin["packaging"] == (
        f"taken from ema_0.99; other weights of the file: theirs/new; {left}"
    )
    assert ema.origin["decay"] == "averaged with decay 0.99"
    assert "decay" not in raw.origin
    assert raw.origin["sha256"] == ema.origin["sha256"]


def test_the_command_says_a_line_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real child process, which diagnoses each of the two on its own."""
    root = tmp_path / "checkpoints"
    monkeypatch.setenv("FLATDIFF_CHECKPOINTS", str(root))
    (tmp_path / "w.pt").write_bytes(saved({"model": STATE, "ema": shifted(1)}))
    words = ["import", str(tmp_path / "w.pt"), "--name", "mine/net", "--preset", "digits"]
    done = typed(*words, "--flags", OWN)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("imported: ")]
    assert [line.split(",")[0] for line in lines] == [
        "imported: mine/net",
        "imported: mine/net-ema",
    ]
    assert done.stdout.count("warning: no reading fits") == 2
    assert card_ids(root) == ["mine/net", "mine/net-ema"]


@pytest.mark.usefixtures("not_diagnosed")
def test_as_many_sets_as_may_be(tmp_path: Path) -> None:
    """All of them appear; names behind which paths might hide are names of no folder."""
    content = {f"../{n}": shifted(n) for n in range(MAX_SETS)}
    cards = uploads(tmp_path, saved(content), "w.pt")
    assert len(cards) == MAX_SETS
    names = {"new", *(f"new-{n}" for n in range(2, MAX_SETS + 1))}
    assert {path.name for path in (tmp_path / "theirs").iterdir()} == names
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]
    assert "theirs/new-7, ..." in cards[0].origin["packaging"]


def looked_at_for(seconds: float, now: list[float]) -> Any:
    """A diagnosis of the stated flags alone that takes its time."""

    def diagnose(given: AdmFlags, state: State, members: Members, deadline: Deadline) -> Diagnosis:
        now[0] += seconds
        losses = member_losses(network_of(given, state), given, members, slice(0, 64))
        return Diagnosis((Fit(given, losses[False]),))

    return diagnose


@pytest.mark.usefixtures("in_process")
def test_sets_without_time_are_told_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each diagnosis takes 80 of the 200 s: there is time for two of three."""
    now = [0.0]
    monkeypatch.setattr(converter, "diagnose", looked_at_for(80, now))
    monkeypatch.setattr(converter, "Deadline", lambda limit: Deadline(limit, lambda: now[0]))
    content = saved({"model": STATE, "ema": shifted(0.1), "swa": shifted(0.2)})
    raw, ema, swa = uploads(tmp_path, content, "w.pt")
    first, second, third = (card.origin["diagnosis"] for card in (raw, ema, swa))
    assert first.startswith("the flags fit: loss ")
    assert second.startswith("the flags fit: loss ")
    assert second.split(",")[0] != first.split(",")[0], "of its own weights"
    assert third == (
        f"{first}; told by the weights of theirs/new, which came in the same file: there was no "
        "time to diagnose these"
    )
    assert "levels" not in swa.origin
    assert now == [160.0]


@pytest.mark.usefixtures("in_process")
def test_one_set_that_cannot_be_diagnosed_spoils_no_other(tmp_path: Path) -> None:
    """Weights that are no numbers; the random ones of the other set fit nothing."""
    broken = {**shifted(1), "out.2.bias": torch.full_like(STATE["out.2.bias"], torch.nan)}
    raw, ema = uploads(tmp_path, saved({"model": broken, "ema": shifted(0)}), "w.pt")
    assert raw.origin["diagnosis"] == "not diagnosed: its losses are not finite"
    assert raw.num_non_finite == len(STATE["out.2.bias"])
    assert is_warning(ema.origin["diagnosis"])
    assert ema.num_non_finite == 0


@pytest.mark.usefixtures("in_process")
def test_images_are_read_once_for_all_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is diagnosed without them."""
    path, reads = tmp_path / "w.pt", []
    path.write_bytes(saved({"model": STATE, "ema": shifted(1)}))
    read = converter.load_images
    monkeypatch.setattr(
        converter, "load_images", lambda *words: (reads.append(words), read(*words))[1]
    )
    cards = import_file(tmp_path / "root", path, said(dataset="folder:/nowhere"))
    assert len(reads) == 1
    assert all(card.origin["diagnosis"].startswith("not diagnosed: ") for card in cards)
    assert all(isinstance(card, Card) for card in list_cards(tmp_path / "root"))


def sets_of(name: str, *prefixes: str) -> ForeignFile:
    """A file of sets with these prefixes."""
    entry = TensorEntry("F32", (1,))
    names = [f"{prefix}time_embed.0.weight" for prefix in prefixes]
    return foreign_file(name, Header(dict.fromkeys(names, entry), {}))


def test_a_files_own_name_speaks_of_one_set_alone() -> None:
    """guided-diffusion's names; beside others, the sets speak for themselves."""
    (alone,) = sets_of("ema_0.9999_200000.pt", "").sets
    assert (alone.kind, alone.decay, alone.may_be_any_kind) == ("ema", 0.9999, True)
    both = sets_of("ema_0.9999_200000.pt", "a.", "ema_0.5.").sets
    assert [(found.kind, found.decay) for found in both] == [(None, None), ("ema", 0.5)]
    assert sets_of("model010000.pt", "").step == 10_000
    assert sets_of("ADM-IP.pt", "").step == 0
