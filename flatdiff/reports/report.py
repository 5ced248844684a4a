"""A report is results as one document: what differs, a summary, and a chapter for each measure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from flatdiff.checkpoints.differences import differences
from flatdiff.images.listing import few_held_out
from flatdiff.measures import MEASURES
from flatdiff.reports.html import Figures, code, document, folded, pictures_in, table_of
from flatdiff.reports.measured import Measured, origins, provenance_text, view_of
from flatdiff.reports.reproduce import command_line, python_snippet
from flatdiff.reports.sheet import PARTS
from flatdiff.reports.summary import LEGEND, summary
from flatdiff.views import SECTIONS, View

MAX_ROWS = 300  # of a table; longer ones belong into CSV or NPZ


@dataclass(frozen=True)
class Chapter:
    """Results of one measure with one settings record; at least one."""

    title: str
    items: Sequence[Measured]


def to_html(items: Sequence[Measured], view: View | None = None) -> bytes:
    """What a measurement page shows of some results."""
    title = SECTIONS[items[0].measure].title
    return report(title, [Chapter(title, items)], view or view_of(items))


def sheet_report(parts: Mapping[str, Sequence[Measured]]) -> bytes:
    """A sheet's parts by name; those without results are left out."""
    titles = {part.name: part.title for part in PARTS}
    chapters = [Chapter(titles[name], items) for name, items in parts.items() if items]
    cards = dict.fromkeys(item.card.label for items in parts.values() for item in items)
    return report(" · ".join(cards), chapters, View())


def report(title: str, chapters: Sequence[Chapter], view: View) -> bytes:
    """A document of some chapters: differences, summary, each chapter, and where all is from."""
    figures = Figures()
    items = [item for chapter in chapters for item in chapter.items]
    body = [
        f"<h1>{escape(title)}</h1>",
        *_opening(items),
        *_contents(chapters),
        *(
            block
            for number, chapter in enumerate(chapters)
            for block in _chapter(number, chapter, view, figures)
        ),
    ]
    return document(title, "\n".join(body), figures.shown).encode()


def _opening(items: Sequence[Measured]) -> Iterator[str]:
    """What is compared, in what it differs, and what came out."""
    cards = list({item.card.id: item.card for item in items}.values())
    listed = "".join(
        f"<li>{escape(card.label)} <code>{escape(card.digest[:12])}</code></li>" for card in cards
    )
    yield f"<ul>{listed}</ul>"
    found = differences(cards)
    if len(found):
        yield "<h2>What differs</h2>"
        yield table_of(found.reset_index())
    numbers = summary(items)
    if len(numbers):
        yield "<h2>Summary</h2>"
        yield table_of(numbers.reset_index())
        yield f"<p class=note>{escape(LEGEND)}</p>"


def _contents(chapters: Sequence[Chapter]) -> Iterator[str]:
    if len(chapters) > 1:
        links = (f'<a href="#part-{k}">{escape(c.title)}</a>' for k, c in enumerate(chapters))
        yield f"<nav>{' · '.join(links)}</nav>"


def _chapter(number: int, chapter: Chapter, view: View, figures: Figures) -> Iterator[str]:
    """Pictures, reading, caveat, numbers, commands and provenance of one measure."""
    items, first = chapter.items, chapter.items[0]
    results = [(item.card.label, item.result) for item in items]
    yield f'<section><h2 id="part-{number}">{escape(chapter.title)}</h2>'
    yield f"<p>{escape(MEASURES[first.measure].question)}</p>"
    if not all(item.done for item in items):
        yield "<p><strong>Preliminary: not everything was computed yet.</strong></p>"
    series = [item.series for item in items]
    yield from pictures_in(
        SECTIONS[first.measure].pictures(series, first.request.settings, view), figures
    )
    yield table_of(SECTIONS[first.measure].reading(results))
    yield f"<p class=note>{escape(SECTIONS[first.measure].caveat)}</p>"
    if few := few_held_out(first.request.panel.dataset):
        yield f"<p class=note>{escape(few.capitalize())}.</p>"
    yield folded("Numbers", _numbers(SECTIONS[first.measure].numbers(results)))
    requests = [item.request for item in items]
    yield folded("Command line and Python", code(command_line(requests), python_snippet(requests)))
    yield folded("Where the numbers come from", _origin(items))
    yield "</section>"


def _numbers(table: pd.DataFrame) -> str:
    """A table to six digits, where it has a length that somebody would read."""
    if len(table) <= MAX_ROWS:
        return table_of(table)
    return f"<p>{len(table):,} rows: export CSV, NPZ or JSON for these.</p>"


def _origin(items: Sequence[Measured]) -> str:
    """Provenance: for a person as a table, for a program as one line of JSON a checkpoint."""
    return table_of(origins(items)) + code("\n".join(provenance_text(item) for item in items))
