"""What a measure is, when to trust it and when not: the documentation, on the page itself."""

from functools import cache

import streamlit as st

from flatdiff.system.files import PROJECT_ROOT
from pages.shared.folded import folded

MEASURES = PROJECT_ROOT / "docs" / "measures"


def about(measure: str) -> None:
    """Show a measure's documentation, folded; nothing where a page itself explains all."""
    if not (MEASURES / f"{measure}.md").exists():
        return
    folded(
        "What this is, and when to trust it",
        lambda: st.markdown(_text(measure)),
        f"about-{measure}",
        icon=":material/menu_book:",
    )


@cache
def _text(measure: str) -> str:
    """Without the heading, which the page has."""
    text = (MEASURES / f"{measure}.md").read_text(encoding="utf-8")
    return text.split("\n", 1)[1].strip()
