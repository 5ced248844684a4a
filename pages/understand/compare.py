"""Compare: everything that is measured of some checkpoints, on one sheet."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from flatdiff.engine.engine import Handle, shared_engine
from flatdiff.measures import MEASURES
from flatdiff.reports.archive import to_zip
from flatdiff.reports.measured import Measured, measured
from flatdiff.reports.report import sheet_report
from flatdiff.reports.reproduce import report_command
from flatdiff.reports.sheet import PARTS, Part, part_requests
from flatdiff.reports.summary import LEGEND, summary
from flatdiff.views import SECTIONS
from pages.shared.choose import choose_checkpoints
from pages.shared.draw import draw_all
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.plain import plain
from pages.shared.record import download
from pages.shared.verdict import told


def found(handles: Sequence[Handle]) -> list[Measured]:
    """What the store holds, as far as it was computed."""
    jobs = ((handle, handle.job()) for handle in handles)
    return [measured(handle) for handle, job in jobs if job is not None and job.num_done]


def found_parts(parts: Mapping[str, Sequence[Handle]]) -> dict[str, list[Measured]]:
    """Of every part, by its name."""
    return {name: found(handles) for name, handles in parts.items()}


def in_a_line(part: Part, num_asked: int, items: Sequence[Measured]) -> str:
    """What a part is called while it is closed: with its verdict, or how far it is."""
    done = [item.series for item in items if item.done]
    said = told(part.measure, done)
    if len(done) < num_asked:
        said = f"{len(done)} of {num_asked} checkpoints are measured"
    return f"**{part.title}**" + (f" · {plain(said)}" if said else "")


def show_part(part: Part, num_asked: int, items: Sequence[Measured]) -> None:
    """Pictures, numbers and caveat of one measure."""
    st.caption(MEASURES[part.measure].question)
    if not num_asked:
        st.info("None of these checkpoints is a diffusion model, which this is asked of.")
        return
    if sum(item.done for item in items) < num_asked:
        st.info("Run above does the rest.")
    if items:
        show_items(part, items)


def show_items(part: Part, items: Sequence[Measured]) -> None:
    """What was measured."""
    settings, results = items[0].request.settings, [(i.card.label, i.result) for i in items]
    pictures = SECTIONS[part.measure].pictures([item.series for item in items], settings)
    draw_all([picture for picture in pictures if not picture.folded], f"{part.name}-")
    st.caption(SECTIONS[part.measure].caveat)
    table = SECTIONS[part.measure].reading(results)
    if len(table):
        alt = f"{part.title}: numbers with their errors"
        show = partial(st.dataframe, table, hide_index=True, alt=alt)
        folded("In numbers", show, f"numbers-{part.name}")


st.title("Compare")
explained(
    "Everything that is measured of some checkpoints on one sheet: same panel, same noise, same "
    "axes and colours. First what differs between them, then what came out."
)
cards = choose_checkpoints(st.container(), differs=True)
engine = shared_engine()
requests = {part.name: part_requests(part, engine.root, cards) for part in PARTS}
handles = job_panel([request for own in requests.values() for request in own])
places = iter(handles)
parts = {name: [next(places) for _ in own] for name, own in requests.items()}
if not any(job.num_done for handle in handles if (job := handle.job()) is not None):
    nothing_yet(handles, "press Run, and every measure is taken of every checkpoint.")

items = list[Measured]()
for number, part in enumerate(PARTS):  # the first picture need not wait for the last result
    own = found(parts[part.name])
    asked = len(parts[part.name])
    folded(
        in_a_line(part, asked, own),
        partial(show_part, part, asked, own),
        f"part-{part.name}",
        expanded=number == 0,
    )
    items += own


def all_numbers() -> None:
    """One row a checkpoint."""
    st.dataframe(summary(items), alt="Every quantity of every checkpoint with its error")
    st.caption(LEGEND)


folded("**Summary** · every number of every checkpoint", all_numbers, "summary")
st.subheader("To keep", divider="gray")
with st.container(horizontal=True):
    download(
        "Report (HTML)",
        lambda: sheet_report(found_parts(parts)),
        "flatdiff-report.html",
        "text/html",
        primary=True,
    )
    download(
        "Data (ZIP)", lambda: to_zip(found_parts(parts)), "flatdiff-data.zip", "application/zip"
    )
st.caption(
    "The report is one file that opens anywhere without a network; the data are every part as "
    "CSV, NPZ and JSON with the commands that made it. The report from the command line:"
)
st.code(report_command(cards), language="bash")
