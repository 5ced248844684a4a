"""Differences between cards, against cards that differ in what the test says."""

import dataclasses

from flatdiff.checkpoints.differences import UNUSED, differences
from tests.subjects import card_of
from tests.tiny import TINY, tiny_recipe


def test_equal_cards_do_not_differ() -> None:
    """Names and digests aside, which always differ."""
    cards = [card_of(name="one", digest="1" * 64), card_of(name="two", digest="2" * 64)]
    assert len(differences(cards)) == 0


def test_only_what_differs_and_had_a_say() -> None:
    """SAM's radius is the same in both recipes, but ADM never used it."""
    adm = card_of()
    sam = card_of(name="sam", method="sam", recipe=tiny_recipe(method="sam"))
    table = differences([adm, sam])
    assert list(table.columns) == ["ADM (digits)", "ADM +SAM (digits)"]
    rho = tiny_recipe().sam_rho
    assert table.loc["sam_rho"].tolist() == [UNUSED, str(rho)]
    assert table.loc["method"].tolist() == ["adm", "sam"]
    assert set(table.index) == {"method", "sam_rho"}


def test_averaging_counts_for_averaged_weights_alone() -> None:
    """Three kinds of weights of one run."""
    cards = [
        card_of(),
        card_of(name="adm-ema", method="adm-ema", weights="ema"),
        card_of(name="adm-swa", method="adm-swa", weights="swa", num_averaged=3),
    ]
    table = differences(cards)
    recipe = tiny_recipe()
    assert table.loc["ema_decay"].tolist() == [UNUSED, str(recipe.ema_decay), UNUSED]
    assert table.loc["swa_start_step"].tolist() == [UNUSED, UNUSED, str(recipe.swa_start_step)]
    assert table.loc["num_averaged"].tolist() == ["none", "none", "3"]


def test_flags_versions_and_checkpoints_of_unknown_training() -> None:
    """A network flag, a version of torch, and a card without recipe."""
    flags = dataclasses.replace(TINY, noise_schedule="linear")
    table = differences(
        [
            card_of(environment={"torch": "1"}),
            card_of(flags, family="theirs", name="resnet", recipe=None),
        ]
    )
    assert table.loc["noise_schedule"].tolist() == [TINY.noise_schedule, "linear"]
    assert table.loc["trained with: torch"].tolist() == ["1", "not known"]
    assert table.loc["steps"].tolist() == [str(tiny_recipe().steps), "not known"]
