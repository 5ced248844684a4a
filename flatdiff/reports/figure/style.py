"""The style of a chart of plotly's as matplotlib has it: colours, lines and words."""

import html
import re
import textwrap
from typing import Any

from matplotlib.colors import LinearSegmentedColormap, to_rgba

POINTS = 0.5  # of print for a pixel of the screen: a chart there is about twice as wide
DASHES = {"solid": (), "dash": (4, 2), "dot": (1, 1.5), "dashdot": (4, 1.5, 1, 1.5)}
PLAIN = "#444444"  # of what has no colour of its own


def as_words(text: str | None) -> str:
    r"""What plotly would show of a text: tags and entities read.

    >>> as_words("&lt;a&gt;<br>b")
    '<a>\nb'
    """
    words = html.unescape(re.sub(r"<(?!br)[^>]*>", "", text or "").replace("<br>", "\n"))
    return words.replace("$", r"\$")  # which begins a formula in matplotlib


def in_lines(text: str | None, letters: int) -> str:
    r"""Words that do not fit side by side, below each other.

    >>> in_lines("one two", 4)
    'one\ntwo'
    """
    return "\n".join(textwrap.fill(line, letters) for line in as_words(text).splitlines())


def colormap_of(colorscale: Any) -> LinearSegmentedColormap:
    """A scale of plotly's, [[0, colour], ..., [1, colour]]."""
    stops = [(float(at), colour_of(colour)) for at, colour in colorscale]
    return LinearSegmentedColormap.from_list("plotly", stops)


def colour_of(text: str, opacity: float | None = None) -> tuple[float, float, float, float]:
    """Of a name, a hex code, rgb() or rgba()."""
    if found := re.fullmatch(r"rgba?\(([^)]*)\)", text):
        red, green, blue, *alpha = (float(part) for part in found[1].split(","))
        rgba = (red / 255, green / 255, blue / 255, *(alpha or [1.0]))
    else:
        rgba = to_rgba(text)
    return (rgba[0], rgba[1], rgba[2], rgba[3] * (1.0 if opacity is None else opacity))


def line_of(line: Any) -> dict[str, Any]:
    """Width and dashes."""
    dash = line.dash or "solid"
    pattern = DASHES.get(dash) or tuple(float(part) / 2 for part in re.findall(r"[\d.]+", dash))
    width = POINTS * (2 if line.width is None else line.width)
    return {"linewidth": width, "linestyle": (0, pattern) if pattern else "-"}
