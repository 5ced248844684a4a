"""Differences say in what checkpoints differ: method, weights, training, network, versions."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from flatdiff.checkpoints.averages import AVERAGES
from flatdiff.checkpoints.card import Card

# What is different anyhow, or stands elsewhere in the card a second time.
LEFT_OUT = {"name", "digest", "command", "loss_history", "format_version", "recipe", "flags"}
UNUSED = "not used"  # by this method or these weights, whatever the recipe says


def differences(cards: Sequence[Card]) -> pd.DataFrame:
    """A row for everything in which they differ, a column a checkpoint; all of it text."""
    facts = {card.id: _facts(card) for card in cards}
    names = dict.fromkeys(name for known in facts.values() for name in known)
    rows = {
        name: [known.get(name, "not known") for known in facts.values()]
        for name in names
        if len({known.get(name) for known in facts.values()}) > 1
    }
    columns = [card.label for card in cards]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("setting")


def _facts(card: Card) -> dict[str, str]:
    """Everything of a card by its name there, as text."""
    values = card.to_json()
    facts = {name: values[name] for name in values if name not in LEFT_OUT | {"environment"}}
    facts |= {name: value for name, value in (values["recipe"] or {}).items() if name != "flags"}
    facts |= dict.fromkeys(_unused(card), UNUSED) | {"method": card.method} | values["flags"]
    facts |= {f"trained with: {name}": value for name, value in card.environment.items()}
    return {name: _text(value) for name, value in facts.items()}


def _unused(card: Card) -> list[str]:
    """Entries of the recipe that had no say in these weights."""
    if card.recipe is None:
        return []
    by_method = {"sam_rho": "sam", "input_perturbation": "ip"}
    return [
        *(name for name, method in by_method.items() if card.recipe.method != method),
        *(
            name
            for kind, average in AVERAGES.items()
            for name in average.settings
            if card.weights != kind
        ),
    ]


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
