"""Samples: what do rounded weights draw from the same noise?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.images.listing import classes_of
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.request import make_request
from flatdiff.measures.samples import EXAMPLE_BITS, SamplesSettings
from flatdiff.views import SECTIONS
from pages.shared.choose import choose_checkpoints, seed_input, whole_number
from pages.shared.draw import draw_all
from pages.shared.drawer import settings_drawer
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.record import numbers, record, series_of
from pages.shared.scheme import choose_options
from pages.shared.stored import stored
from pages.shared.verdict import say

MOST_CLASSES = 4  # that are chosen before anybody does
SEEN = 3.0  # mean change of a pixel, of 255, below which nobody sees one


def choose_classes(cards: Sequence[Card]) -> tuple[int, ...]:
    """Labels of what a class-conditional network shall draw; () where there is none."""
    if not cards or not all(card.flags.num_classes for card in cards):
        return ()
    known = min(card.flags.num_classes or 0 for card in cards)
    names = classes_of(cards[0].dataset)
    chosen = st.multiselect(
        "Classes",
        range(known),
        default=range(min(known, MOST_CLASSES)),
        format_func=lambda label: names[label] if label < len(names) else str(label),
        key="classes",
        bind="query-params",
        help="A row each where all have as many images, four or more; none: random ones.",
    )
    return tuple(chosen)


def unseen(cards: Sequence[Card]) -> str:
    """Why the paper's 8 bits are not what this page begins with; "" where it is not known."""
    found = stored("samples", SamplesSettings(), cards)
    changes = [entry.result.pixel_change[1] for entry in found]
    known = [change for change in changes if np.isfinite(change)]
    if not known or max(known) > SEEN:
        return ""
    return (
        f"At 8 bits, the paper's width, a pixel of these changes by {max(known):.1f} of 255 on "
        "average at most, which nobody sees. "
    )


st.title("Samples")
explained("The same noise through the same network, with 32-bit weights and with rounded ones.")
drawer = settings_drawer()
cards = choose_checkpoints(drawer, measures=("samples",))
with drawer:
    columns = st.columns(4)
    with columns[0]:
        bits = st.selectbox(
            "Bits", WIDTHS, WIDTHS.index(EXAMPLE_BITS), key="bits", bind="query-params"
        )
    with columns[1]:
        steps = whole_number("Sampling steps", "num_sampling_steps", 50, 2, 1000, step=10)
    with columns[2]:
        images = whole_number("Images", "num_images", 16, 1, 256, step=8)
    with columns[3]:
        seed = seed_input("Of x_T and of every noise; the same for every grid.")
    options = choose_options()

settings = SamplesSettings(
    num_images=images, num_sampling_steps=steps, bits=(32, bits), seed=seed, **options
)
with drawer:
    settings = replace(settings, classes=choose_classes(cards))
handles = job_panel([make_request("samples", card, settings) for card in cards])
detail = SECTIONS["samples"].detail
series = [entry for entry in series_of(cards, handles) if detail(entry.result)]
if not series:
    nothing_yet(handles, "press Run to draw both grids.")

say("samples", series)
draw_all(SECTIONS["samples"].pictures(series, settings))
st.caption(
    f"{unseen(cards)}The paper's counterparts are its Fig. 2 and Fig. 4: CIFAR-10 at 8 bits, the "
    "latter with 20 sampling steps. What rounding does to the loss stands on the page "
    "Quantization."
)
numbers(cards, handles)
record(handles)
