"""What differs between the checkpoints that a page compares."""

from collections.abc import Sequence

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.differences import differences
from pages.shared.plain import plain

MOST_NAMED = 6


def what_differs(cards: Sequence[Card], *, named: bool = False) -> None:
    """A table of the settings in which they differ, folded; nothing for a single one.

    Args:
        cards: of the checkpoints.
        named: say in its line which settings they are.
    """
    if len(cards) < 2:
        return
    folded = st.expander(
        f"What differs{_named(cards)}" if named else "What differs",
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


def _named(cards: Sequence[Card]) -> str:
    """Their names, most of them."""
    names = [plain(str(name)) for name in differences(cards).index]
    more = len(names) - MOST_NAMED
    rest = [f"{more} more"] if more > 0 else []
    return f": {', '.join([*names[:MOST_NAMED], *rest]) or 'only their weights'}"
