"""A document is one HTML file that needs nothing else: no network, no server, no folder.

Figures stay interactive (plotly.js is inside, once), tables are tables, every name is text. The
file forbids itself any connection and any script but its own two (Content-Security-Policy).
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

from flatdiff.images.grid import data_url
from flatdiff.version import __version__
from flatdiff.views import Picture
from flatdiff.views.base import in_groups

HERE = Path(__file__).parent
RELIEF_HEIGHT = 460  # of a figure that has none of its own


class Figures:
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


def pictures_in(pictures: Sequence[Picture], figures: Figures) -> Iterator[str]:
    """Those that share a row in one; those that are folded behind a click."""
    for group in in_groups(pictures):
        row = "".join(_picture(picture, figures) for picture in group)
        kind = "row" if len(group) > 1 else "alone"
        shown = f'<div class="{kind}">{row}</div>'
        yield folded("More pictures", shown) if group[0].folded else shown


def _picture(picture: Picture, figures: Figures) -> str:
    heading = f"<h3>{escape(picture.heading)}</h3>" if picture.heading else ""
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    content = picture.content
    if isinstance(content, np.ndarray):
        shown = f'<img src="{data_url(content)}" alt="{escape(picture.alt)}">'
    else:
        shown = figures.add(content, picture.alt)
    return f"<figure>{heading}{shown}{caption}</figure>"


def folded(title: str, content: str) -> str:
    """Behind a click."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def code(*texts: str) -> str:
    """Lines of a program or a file, each text in a block of its own."""
    return "".join(f"<pre><code>{escape(text)}</code></pre>" for text in texts)


def table_of(table: pd.DataFrame, wrapped: str = "") -> str:
    """Rows with the first column as their heads.

    Args:
        table: with columns of text, or of numbers, which are shown to six digits.
        wrapped: what may take several lines: "heads" of the columns, or "cells" as well.
    """
    if not len(table):
        return ""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in table.columns)
    rows = "".join(_table_row(row) for row in table.itertuples(index=False, name=None))
    kind = f"scroll {wrapped}".strip()
    return (
        f'<div class="{kind}" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _table_row(row: Sequence[Any]) -> str:
    first, *rest = (f"{v:.6g}" if isinstance(v, float) else str(v) for v in row)
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'


def document(title: str, body: str, figures: Sequence[Any]) -> str:
    """The whole file.

    Args:
        title: of the window.
        body: elements.
        figures: what a `Figures` has collected.
    """
    library, script = get_plotlyjs(), (HERE / "html.js").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(library, script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="flatdiff {__version__}">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{(HERE / 'html.css').read_text('utf-8')}</style>\n</head>\n<body>\n"
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
