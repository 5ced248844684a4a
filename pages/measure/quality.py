"""Sample quality: how far are samples from real images, and those of rounded weights?"""

import streamlit as st

from flatdiff.images.datasets import FeatureName
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.frechet import FrechetSettings, usual_features
from flatdiff.measures.request import make_request
from flatdiff.paper.reported import TABLE_2, TABLE_4
from flatdiff.views import SECTIONS
from pages.shared.choose import choose_checkpoints, seed_input, whole_number
from pages.shared.draw import draw_all
from pages.shared.drawer import settings_drawer
from pages.shared.folded import folded
from pages.shared.glossary import explained
from pages.shared.job import job_panel, nothing_yet
from pages.shared.record import numbers, record, series_of
from pages.shared.scheme import choose_options
from pages.shared.verdict import say

FID_IMAGES = 50_000  # that published FIDs are taken from
FEW_IMAGES = 10_000  # below, a FID of 2048 features is mostly bias
CAVEATS: dict[FeatureName, str] = {
    "digits": "A proxy: the distances are between features of a small network trained on the "
    "digits, not of Inception, and compare with no published number. It sees every image as 8 × 8 "
    "grey pixels.",
    "inception": f"FID by clean-fid's resizer and Inception, in its mode “clean”. Published ones "
    f"are of {FID_IMAGES:,} images; the fewer, the larger.",
}


def reported() -> None:
    """As the paper reports it."""
    st.table(TABLE_2.style.format("{:.2f}"))
    st.table(TABLE_4)
    st.caption(
        "By number of sampling steps; below, at 32 → 8 bits on CIFAR-10, where 34.47 → 48.02 is a "
        "change of +13.55 that the paper prints as +13.65. Other networks and other data: compare "
        "the pattern of the rows, not the values."
    )


st.title("Sample quality")
explained("How far generated images are from real ones, with 32-bit weights and rounded ones.")
drawer = settings_drawer()
cards = choose_checkpoints(drawer, measures=("frechet",))
with drawer:
    columns = st.columns(5)
    with columns[0]:
        features = st.selectbox(
            "Features",
            list(CAVEATS),
            index=list(CAVEATS).index(usual_features(cards)),
            key="features",
            bind="query-params",
            help="The network that looks at the images: FID's Inception, or a small one that "
            "knows digits.",
        )
    with columns[1]:
        bits = st.selectbox("Bits", WIDTHS, key="bits", bind="query-params")
    with columns[2]:
        images = whole_number(
            "Images",
            "num_images",
            1024,
            2,
            10_000,
            step=256,
            help_text="Of each checkpoint at each width; the command line takes up to 50,000.",
        )
    with columns[3]:
        steps = whole_number("Sampling steps", "num_sampling_steps", 20, 2, 1000, step=10)
    with columns[4]:
        seed = seed_input("Of x_T and of every noise; the same for every checkpoint and width.")
    options = choose_options()

settings = FrechetSettings(
    features=features,
    num_images=images,
    num_sampling_steps=steps,
    bits=(32, bits),
    seed=seed,
    **options,
)
handles = job_panel([make_request("frechet", card, settings) for card in cards])
detail = SECTIONS["frechet"].detail
series = [entry for entry in series_of(cards, handles) if detail(entry.result)]
if not series:
    nothing_yet(handles, "press Run to draw images and compare them with real ones.")

say("frechet", series)
draw_all(SECTIONS["frechet"].pictures(series, settings))
st.caption("The paper finds that flat models draw better and lose less to rounding.")
st.dataframe(
    SECTIONS["frechet"].reading([(entry.title, entry.result) for entry in series]),
    hide_index=True,
    alt="Every distance with its standard error, by checkpoint and bit width",
)
if len(series) < len(cards):
    st.caption("A checkpoint appears once all of its images are drawn and compared.")
if features == "inception" and images < FEW_IMAGES:
    st.warning(
        f"{images:,} images are few for 2,048 features: this FID is mostly bias. Draw at least "
        f"{FEW_IMAGES:,}, or read the kernel distance (KID)."
    )
st.caption(CAVEATS[features])
st.caption(
    f"± is one standard error over generated images, the {series[0].result.num_reference:,} real "
    "ones held fixed, but over real images for recall, the share of them that the generated ones "
    "reach; the change over 32 bits is paired by noise. A Fréchet distance is too large "
    "by an amount that shrinks with the number of images: compare only equal numbers. The kernel "
    "distance (KID, if the features are Inception's) has no such bias."
)
folded("The paper's Tables 2 and 4, as reported (FID)", reported, "reported-quality")
numbers(cards, handles)
record(handles)
