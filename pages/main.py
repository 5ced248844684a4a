"""The frame around every page: its title, its navigation."""

from pathlib import Path

import streamlit as st

from flatdiff.errors import FlatdiffError
from pages.shared.choose import plain
from pages.shared.door import knock
from pages.shared.frame import frame
from pages.shared.present import presenting, stage
from pages.shared.stale import forget_stale_widgets

HERE = Path(__file__).parent

forget_stale_widgets()
# A file, because the browser would fetch a Material icon from another server.
st.set_page_config(page_title="flatdiff", page_icon=HERE / "icon.svg", layout="wide")
st.html(HERE / "shared/contrast.css")

PAGES = {
    "": [st.Page(HERE / "home.py", title="Home", icon=":material/home:", default=True)],
    "Gallery": [
        st.Page(
            HERE / "gallery/checkpoints.py",
            title="Checkpoints",
            icon=":material/grid_view:",
        ),
        st.Page(HERE / "gallery/train.py", title="Train", icon=":material/model_training:"),
    ],
    "Measure": [
        st.Page(HERE / "measure/surface.py", title="Surface", icon=":material/landscape:"),
        st.Page(HERE / "measure/flatness.py", title="Flatness", icon=":material/blur_on:"),
        st.Page(HERE / "measure/radius.py", title="Distance", icon=":material/open_in_full:"),
        st.Page(HERE / "measure/curvature.py", title="Curvature", icon=":material/functions:"),
        st.Page(
            HERE / "measure/exposure.py",
            title="Exposure bias",
            icon=":material/show_chart:",
            url_path="exposure",
        ),
        st.Page(
            HERE / "measure/quantization.py", title="Quantization", icon=":material/compress:"
        ),
        st.Page(HERE / "measure/samples.py", title="Samples", icon=":material/apps:"),
        st.Page(
            HERE / "measure/quality.py", title="Sample quality", icon=":material/photo_library:"
        ),
    ],
    "Understand": [
        st.Page(HERE / "understand/compare.py", title="Compare", icon=":material/compare:"),
        st.Page(HERE / "understand/claim.py", title="The claim", icon=":material/balance:"),
        st.Page(HERE / "understand/ruler.py", title="One ruler", icon=":material/straighten:"),
    ],
    "Teach": [
        st.Page(HERE / "teach/tour.py", title="Tour", icon=":material/explore:"),
        st.Page(HERE / "teach/theory.py", title="The theory", icon=":material/school:"),
        st.Page(HERE / "teach/rescaling.py", title="Lie detector", icon=":material/policy:"),
        st.Page(HERE / "teach/sam.py", title="What SAM does", icon=":material/downhill_skiing:"),
        st.Page(HERE / "teach/rounding.py", title="Rounding", icon=":material/stairs:"),
    ],
    "System": [
        st.Page(HERE / "system/activity.py", title="Activity", icon=":material/list_alt:"),
    ],
}

try:
    knock()
    wall = presenting()
    page = st.navigation(PAGES, position="hidden" if wall else "sidebar")
    if wall:
        stage([known for section in PAGES.values() for known in section], page)
    else:
        frame()
    page.run()
except FlatdiffError as error:  # a sentence for the reader; anything else is a bug and shows so
    st.error(plain(str(error)))
