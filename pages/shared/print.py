"""Print is a dialog: a measurement's pictures as a file for a paper, with what goes with it."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from flatdiff.engine.engine import Handle
from flatdiff.errors import FlatdiffError
from flatdiff.reports.figure.options import (
    COLUMN_MM,
    FONT_SIZES,
    PAGE_MM,
    SUFFIXES,
    WIDTHS_MM,
    PageOptions,
)
from flatdiff.reports.measured import measured
from flatdiff.views import View
from pages.shared.plain import plain

OTHER = "other"
WIDTHS = {f"one column ({COLUMN_MM:g} mm)": COLUMN_MM, f"two ({PAGE_MM:g} mm)": PAGE_MM}
PREVIEW_PX = 5  # a millimetre
# What a person may change about the pictures, and the command can say, too.
LOOKS = ("log", "relative", "spaghetti", "timestep_bins")


def print_button(handles: Sequence[Handle], view: View) -> None:
    """Opens the dialog.

    Args:
        handles: of one measure, computed.
        view: what a person changed about the pictures.
    """
    key = f"print-{handles[0].request.measure}"
    if st.button("Figure for a paper", icon=":material/print:", key=key):
        _dialog(handles, view)


@st.dialog("Figure for a paper", width="large")
def _dialog(handles: Sequence[Handle], view: View) -> None:
    # matplotlib takes half a second that no page should pay before somebody asks for a file.
    from flatdiff.reports.figure.page import heading_of, moves, panels, to_print
    from flatdiff.reports.figure.words import BIBTEX, caption, figure_command, file_name

    items = [measured(handle) for handle in handles]
    looks = {name: getattr(view, name) for name in LOOKS}
    known = [heading_of(picture) for picture in panels(items, PageOptions(**looks))]
    page = replace(_options(list(dict.fromkeys(known))), **looks)
    name = file_name(items)
    try:
        st.image(
            to_print(items, page, ".png"),
            width=round(PREVIEW_PX * page.width_mm),
            alt=f"The figure {name}",
        )
    except FlatdiffError as error:
        st.error(plain(str(error)))
        return
    animated = moves(items, page)
    with st.container(horizontal=True):
        for suffix, mime in SUFFIXES.items():
            if suffix == ".gif" and not animated:
                continue
            st.download_button(
                suffix[1:].upper(),
                lambda suffix=suffix: to_print(items, page, suffix),
                file_name=f"{name}{suffix}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"print{suffix}",
            )
    st.caption("Caption")
    st.code(caption(items), language=None, wrap_lines=True)
    st.caption("To cite")
    st.code(BIBTEX, language="latex")
    st.caption("The same file without a browser")
    st.code(figure_command(items, page, ".pdf"), language="bash")


def _options(known: Sequence[str]) -> PageOptions:
    """What a person chooses of the page."""
    with st.container(horizontal=True):
        chosen = st.segmented_control(
            "Width", [*WIDTHS, OTHER], default=next(iter(WIDTHS)), required=True, key="print_width"
        )
        if chosen == OTHER:
            low, high = WIDTHS_MM
            width = st.number_input("Millimetres", low, high, 120.0, key="print_mm", width=140)
        else:
            width = WIDTHS[chosen]
        low, high = FONT_SIZES
        size = st.number_input("Type, points", low, high, 8.0, 1.0, key="print_size", width=140)
    panels = st.multiselect("Panels", known, key="print_panels", placeholder="those of the page")
    return PageOptions(width_mm=width, font_size=size, panel=tuple(panels))
