"""Results on their way to a page, and from it to the reader: series, numbers, files, recipe."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from flatdiff.cards import Card
from flatdiff.engine import Handle
from flatdiff.exports import EXPORTS, command_line, measured
from flatdiff.figures.style import Series
from flatdiff.tables import TABLES
from pages.shared.choose import label

MIME = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".npz": "application/octet-stream",
    ".png": "image/png",
}


def results_of(cards: Sequence[Card], handles: Sequence[Handle]) -> list[tuple[Card, Any]]:
    """The results that hold anything yet, each with its checkpoint."""
    return [
        (card, handle.result())
        for card, handle in zip(cards, handles, strict=True)
        if (job := handle.job()) is not None and job.num_done > 0
    ]


def series_of(cards: Sequence[Card], handles: Sequence[Handle]) -> list[Series]:
    """The same, each with its checkpoint's name and method."""
    return [
        Series(label(card), card.method, result) for card, result in results_of(cards, handles)
    ]


def numbers(cards: Sequence[Card], handles: Sequence[Handle]) -> None:
    """Every chart's numbers as a table."""
    tables = [
        TABLES[handle.request.measure](handle.result()).assign(checkpoint=label(card))
        for card, handle in zip(cards, handles, strict=True)
        if handle.job() is not None
    ]
    if tables:
        table = pd.concat(tables).set_index("checkpoint").reset_index()
        with st.expander("Numbers"):
            st.dataframe(table, hide_index=True, alt="The numbers behind the chart")


def record(handles: Sequence[Handle]) -> None:
    """Files, command and provenance of what is on the page."""
    found = [measured(handle) for handle in handles if handle.job() is not None]
    if not found:
        return
    measure = handles[0].request.measure
    with st.expander("Export, command and provenance"):
        with st.container(horizontal=True):
            for suffix, export in EXPORTS.items():
                if suffix == ".png" and measure != "samples":
                    continue
                st.download_button(
                    suffix[1:].upper(),
                    lambda export=export: export(found),
                    file_name=f"flatdiff-{measure}{suffix}",
                    mime=MIME[suffix],
                    icon=":material/download:",
                    on_click="ignore",
                )
        st.caption("The same on the command line, through the same store:")
        st.code(command_line([handle.request for handle in handles]), language="bash")
        st.caption("Where the numbers come from:")
        st.json([item.provenance for item in found], expanded=1)
