"""What a page says of its picture, in one line above it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from flatdiff.views import SECTIONS
from flatdiff.views.style import Series
from flatdiff.views.verdict import verdict
from pages.shared.plain import plain

HELP = (
    "The best of those shown beside the first of them. The interval, 95 %, is by Fieller, of the "
    "errors of this page, wider where the best of several is chosen; checkpoints count as "
    "independent, which errs on the wide side. It does not cover another training run."
)


def say(measure: str, series: Sequence[Series[Any]]) -> None:
    """The verdict of a measure on some checkpoints; nothing where there is none.

    Args:
        measure: a key of `SECTIONS`.
        series: their results.
    """
    if text := told(measure, series):
        st.markdown(f"**{plain(text)}**", help=HELP)


def told(measure: str, series: Sequence[Series[Any]]) -> str:
    """The same as text; "" where there is none."""
    if (headline := SECTIONS[measure].headline) is None:
        return ""
    return verdict(
        headline.quantity, [(entry.title, headline.estimate(entry.result)) for entry in series]
    )
