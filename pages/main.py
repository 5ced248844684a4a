"""The frame around every page: its title, its navigation."""

from pathlib import Path

import streamlit as st

from flatdiff.errors import FlatdiffError
from pages.shared.door import knock
from pages.shared.frame import frame
from pages.shared.page_list import HOME, SECTIONS
from pages.shared.plain import plain
from pages.shared.present import presenting, stage
from pages.shared.stale import forget_stale_widgets

HERE = Path(__file__).parent

forget_stale_widgets()
# A file, because the browser would fetch a Material icon from another server.
st.set_page_config(page_title="flatdiff", page_icon=HERE / "icon.svg", layout="wide")
st.html(HERE / "shared/contrast.css")

PAGES = {
    "": [HOME.page(default=True)],
    **{title: [one.page() for one in section] for title, section in SECTIONS.items()},
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
