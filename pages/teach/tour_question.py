"""A question of the tour is asked before its answer is shown, for a class to argue about."""

from collections.abc import Sequence

import streamlit as st

from flatdiff.measures.comparison import Estimate, ratio_of

LESS, MORE, NOT_DECIDED = range(3)


def ask(question: str, choices: Sequence[str], right: int, key: str) -> bool:
    """Put it, and say whether the answer was right.

    Args:
        question: as it is read out.
        choices: in their order.
        right: which of them.
        key: of the question among all of a page.

    Returns:
        Whether somebody has answered.
    """
    answer = st.radio(f"**{question}**", choices, index=None, key=f"answer-{key}")
    if answer is None:
        return False
    if answer == choices[right]:
        st.success("So it is.", icon=":material/check:")
    else:
        st.info(f"It is otherwise: {choices[right][0].lower()}{choices[right][1:]}.")
    return True


def standing(one: Estimate, other: Estimate) -> int:
    """Which of the choices less, more and not decided their errors allow.

    >>> standing(Estimate(1.0, 0.1), Estimate(2.0, 0.1)) == LESS
    True
    >>> standing(Estimate(1.9, 0.1), Estimate(2.0, 0.1)) == NOT_DECIDED
    True
    """
    if not ratio_of(one, other).decided:
        return NOT_DECIDED
    return LESS if one.value < other.value else MORE
