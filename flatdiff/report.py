"""A report is results as one HTML file that needs nothing else: no network, no server, no folder.

Figures stay interactive (plotly.js is inside, once), tables are tables, every name is text. The
file forbids itself any connection and any script but its own two (Content-Security-Policy).
"""

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io
from PIL import Image
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

from flatdiff import __version__
from flatdiff.differences import differences
from flatdiff.exports import Measured, command_line, origins, provenance_text
from flatdiff.measures import MEASURES
from flatdiff.readings import reading
from flatdiff.sections import SECTIONS, Picture, View, in_groups, pictures_of
from flatdiff.sheet import PARTS
from flatdiff.snippets import python_snippet
from flatdiff.summary import LEGEND, summary
from flatdiff.tables import all_numbers

ASSETS = Path(__file__).parent / "assets"
MAX_ROWS = 300  # of a table; longer ones belong into CSV or NPZ


RELIEF_HEIGHT = 460  # of a figure that has none of its own


@dataclass(frozen=True)
class Chapter:
    """Results of one measure with one settings record; at least one."""

    title: str
    items: Sequence[Measured]


def to_html(items: Sequence[Measured], view: View | None = None) -> bytes:
    """What a measurement page shows of some results."""
    title = SECTIONS[items[0].measure].title
    return report(title, [Chapter(title, items)], view or View())


def sheet_report(parts: Mapping[str, Sequence[Measured]]) -> bytes:
    """A sheet's parts by name; those without results are left out."""
    titles = {part.name: part.title for part in PARTS}
    chapters = [Chapter(titles[name], items) for name, items in parts.items() if items]
    cards = dict.fromkeys(item.card.label for items in parts.values() for item in items)
    return report(" · ".join(cards), chapters, View())


def report(title: str, chapters: Sequence[Chapter], view: View) -> bytes:
    """A document of some chapters: differences, summary, each chapter, and where all is from."""
    figures = _Figures()
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
    return _document(title, "\n".join(body), figures.shown).encode()


class _Figures:
    """Collects the figures of a document; each is drawn by its number."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def add(self, figure: go.Figure, alt: str) -> str:
        """The place of a figure, which is drawn when a reader comes near it."""
        plain = figure.to_dict()
        plain["layout"].pop("template", None)  # the script puts a light or a dark one
        self.shown.append(plain)
        height = figure.layout.height or RELIEF_HEIGHT
        return (
            f'<div class="chart" role="img" aria-label="{escape(alt)}" '
            f'data-figure="{len(self.shown) - 1}" style="height:{height}px"></div>'
        )


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
        yield _table(found.reset_index())
    numbers = summary(items)
    if len(numbers):
        yield "<h2>Summary</h2>"
        yield _table(numbers.reset_index())
        yield f"<p class=note>{escape(LEGEND)}</p>"


def _contents(chapters: Sequence[Chapter]) -> Iterator[str]:
    if len(chapters) > 1:
        links = (f'<a href="#part-{k}">{escape(c.title)}</a>' for k, c in enumerate(chapters))
        yield f"<nav>{' · '.join(links)}</nav>"


def _chapter(number: int, chapter: Chapter, view: View, figures: _Figures) -> Iterator[str]:
    """Pictures, reading, caveat, numbers, commands and provenance of one measure."""
    items, first = chapter.items, chapter.items[0]
    results = [(item.card.label, item.result) for item in items]
    yield f'<section><h2 id="part-{number}">{escape(chapter.title)}</h2>'
    yield f"<p>{escape(MEASURES[first.measure].question)}</p>"
    if not all(item.done for item in items):
        yield "<p><strong>Preliminary: not everything was computed yet.</strong></p>"
    series = [item.series for item in items]
    yield from _pictures(pictures_of(first.measure, series, first.request.settings, view), figures)
    yield _table(reading(first.measure, results))
    yield f"<p class=note>{escape(SECTIONS[first.measure].caveat)}</p>"
    yield _folded("Numbers", _numbers(all_numbers(first.measure, results)))
    requests = [item.request for item in items]
    yield _folded(
        "Command line and Python", _code(command_line(requests), python_snippet(requests))
    )
    yield _folded("Where the numbers come from", _origin(items))
    yield "</section>"


def _pictures(pictures: Sequence[Picture], figures: _Figures) -> Iterator[str]:
    """Those that share a row in one; those that are folded behind a click."""
    for group in in_groups(pictures):
        row = "".join(_picture(picture, figures) for picture in group)
        kind = "row" if len(group) > 1 else "alone"
        shown = f'<div class="{kind}">{row}</div>'
        yield _folded("More pictures", shown) if group[0].folded else shown


def _picture(picture: Picture, figures: _Figures) -> str:
    heading = f"<h3>{escape(picture.heading)}</h3>" if picture.heading else ""
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    content = picture.content
    if isinstance(content, np.ndarray):
        shown = f'<img src="{_data_url(content)}" alt="{escape(picture.alt)}">'
    else:
        shown = figures.add(content, picture.alt)
    return f"<figure>{heading}{shown}{caption}</figure>"


def _data_url(pixels: np.ndarray) -> str:
    """A PNG inside the document."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _code(*texts: str) -> str:
    return "".join(f"<pre><code>{escape(text)}</code></pre>" for text in texts)


def _numbers(table: pd.DataFrame) -> str:
    """A table to six digits, where it has a length that somebody would read."""
    if len(table) <= MAX_ROWS:
        return _table(table)
    return f"<p>{len(table):,} rows: export CSV, NPZ or JSON for these.</p>"


def _origin(items: Sequence[Measured]) -> str:
    """Provenance: for a person as a table, for a program as one line of JSON a checkpoint."""
    return _table(origins(items)) + _code("\n".join(provenance_text(item) for item in items))


def _table(table: pd.DataFrame) -> str:
    """Rows with the first column as their heads."""
    if not len(table):
        return ""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in table.columns)
    rows = "".join(_table_row(row) for row in table.itertuples(index=False, name=None))
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _table_row(row: Sequence[Any]) -> str:
    first, *rest = (f"{v:.6g}" if isinstance(v, float) else str(v) for v in row)
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'


def _document(title: str, body: str, figures: Sequence[Any]) -> str:
    """The whole file."""
    library, script = get_plotlyjs(), (ASSETS / "report.js").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(library, script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="flatdiff {__version__}">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{(ASSETS / 'report.css').read_text('utf-8')}</style>\n</head>\n<body>\n"
        f"<main>\n{body}\n<footer>Made by flatdiff {__version__}.</footer>\n</main>\n"
        f"{_data('figures', figures)}\n{_data('templates', _templates())}\n"
        f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _policy(*scripts: str) -> str:
    """No connection to anywhere, and no script but these: an injected one would not run."""
    hashes = (
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    )
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    )


def _templates() -> dict[str, Any]:
    """How figures look on light and on dark paper."""
    names = {"light": "plotly_white", "dark": "plotly_dark"}
    return {mode: plotly.io.templates[name].to_plotly_json() for mode, name in names.items()}


def _data(name: str, value: Any) -> str:
    """Plain data for the script; no text in it can end the element that holds it."""
    text = json.dumps(value, cls=PlotlyJSONEncoder).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
