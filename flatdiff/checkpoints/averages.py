"""The averages of the weights that a training run keeps beside the weights themselves.

`AVERAGES` is the one place that knows of them. An entry is a pure function that says which share
the new weights take after each step, and the words and settings that go with it; training, cards,
method names, tables, figures and pages read it. The nine methods of the paper's Table 2 are three
ways to train times three sets of weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flatdiff.checkpoints.recipe import BaseMethod, Recipe

WeightKind = str  # RAW, or a key of AVERAGES
RAW: WeightKind = "raw"

# The new weights' share of an average, in [0, 1], after so many steps of a recipe; step 0 are the
# initial weights. None: they do not enter. The first that enter are copied.
Share = Callable[[Recipe, int], float | None]


@dataclass(frozen=True, kw_only=True)
class Average:
    """One way to average the weights along a run."""

    title: str
    share: Share
    settings: tuple[str, ...]  # of a recipe, that no other weights depend on
    tells_count: bool = False  # whether a card says how many models were averaged


def ema_share(recipe: Recipe, step: int) -> float:
    """theta_ema <- decay theta_ema + (1 - decay) theta, from w_0 on (the paper's Algorithm 1)."""
    return 1 - recipe.ema_decay


def swa_share(recipe: Recipe, step: int) -> float | None:
    """An equal share for the weights of every c-th step from the start step on.

    Counted from there; the i/c of the paper's Algorithm 1 would count the models before it too.
    """
    before, rest = divmod(step - recipe.swa_start_step, recipe.swa_every_steps)
    return 1 / (before + 1) if before >= 0 and rest == 0 else None


AVERAGES: Mapping[WeightKind, Average] = {
    "ema": Average(title="EMA", share=ema_share, settings=("ema_decay",)),
    "swa": Average(
        title="SWA",
        share=swa_share,
        settings=("swa_start_step", "swa_every_steps"),
        tells_count=True,
    ),
}

WEIGHT_KINDS: tuple[WeightKind, ...] = (RAW, *AVERAGES)
WEIGHT_TITLES: Mapping[WeightKind, str] = {
    RAW: "raw",
    **{kind: average.title for kind, average in AVERAGES.items()},
}

BASES: Mapping[BaseMethod, str] = {"adm": "ADM", "ip": "+IP", "sam": "+SAM"}


def method_name(base: str, weights: WeightKind) -> str:
    """The key into `METHODS`.

    >>> method_name("sam", "raw"), method_name("ip", "swa")
    ('sam', 'ip-swa')
    """
    return base if weights == RAW else f"{base}-{weights}"


def _method_title(base: BaseMethod, weights: WeightKind) -> str:
    added = "" if base == "adm" else BASES[base]
    added += "" if weights == RAW else f"+{AVERAGES[weights].title}"
    return f"ADM {added}".strip()


# Table 2 of the paper, in its order.
METHODS: Mapping[str, str] = {
    method_name(base, kind): _method_title(base, kind) for base in BASES for kind in WEIGHT_KINDS
}
