"""What differs between the checkpoints that a page compares."""

from collections.abc import Sequence

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.differences import differences


def what_differs(cards: Sequence[Card], *, expanded: bool = False) -> None:
    """A table of the settings in which they differ, folded; nothing for a single one."""
    if len(cards) < 2:
        return
    folded = st.expander(
        "What differs",
        expanded=expanded,
        icon=":material/difference:",
        key="differs",
        bind="query-params",
    )
    if not folded.open:
        return
    with folded:
        table = differences(cards)
        if len(table):
            st.dataframe(table, alt="Settings in which the checkpoints differ")
        else:
            st.caption("Nothing that their cards know of but their weights.")
        if len({card.digest for card in cards}) < len(cards):
            st.caption("Some of them hold the same weights.")
