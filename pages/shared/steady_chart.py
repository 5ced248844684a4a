"""A chart that stays while its data change, as those of a run that goes on do.

A component around plotly.js: Streamlit makes a chart of its own anew for each new figure, and with
it shows again what somebody has hidden in the legend. Here `uirevision` and the `uid` of a trace
mean what plotly says of them.
"""

from pathlib import Path

import plotly.graph_objects as go
import plotly.io
from streamlit.components.v2 import component

from pages.shared.plotly_js import FILE_NAME

HERE = Path(__file__).parent

_mount = component(
    "steady_chart",
    js=(HERE / "steady_chart.js").read_text("utf-8"),
    css=(HERE / "steady_chart.css").read_text("utf-8"),
    isolate_styles=False,  # plotly.js puts its own styles into the document
)


def steady_chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure where the one of the same key stood.

    Args:
        figure: whose layout says its height, and whose traces have a uid each.
        key: of the place.
        alt: what it shows, for who does not see it.
    """
    text = plotly.io.to_json(figure, validate=False, remove_uids=False)
    _mount(key=key, data={"figure": text, "alt": alt, "plotly": FILE_NAME})
