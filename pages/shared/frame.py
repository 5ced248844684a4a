"""The frame is what every page has without asking: Copy link, Back, SVG of charts, swipes."""

from pathlib import Path

from streamlit.components.v2 import component

HERE = Path(__file__).parent

_mount = component(
    "frame",
    html='<button type="button" class="present">Present</button>'
    '<button type="button" class="copy"><span aria-live="polite">Copy link</span></button>',
    css=(HERE / "link.css").read_text("utf-8"),
    js="".join(
        (HERE / name).read_text("utf-8") for name in ("link.js", "modebar.js", "swipes.js")
    ),
)


def frame() -> None:
    """The button stands at the right of the page; the rest is not seen until it is wanted."""
    _mount(key="frame")
