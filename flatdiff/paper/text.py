"""A study as files for programs and plain readers: CSV, JSON and Markdown.

Nothing in them depends on when they are written: the same results make the same files.
"""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from flatdiff.checkpoints.card import Card
from flatdiff.paper.claims import UNTESTED
from flatdiff.paper.findings import VERDICTS, Finding, Verdict
from flatdiff.paper.matched import TITLES
from flatdiff.paper.over_runs import OverRuns, over_runs, sentence
from flatdiff.paper.results import Study, numbers
from flatdiff.reports.measured import provenance_text

DIGITS = 9  # of a number, which a float32 forward pass does not reach
HEADINGS: dict[Verdict, str] = {
    "agrees": "Agrees with the paper",
    "disagrees": "Does not agree",
    "not decided": "Not decided",
}
FILES = {
    "report.html": "everything: tables and interactive figures beside the paper's numbers",
    "numbers.csv": "every number of the tables with its standard error and the paper's",
    "study.json": "the same, the findings, and where each result is from",
}


def study_csv(study: Study) -> bytes:
    """The numbers, a row an entry, quantity and checkpoint."""
    return numbers(study).to_csv(index=False, float_format=f"%.{DIGITS}g").encode()


def study_json(study: Study, found: Sequence[Finding]) -> bytes:
    """Recipe, checkpoints, numbers, findings, and the provenance of every result."""
    content = {
        "recipe": recipe(study),
        "caveats": caveats(study),
        "checkpoints": [
            {"id": card.id, "method": card.method, "weights": card.weights, "sha256": card.digest}
            for card in study.cards
        ],
        "numbers": numbers(study).to_dict("records"),
        "findings": [vars(finding) for finding in found],
        "over_runs": [vars(one) for one in over_runs(study)],
        "results": [json.loads(provenance_text(item)) for item in study.items],
    }
    return (json.dumps(_rounded(content), indent=1, ensure_ascii=False) + "\n").encode()


def _rounded(value: object) -> object:
    """Numbers to as many digits as are worth something; what is none is null."""
    match value:
        case dict():
            return {name: _rounded(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_rounded(entry) for entry in value]
        case float():
            return float(f"{value:.{DIGITS}g}") if value - value == 0 else None
    return value


def by_claim(found: Sequence[Finding]) -> pd.DataFrame:
    """How many tests of each claim came out how, a row a claim."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for finding in found:
        counts.setdefault((finding.claim, finding.source), Counter())[finding.verdict] += 1
    return pd.DataFrame(
        [
            {"claim": claim, "in the paper": source} | {name: counted[name] for name in VERDICTS}
            for (claim, source), counted in counts.items()
        ]
    )


def to_markdown(study: Study, found: Sequence[Finding]) -> bytes:
    """What it is, what came out, and what it does not say."""
    return ("\n".join(_markdown(study, found)) + "\n").encode()


def _markdown(study: Study, found: Sequence[Finding]) -> Iterator[str]:
    yield f"# The paper's tables and figures, of {study.family}\n"
    yield (
        "Every checkpoint of the family is measured by every measure of *Understanding Flatness "
        "in Generative Models: Its Role and Benefits* (arXiv 2503.11078). This page is written "
        "by the command below, as is everything beside it:\n"
    )
    yield from (f"- [{name}]({name}): {what}" for name, what in FILES.items())
    yield "\n| | |\n|---|---|"
    yield from (f"| {name} | {_cell(text)} |" for name, text in recipe(study).items())
    runs = over_runs(study)
    yield f"\n## Over training runs\n\n{sentence(runs)}\n"
    yield from _table(runs_table(runs))
    yield "\n## What came out of these runs\n"
    yield from _table(by_claim(found))
    for verdict, heading in HEADINGS.items():
        yield from _section(heading, [one for one in found if one.verdict == verdict])
    yield "\n## What to keep in mind\n"
    yield from (f"- {text}" for text in caveats(study))
    yield "\n## Not tested here\n"
    yield from (f"- {text}" for text in UNTESTED)


def runs_table(found: Sequence[OverRuns]) -> pd.DataFrame:
    """Of what could be decided, a row a test."""
    return pd.DataFrame(
        [
            {
                "claim": one.claim,
                "compared": one.compared,
                "pairs of runs": str(one.num_runs),
                "difference": f"{one.effect:+.2g} ({one.low:+.2g} to {one.high:+.2g})",
                "p, corrected": f"{one.p_value:.2g}",
                "verdict": one.verdict,
            }
            for one in found
            if one.decidable
        ]
    )


def _table(table: pd.DataFrame) -> Iterator[str]:
    """Nothing of none."""
    if len(table):
        yield f"| {' | '.join(table.columns)} |\n|{'---|' * len(table.columns)}"
        yield from (f"| {' | '.join(map(_cell, row))} |" for row in table.itertuples(index=False))


def _section(heading: str, found: Sequence[Finding]) -> Iterator[str]:
    """Sentences below their claims."""
    if not found:
        return
    yield f"\n## {heading}"
    claim = ""
    for finding in found:
        if finding.claim != claim:
            claim = finding.claim
            yield f"\n{claim} ({finding.source}):\n"
        yield f"- {_cell(finding.sentence)}"


def _cell(value: object) -> str:
    """Text that does not end a cell of a table, and is no markup."""
    return str(value).replace("|", "\\|").replace("<", "&lt;")


def study_command(study: Study) -> str:
    """That writes the same again."""
    images = "" if study.num_images is None else f" --num-images {study.num_images}"
    at = "" if study.at == "end" else f" --at {study.at}"
    return f"flatdiff study {shlex.quote(study.family)}{images}{at}"


def recipe(study: Study) -> dict[str, str]:
    """Names and texts, in the order in which they are read."""
    card, known = study.cards[0], [item.provenance for item in study.items]
    seeds = {one["settings"].get("seed") for one in known} - {None}
    days = sorted(one["computed_at"][:10] for one in known)
    minutes = sum(one["seconds"] for one in known) / 60
    return {
        "command": study_command(study),
        "checkpoints": f"{len(study.cards)}, of {card.num_parameters:,} weights each",
        "images": f"{study.data}, {' × '.join(map(str, card.flags.image_shape))}",
        "compared at": _compared_at(study),
        "trained by": _listed(_training(each) for each in study.cards),
        "panel": _listed(_panel(one) for one in known),
        "seeds of noise and directions": _listed(str(seed) for seed in sorted(seeds)),
        "computed with": _listed(_machine(one["environment"]) for one in known),
        "results": f"{len(known)}, computed from {days[0]} to {days[-1]}",
        "time": f"{minutes:.0f} minutes of one worker, in all",
    }


def _compared_at(study: Study) -> str:
    """Where each run is looked at, where that is not its end."""
    if study.at == "end":
        return TITLES[study.at]
    steps = (f"{card.name} at step {card.step:,}" for card in study.cards)
    return f"{TITLES[study.at]}: {', '.join(steps)}"


def _listed(texts: Iterable[str]) -> str:
    """Each once."""
    return "; ".join(dict.fromkeys(texts))


def _training(card: Card) -> str:
    """The run that a checkpoint came from."""
    run = card.recipe
    if run is None:
        return f"{card.name}: not known"
    own = {"sam": f", radius {run.sam_rho:g}", "ip": f", γ {run.input_perturbation:g}"}
    return (
        f"{run.method}: {run.steps:,} steps of {run.batch_size} images, learning rate "
        f"{run.learning_rate:g}, seed {run.seed}{own.get(run.method, '')}, EMA "
        f"{run.ema_decay:g}, SWA from step {run.swa_start_step:,}"
    )


def _panel(known: Mapping[str, Any]) -> str:
    panel = known["panel"]
    return (
        f"{panel['size']} × {panel['dataset']} {panel['split']}, seed {panel['seed']}, "
        f"SHA-256 {known['panel_digest'][:12]}"
    )


def _machine(environment: Mapping[str, Any]) -> str:
    programs = [name for name in ("flatdiff", "torch", "python") if name in environment]
    versions = ", ".join(f"{name} {environment[name]}" for name in programs)
    return f"{versions} on {environment.get('device', '?')}, {environment.get('dtype', '?')}"


def caveats(study: Study) -> list[str]:
    """What the intervals do not know, and what the numbers may be called."""
    runs = {_training(card) for card in study.cards}
    labels = dict.fromkeys(item.result.label for item in study.items if item.measure == "frechet")
    images = dict.fromkeys(
        f"{item.request.settings.num_images:,} images in "
        f"{item.request.settings.num_sampling_steps} steps"
        for item in study.items
        if item.measure == "frechet"
    )
    return [
        f"Training runs behind the {len(study.cards)} checkpoints, as far as their cards say: "
        f"{len(runs)}. The intervals speak of the panel, the noise and the images; what another "
        "training run would give they do not know, except where it says “over training runs”. "
        "That of a rank correlation takes checkpoints for independent cases, which those of one "
        "run are not.",
        f"The distance between generated and real images is the {' and '.join(labels)}, from "
        f"{' and from '.join(images)}. It is too large by an amount that shrinks with the number "
        "of images: compare within a column.",
        "The paper's numbers are of its own networks and data: compare the pattern of the rows, "
        "not the values. Where the paper leaves a setting open, the entry says what was taken.",
        "Every test has an interval of its own: of twenty that have nothing to find, one finds "
        "something by chance.",
    ]
