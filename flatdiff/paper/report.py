"""A study as one HTML document: recipe, findings, then each table and figure of the paper."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape

import pandas as pd

from flatdiff.paper.claims import UNTESTED
from flatdiff.paper.entries import STUDY, Chart, Entry
from flatdiff.paper.findings import SMALL, Finding
from flatdiff.paper.over_runs import over_runs, sentence
from flatdiff.paper.results import Study, name_of
from flatdiff.paper.text import HEADINGS, by_claim, caveats, recipe, runs_table
from flatdiff.reports.html import Figures, code, document, folded, pictures_in, table_of
from flatdiff.reports.measured import origins
from flatdiff.reports.reproduce import command_line
from flatdiff.views import SECTIONS, Picture
from flatdiff.views.base import with_error

EXPLAINED = (
    "A test agrees where its whole 95 % interval says what the paper says, does not agree where "
    "the whole interval says the opposite, and is not decided otherwise. Two numbers are alike "
    f"where they differ by less than {100 * SMALL:g} %. Everything is compared in pairs: the same "
    "noise on the weights, the same panel, the same noise in sampling."
)


def study_html(study: Study, found: Sequence[Finding], written: str) -> bytes:
    """The whole document.

    Args:
        study: with every result.
        found: its findings.
        written: when, for the reader.
    """
    title = f"The paper's tables and figures, of {study.family}"
    figures = Figures()
    body = [
        f"<h1>{escape(title)}</h1>",
        *_opening(study, written),
        _contents(),
        *_findings(study, found),
        *(block for entry in STUDY for block in _entry(study, entry, figures)),
        *_origins(study),
    ]
    return document(title, "\n".join(body), figures.shown).encode()


def _paragraph(text: str, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _opening(study: Study, written: str) -> Iterator[str]:
    """The recipe."""
    yield _paragraph(
        "Every measure of Understanding Flatness in Generative Models: Its Role and Benefits "
        "(arXiv 2503.11078), taken of every checkpoint of one family, beside the numbers that "
        "the paper reports."
    )
    rows = {**recipe(study), "written": written}
    yield table_of(pd.DataFrame({"recipe": list(rows), "": list(rows.values())}), "cells")
    yield folded(
        "Checkpoints by the SHA-256 of their weights",
        _list([f"{name_of(card)} ({card.id}): {card.digest}" for card in study.cards]),
    )


def _contents() -> str:
    links = (f'<a href="#{_anchor(entry)}">{entry.name}</a>' for entry in STUDY)
    return f'<nav><a href="#findings">Findings</a> · {" · ".join(links)}</nav>'


def _anchor(entry: Entry) -> str:
    return entry.name.lower().replace(" ", "-")


def _findings(study: Study, found: Sequence[Finding]) -> Iterator[str]:
    """Over training runs, counts by claim, then every sentence below its verdict."""
    runs = over_runs(study)
    yield '<section><h2 id="findings">Findings</h2>'
    yield _paragraph(sentence(runs))
    if len(table := runs_table(runs)):
        yield table_of(table, "cells")
    yield table_of(by_claim(found), "cells")
    yield _paragraph(EXPLAINED, "note")
    for verdict, heading in HEADINGS.items():
        own = [finding for finding in found if finding.verdict == verdict]
        if own:
            yield f"<h3>{escape(heading)}: {len(own)} of {len(found)}</h3>"
        for claim in dict.fromkeys((finding.claim, finding.source) for finding in own):
            yield _paragraph(f"{claim[0]} ({claim[1]}):")
            yield _list([finding.sentence for finding in own if finding.claim == claim[0]])
    yield "<h3>What to keep in mind</h3>"
    yield _list(caveats(study))
    yield "<h3>Not tested here</h3>"
    yield _list(UNTESTED)
    yield "</section>"


def _entry(study: Study, entry: Entry, figures: Figures) -> Iterator[str]:
    """Caption, what stands in the way, pictures and numbers of one table or figure."""
    yield (
        f'<section><h2 id="{_anchor(entry)}">{entry.name}. {escape(entry.title)}</h2>'
        f"{_paragraph(f'In the paper: {entry.caption}')}"
    )
    yield from (_paragraph(text, "note") for text in notes(study, entry))
    if study.shown(entry):
        for chart in entry.charts if _possible(study, entry) else ():
            yield from pictures_in(_pictures(study, entry, chart), figures)
        if entry.quantities:
            yield table_of(_laid_out(entry_table(study, entry)), "heads")
    yield "</section>"


def _possible(study: Study, entry: Entry) -> bool:
    """Whether an entry about other data would be a repetition here."""
    return not entry.same_as or study.data in entry.data


def notes(study: Study, entry: Entry) -> Iterator[str]:
    """What is different here from the paper, and what is missing and why."""
    data = " and ".join(entry.data)
    if not study.shown(entry):
        yield f"Not made: the family has no checkpoint of {' or '.join(entry.methods)}."
    elif not _possible(study, entry):
        yield (
            f"Not made: it takes networks trained on {data}, and these saw {study.data}. "
            f"{entry.same_as} has the same of these."
        )
        if entry.quantities:
            yield f"For the pattern of the rows: the numbers of {study.data} beside {data}'s."
    elif study.data not in entry.data:
        yield f"The paper's is of {data}; this is of {study.data}."
    measured = {quantity.column.measure for quantity in entry.quantities}
    if "frechet" in measured and not study.inception:
        yield (
            f"No FID: Inception's features say nothing about {study.data}. In its place is a "
            "proxy, the same distance in the features of a small network trained on digits; the "
            "paper's columns are FID."
        )
    if entry.note:
        yield entry.note


def _pictures(study: Study, entry: Entry, chart: Chart) -> list[Picture]:
    """Of the entry's checkpoints, those that the chart names."""
    items = [study.item(chart.measure, chart.settings, card) for card in study.shown(entry)]
    shown = SECTIONS[chart.measure].pictures([item.series for item in items], chart.settings)
    return [replace(each, folded=False) for each in shown if each.key.startswith(chart.keys)]


def entry_table(study: Study, entry: Entry) -> pd.DataFrame:
    """A row a checkpoint: each quantity with its standard error, and the paper's beside it."""
    cards = study.shown(entry)
    table = {"method": [name_of(card) for card in cards]}
    for quantity in entry.quantities:
        column = quantity.column
        table[study.title(column)] = [with_error(*study.value(column, card)) for card in cards]
        for data, reported in quantity.reported.items():
            table[f"paper: {quantity.named}, {data}"] = [
                reported.get(card.method, "") for card in cards
            ]
    return pd.DataFrame(table)


def _laid_out(table: pd.DataFrame) -> pd.DataFrame:
    """Many quantities of few checkpoints stand below each other."""
    if len(table.columns) <= 2 * len(table):
        return table
    return table.set_index("method").T.rename_axis("quantity").reset_index()


def _origins(study: Study) -> Iterator[str]:
    """For every measurement its caveat, command and machine."""
    yield "<section><h2>Where the numbers come from</h2>"
    for (measure, _), items in study.by_settings.items():
        yield folded(
            f"{SECTIONS[measure].title}: {measure}",
            _paragraph(SECTIONS[measure].caveat, "note")
            + code(command_line([item.request for item in items]))
            + table_of(origins(items)),
        )
    yield "</section>"
