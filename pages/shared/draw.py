"""Pictures of the registry on a page."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.views import Picture
from flatdiff.views.base import in_groups
from pages.shared.plain import plain
from pages.shared.rows import in_rows


def draw(picture: Picture, prefix: str = "") -> None:
    """One picture without its heading.

    Args:
        picture: a chart or an image.
        prefix: of its key, where several sections stand on one page.
    """
    if isinstance(picture.content, np.ndarray):
        st.image(picture.content, width="stretch", alt=picture.alt)
    else:
        st.plotly_chart(picture.content, key=f"{prefix}{picture.key}", alt=picture.alt)


def draw_all(pictures: Sequence[Picture], prefix: str = "") -> None:
    """Each with heading and caption; those that stand beside others in rows."""
    for group in in_groups(pictures):
        for column, picture in in_rows(group):
            with column:
                if picture.heading:
                    st.markdown(f"**{plain(picture.heading)}**")
                draw(picture, prefix)
                if picture.caption:
                    st.caption(picture.caption)


def draw_timesteps(pictures: Sequence[Picture], cards: Sequence[Card]) -> bool:
    """Where the loss rises by timestep, and a sentence on networks without; False for none."""
    without = [plain(card.id) for card in cards if not card.flags.is_diffusion]
    if without:
        st.caption(f"Left out, as a loss of one's own has no timesteps: {', '.join(without)}.")
    draw_all(pictures)
    return bool(pictures)
