"""Is A flatter than B? One sentence for every checkpoint beside a chosen one."""

from collections.abc import Sequence

import streamlit as st
from numpy.typing import NDArray

from flatdiff.comparison import Comparison, compare, sentence


@st.cache_data(max_entries=256, show_spinner=False)
def _compared(gaps_a: NDArray, gaps_b: NDArray) -> Comparison:
    return compare(gaps_a, gaps_b)


def comparison_sentences(titles: Sequence[str], gaps: Sequence[NDArray]) -> None:
    """Compare the rises (pairs, N) of every checkpoint with those of one that is chosen here."""
    if len(titles) < 2 or len({rise.shape for rise in gaps}) > 1 or min(gaps[0].shape) < 2:
        return
    st.subheader("Which is flatter?", divider="gray")
    reference = st.selectbox("Compared with", titles, key="reference", bind="query-params")
    base = gaps[list(titles).index(reference)]
    st.markdown(
        "\n".join(
            f"- {sentence(title, reference, _compared(rise, base))}"
            for title, rise in zip(titles, gaps, strict=True)
            if title != reference
        )
    )
    st.caption(
        "Rise of the loss under the same perturbations on the same panel, pair by pair and member "
        "by member; the interval is a bootstrap over both."
    )
