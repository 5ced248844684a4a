"""Scenes are 3-D surfaces side by side that share one camera; drag one and all follow.

A component around plotly.js, because a chart of Streamlit's own forgets its camera whenever it is
given other data. The camera is in the link; what cannot be drawn in 3-D is said to the page.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
from streamlit.components.v2 import component

from flatdiff.errors import SettingsError
from pages.shared.plotly_js import FILE_NAME, joined

HERE = Path(__file__).parent
KEY = "scenes"
HOME = "1.1 -2.2 1.1"  # where the eye is before anybody moves it
FARTHEST = 100.0  # of an eye or a centre: far beyond anything that can be seen

_mount = component(
    "scenes",
    js=joined("scenes.js", "scenes_hands.js"),
    css=(HERE / "scenes.css").read_text("utf-8"),
    isolate_styles=False,  # plotly.js puts its own styles into the document
)


@dataclass(frozen=True)
class Scene:
    """One surface."""

    title: str
    alt: str
    figure: go.Figure  # of one 3-D scene


def parse_camera(text: str) -> list[float]:
    """Where the eye is, and where it looks if not at the centre: three numbers or six.

    >>> parse_camera("1.5 -1 0.5"), parse_camera("1,1,1 0,0,.2")
    ([1.5, -1.0, 0.5], [1.0, 1.0, 1.0, 0.0, 0.0, 0.2])

    Raises:
        SettingsError: it is neither.
    """
    words = text.replace(",", " ").split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    fits = all(math.isfinite(number) and abs(number) <= FARTHEST for number in numbers)
    if len(numbers) not in (3, 6) or not fits or numbers[:3] == (numbers[3:] or [0.0] * 3):
        raise SettingsError(
            "camera must be three numbers, x y z, each at most 100: where the eye stands, seen "
            f"from the centre of the cube; got {text!r}"
        )
    return numbers


def flat_instead() -> bool:
    """Whether contours are wanted although 3-D was asked for: no WebGL, or a narrow screen."""
    return bool(st.session_state.get(KEY, {}).get("flat"))


@st.fragment
def linked_scenes(
    scenes: Sequence[Scene],
    on_point: Callable[[float, float], None],
    flat: bool,
    *,
    turning: bool = False,
) -> None:
    """Draw them, as a fragment: where only the camera moves, no other part is drawn again.

    Args:
        scenes: two to four are linked; one is alone.
        on_point: told (x, y) of a point that was clicked, before the page is drawn again.
        flat: what `flat_instead` said; the page is drawn again when it has changed.
        turning: whether they turn slowly until somebody touches them.
    """
    above = st.container()
    # For the link alone: `contrast.css` hides it.
    text = st.text_input("Camera", key="camera", bind="query-params")
    try:
        camera = parse_camera(text or HOME)
    except SettingsError as error:
        st.warning(str(error))
        camera = parse_camera(HOME)
    drawn = [{"title": s.title, "alt": s.alt, "figure": s.figure.to_json()} for s in scenes]
    home = parse_camera(HOME)
    with above:
        found = _mount(
            key=KEY,
            data={
                "scenes": drawn,
                "camera": camera,
                "home": home,
                "plotly": FILE_NAME,
                "flat": flat,
                "turning": turning,
            },
            default={"flat": False},
            on_flat_change=lambda: None,
            on_camera_change=_keep_camera,
            on_point_change=lambda: on_point(*st.session_state[KEY]["point"]),
        )
    if found.point is not None or found.flat != flat:
        st.rerun()


def _keep_camera() -> None:
    """Into the text box, and with it into the link; nothing where it is back home."""
    text = st.session_state[KEY]["camera"]
    st.session_state["camera"] = "" if text == HOME else text
