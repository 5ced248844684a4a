"""Which state of each run is compared, by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import Card, write_card
from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.errors import CheckpointError
from flatdiff.paper.family import family_cards, family_states
from flatdiff.paper.matched import Matching, loss_requests, matched
from tests.conftest import write_tiny_checkpoint
from tests.tiny import tiny_recipe

STEPS = (100, 200, 300, 400)


def run(root: Path, method: BaseMethod, seed: int, steps: tuple[int, ...] = STEPS) -> list[Card]:
    """States of a run of 400 steps; that at its end is there twice, as a state and as the end."""
    recipe = tiny_recipe(method, seed=seed, steps=400)
    names = [(f"{method}-s{seed}-{step:06d}", step) for step in steps]
    if 400 in steps:
        names.append((f"{method}-s{seed}", 400))
    cards = []
    for name, step in names:
        weights = step + 1000 * seed + ("adm", "ip", "sam").index(method)
        card = write_tiny_checkpoint(root, name, weights)
        cards.append(replace(card, step=step, recipe=recipe, method=method))
        write_card(root / "tiny" / name, cards[-1])
    return cards


def at_steps(found: list[Card]) -> dict[tuple[str, int], int]:
    """Step by method and seed."""
    return {(card.method, card.recipe.seed): card.step for card in found if card.recipe}


@pytest.fixture
def states(tmp_path: Path) -> list[Card]:
    """Two seeds of two arms."""
    arms: list[tuple[BaseMethod, int]] = [("adm", 0), ("sam", 0), ("adm", 1), ("sam", 1)]
    return [card for method, seed in arms for card in run(tmp_path, method, seed)]


def losses_of(states: list[Card], by_run: dict[tuple[str, int], list[float]]) -> dict[str, float]:
    """By checkpoint: four numbers a run, at its four steps."""
    return {
        card.id: by_run[card.method, card.recipe.seed][card.step // 100 - 1]
        for card in states
        if card.recipe
    }


LOSSES = {
    ("adm", 0): [0.5, 0.3, 0.2, 0.1],
    ("sam", 0): [0.8, 0.6, 0.4, 0.29],
    ("adm", 1): [0.5, 0.2, 0.15, 0.3],
    ("sam", 1): [0.7, 0.55, 0.4, 0.45],
}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("end", (400, 400, 400, 400)),
        # 400 gradients of ADM; 200 steps of SAM are as many.
        ("gradients", (400, 200, 400, 200)),
        # Seed 0: SAM reaches 0.29, ADM is nearest at 0.3. Seed 1: SAM's lowest is 0.4 on its way,
        # and ADM is nearest at 0.5, before it falls to 0.2.
        ("training-loss", (200, 400, 100, 300)),
        ("held-out-loss", (400, 400, 300, 300)),
    ],
)
def test_by_hand(states: list[Card], at: Matching, expected: tuple[int, ...]) -> None:
    """Each matching, seed by seed."""
    found = at_steps(matched(states, at, losses_of(states, LOSSES)))
    assert found == dict(zip(LOSSES, expected, strict=True))


def test_only_what_is_needed_is_measured(states: list[Card]) -> None:
    """Losses on the split that the matching is about; none for steps and gradients."""
    assert not loss_requests(states, "end")
    assert not loss_requests(states, "gradients")
    splits: dict[Matching, str] = {"training-loss": "train", "held-out-loss": "held_out"}
    for at, split in splits.items():
        requests = loss_requests(states, at)
        assert [request.checkpoint for request in requests] == [card.id for card in states]
        assert {request.panel.split for request in requests} == {split}


def test_without_early_states_gradients_cannot_be_equal(tmp_path: Path) -> None:
    """SAM's end has twice as many; the sentence says what would help."""
    states = [*run(tmp_path, "adm", 0, (400,)), *run(tmp_path, "sam", 0, (400,))]
    with pytest.raises(
        CheckpointError, match=r"800 gradients already.*400 in all.*keep-every-steps"
    ):
        matched(states, "gradients", {})


def test_one_run_is_no_comparison(tmp_path: Path) -> None:
    """Nor are checkpoints whose training nobody knows."""
    unknown = write_tiny_checkpoint(tmp_path, "foreign", 5)
    with pytest.raises(CheckpointError, match="two runs or more; found 1"):
        matched([*run(tmp_path, "adm", 0, (400,)), unknown], "end", {})


def test_a_kept_state_that_is_the_end_counts_once(tmp_path: Path) -> None:
    """In the study of ends, too."""
    for method in ("adm", "sam"):
        run(tmp_path, method, 0, (200, 400))
    ends = ["adm-s0", "sam-s0"]
    assert sorted(card.name for card in family_cards(tmp_path, "tiny")) == ends
    early = [f"{name}-000200" for name in ends]
    names = sorted(card.name for card in family_states(tmp_path, "tiny"))
    assert names == sorted(ends + early)


def test_an_average_that_equals_the_weights_is_kept(tmp_path: Path) -> None:
    """As an EMA without memory does: other weights by their kind, if not by their numbers."""
    (raw,) = [card for card in run(tmp_path, "adm", 0, (400,)) if card.name == "adm-s0"]
    write_card(
        tmp_path / "tiny" / "adm-s0-ema",
        replace(raw, name="adm-s0-ema", method="adm-ema", weights="ema"),
    )
    (tmp_path / "tiny" / "adm-s0-ema" / "weights.safetensors").write_bytes(
        (tmp_path / "tiny" / "adm-s0" / "weights.safetensors").read_bytes()
    )
    names = sorted(card.name for card in family_cards(tmp_path, "tiny"))
    assert names == ["adm-s0", "adm-s0-ema"]
