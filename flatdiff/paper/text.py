"""A study as files for programs and plain readers: CSV, JSON and Markdown.

Nothing in them depends on when they are written: the same results make the same files.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from flatdiff.paper.claims import UNTESTED
from flatdiff.paper.findings import VERDICTS, Finding, Verdict
from flatdiff.paper.results import Study, numbers
from flatdiff.paper.study_recipe import caveats, recipe
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


def to_csv(study: Study) -> bytes:
    """The numbers, a row an entry, quantity and checkpoint."""
    return numbers(study).to_csv(index=False, float_format=f"%.{DIGITS}g").encode()


def to_json(study: Study, found: Sequence[Finding]) -> bytes:
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
    yield "\n## What came out\n"
    table = by_claim(found)
    yield f"| {' | '.join(table.columns)} |\n|{'---|' * len(table.columns)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in table.itertuples(index=False))
    for verdict, heading in HEADINGS.items():
        yield from _section(heading, [one for one in found if one.verdict == verdict])
    yield "\n## What to keep in mind\n"
    yield from (f"- {text}" for text in caveats(study))
    yield "\n## Not tested here\n"
    yield from (f"- {text}" for text in UNTESTED)


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
