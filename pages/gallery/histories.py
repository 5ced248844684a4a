"""The loss of finished training runs, as their checkpoints' cards keep it."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.views.training import loss_history_lines
from pages.shared.choose import label
from pages.shared.folded import folded


def show_histories(cards: Sequence[Card]) -> None:
    """A line a run, and its numbers."""
    st.plotly_chart(
        loss_history_lines({label(card): (card.method, card.loss_history) for card in cards}),
        key="histories",
        alt="Training loss by step, one line a run",
    )
    folded("Numbers", partial(_numbers, cards), "numbers-histories")


def _numbers(cards: Sequence[Card]) -> None:
    rows = [
        {"run": label(card), "step": int(step), "loss": loss}
        for card in cards
        for step, loss in card.loss_history
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The losses behind the chart")
