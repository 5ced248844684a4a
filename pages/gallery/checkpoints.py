"""Checkpoints: what is there to measure?"""

import streamlit as st

from flatdiff.cards import Card
from flatdiff.engine import shared_engine
from flatdiff.figures.training import loss_history_lines
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.pictures import image_grid
from flatdiff.requests import make_request
from pages.shared.choose import all_cards, label, plain
from pages.shared.job import job_panel
from pages.shared.rows import MAX_COLUMNS, in_rows

THUMBNAIL_COLUMNS = 8


def show_card(card: Card) -> None:
    """One checkpoint: thumbnail, method, loss, size, and the way on."""
    engine = shared_engine()
    samples = engine.handle(make_request("samples", card, SamplesSettings()))
    losses = engine.handle(make_request("quantization", card, QuantizationSettings()))
    with st.container(border=True):
        st.markdown(f"**{plain(label(card))}**")
        if samples.job() is not None and samples.result().images.shape[1]:
            st.image(
                image_grid(samples.result().images[0], THUMBNAIL_COLUMNS),
                width="stretch",
                alt=f"Samples of {label(card)}",
            )
        result = losses.result() if losses.job() is not None else None
        loss = f"{result.loss[0]:.4f} ± {result.stderr[0]:.4f}" if result else "not measured yet"
        st.markdown(
            f"held-out loss {loss}  \n{card.num_parameters:,} weights, "
            f"{card.num_parameters * 4 / 1e6:.1f} MB, step {card.step:,}  \n"
            f"`{card.digest[:12]}`"
        )


st.title("Checkpoints")
st.markdown(
    "Three training runs, each with its raw, averaged (EMA) and tail-averaged (SWA) weights: the "
    "nine methods of the paper's Table 2. Pick a page on the left to ask how flat they are."
)
cards = all_cards()
wanted = [make_request("samples", card, SamplesSettings()) for card in cards]
wanted += [make_request("quantization", card, QuantizationSettings()) for card in cards]
job_panel(wanted)
for family in dict.fromkeys(card.family for card in cards):
    st.subheader(plain(family), divider="gray")
    own = [card for card in cards if card.family == family]
    for column, card in in_rows(own, MAX_COLUMNS):
        with column:
            show_card(card)

st.subheader("Training", divider="gray")
runs = [card for card in cards if card.weights == "raw" and card.loss_history]
if runs:
    st.plotly_chart(
        loss_history_lines({label(c): (c.method, c.loss_history) for c in runs}),
        key="history",
        alt="Training loss by step, one line a run",
    )
chosen = st.selectbox("Card", [card.id for card in cards], key="card", bind="query-params")
card = next(card for card in cards if card.id == chosen)
if card.command:
    st.caption("Trained with:")
    st.code(card.command, language="bash")
with st.expander("The whole card"):
    st.json({k: v for k, v in card.to_json().items() if k != "loss_history"}, expanded=2)
