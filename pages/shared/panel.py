"""Which panel the losses of a page are measured on; the same for all that is compared."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flatdiff.checkpoints.card import Card
from flatdiff.images.datasets import Split
from flatdiff.landscape.panel import MAX_SIZE, Panel
from pages.shared.choose import whole_number

SPLITS: dict[Split, str] = {"held_out": "held-out images", "train": "training images"}


def choose_panel(place: DeltaGenerator) -> Callable[[Card], Panel]:
    """Images, size and seed, in the settings; returns the panel of each checkpoint."""
    usual = Panel()
    with place:
        columns = iter(st.columns(4))
        with next(columns):
            split = st.selectbox(
                "Panel images",
                list(SPLITS),
                format_func=SPLITS.__getitem__,
                key="panel_split",
                bind="query-params",
            )
        with next(columns):
            size = whole_number(
                "Panel size",
                "panel_size",
                usual.size,
                2,
                MAX_SIZE,
                step=64,
                help_text="Images with their timesteps and noises; errors fall with its root.",
            )
        with next(columns):
            help_text = "Of timesteps and noises: another one shows what the panel's error is."
            seed = whole_number(
                "Panel seed", "panel_seed", usual.seed, 0, 2**31 - 1, help_text=help_text
            )
    return lambda card: Panel(dataset=card.dataset, split=split, size=size, seed=seed)
