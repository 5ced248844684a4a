"""Is A flatter than B? One sentence for every checkpoint beside a chosen one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import Handle
from flatdiff.engine.store import DONE
from flatdiff.measures.comparison import Comparison, Rises, compare, sentence
from pages.shared.choose import label
from pages.shared.plain import plain


def _compared(a: Rises, b: Rises) -> Comparison:
    """Of the pairs that both have: an early stop may have left one with fewer."""
    pairs = min(len(a.gaps), len(b.gaps))
    return compare(a.first(pairs), b.first(pairs))


def comparison_sentences(
    cards: Sequence[Card], handles: Sequence[Handle], rises: Callable[[Any], Rises]
) -> None:
    """Compare every finished checkpoint with one that is chosen here.

    Args:
        cards: of the checkpoints.
        handles: one measurement each, all with the same settings.
        rises: of a result.
    """
    done = {
        label(card): handle
        for card, handle in zip(cards, handles, strict=True)
        if (job := handle.job()) is not None and job.state == DONE
    }
    peers = {title: others for title in done if (others := _peers(title, done))}
    if not peers:
        return
    st.subheader("Which is flatter?", divider="gray")
    reference = st.selectbox("Compared with", list(peers), key="reference", bind="query-params")
    base = rises(done[reference].result())
    found = {title: _compared(rises(done[title].result()), base) for title in peers[reference]}
    st.markdown("\n".join(f"- {sentence(plain(t), plain(reference), found[t])}" for t in found))
    st.caption(
        "Rise of the loss under the same perturbations on the same panel, pair by pair and member "
        "by member; the interval, 95 %, covers other perturbations and other panels, not other "
        "training runs."
    )


def _peers(title: str, done: Mapping[str, Handle]) -> list[str]:
    """The others of the same network on the same panel: no other noise is the same noise."""
    own = done[title].request
    return [
        other
        for other, handle in done.items()
        if other != title
        and (handle.request.architecture, handle.request.panel) == (own.architecture, own.panel)
    ]
