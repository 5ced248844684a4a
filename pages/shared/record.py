"""Results on their way to a page, and from it to the reader: series, numbers, files, recipe."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.collection import short_names
from flatdiff.engine.engine import Handle
from flatdiff.images.listing import few_held_out
from flatdiff.measures.request import Request
from flatdiff.reports.formats import formats_for
from flatdiff.reports.measured import Measured, measured, origins
from flatdiff.reports.report import to_html
from flatdiff.reports.reproduce import command_line, python_snippet
from flatdiff.views import SECTIONS, View
from flatdiff.views.style import Series
from pages.shared.about import about
from pages.shared.folded import folded
from pages.shared.print import print_button


def results_of(cards: Sequence[Card], handles: Sequence[Handle]) -> list[tuple[Card, Any]]:
    """The results that hold anything yet, each with its checkpoint."""
    return [
        (card, handle.result())
        for card, handle in zip(cards, handles, strict=True)
        if (job := handle.job()) is not None and job.num_done > 0
    ]


def series_of(cards: Sequence[Card], handles: Sequence[Handle]) -> list[Series]:
    """The same, each with its checkpoint's name and method."""
    names = short_names(cards)
    return [
        Series(names[card.id], card.method, result, card.family)
        for card, result in results_of(cards, handles)
    ]


def numbers(cards: Sequence[Card], handles: Sequence[Handle]) -> None:
    """Every chart's numbers as a table, once it is opened."""
    known = [
        (card, handle)
        for card, handle in zip(cards, handles, strict=True)
        if handle.job() is not None
    ]
    if not known:
        return
    names, measure = short_names(cards), handles[0].request.measure

    def table() -> None:
        results = [(names[card.id], handle.result()) for card, handle in known]
        found = SECTIONS[measure].numbers(results)
        st.dataframe(found, hide_index=True, alt="The numbers behind the chart")

    folded("Numbers", table, f"numbers-{measure}")


def record(handles: Sequence[Handle], view: View | None = None) -> None:
    """What the measure is; files, command, program and provenance of what is on the page.

    Args:
        handles: of one measure.
        view: what the person changed about the pictures, for those in files.
    """
    requests = [handle.request for handle in handles]
    measure = requests[0].measure
    about(measure)
    if few := few_held_out(requests[0].panel.dataset):
        st.caption(f":material/warning: {few.capitalize()}.")
    known = [handle for handle in handles if handle.job() is not None]
    if not known:
        return
    if all(job.num_done for handle in known if (job := handle.job())):
        print_button(known, view or View())
    folded(
        "Export, command and provenance",
        partial(_to_keep, requests, known, view),
        f"record-{measure}",
        icon=":material/download:",
    )


def _to_keep(requests: Sequence[Request], known: Sequence[Handle], view: View | None) -> None:
    """Files, the command, the program, and where the numbers come from."""
    with st.container(horizontal=True):
        for suffix, kind in formats_for(requests[0]).items():
            export = partial(to_html, view=view) if suffix == ".html" else kind.export
            download(
                suffix[1:].upper(),
                partial(_exported, export, known),
                f"flatdiff-{requests[0].measure}{suffix}",
                kind.mime,
            )
    st.caption(
        "HTML holds the pictures of this page, still interactive, and opens without a network;"
        " every file says where its numbers come from. The same on the command line, through "
        "the same store:"
    )
    st.code(command_line(requests), language="bash")
    st.caption("And in Python:")
    st.code(python_snippet(requests), language="python")
    st.caption("Where the numbers come from:")
    found = [measured(handle) for handle in known]
    st.dataframe(origins(found), hide_index=True, alt="Provenance of each result")
    st.json([item.provenance for item in found], expanded=False)


def download(
    title: str, content: Callable[[], bytes], file_name: str, mime: str, *, primary: bool = False
) -> None:
    """A button whose file is made when it is asked for."""
    st.download_button(
        title,
        content,
        file_name=file_name,
        mime=mime,
        icon=":material/download:",
        on_click="ignore",
        type="primary" if primary else "secondary",
    )


def _exported(export: Callable[[Sequence[Measured]], bytes], handles: Sequence[Handle]) -> bytes:
    """The file of what the store holds now."""
    return export([measured(handle) for handle in handles])
