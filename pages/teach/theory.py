"""Theory: the paper's section 3 in two dimensions, every claim beside what it is about."""

import streamlit as st

from flatdiff.paper.theory.lab import LARGEST
from flatdiff.paper.theory.random_features import (
    LEAST_FEATURES,
    MOST_FEATURES,
    draw_features,
    random_perturbation,
    slice_along,
)
from flatdiff.system.files import PROJECT_ROOT
from pages.shared.choose import seed_input, whole_number
from pages.shared.glossary import explained
from pages.shared.parts import part_input, way_on
from pages.teach.theory_bound import covered_set, divergence
from pages.teach.theory_prior import perturbed_noise, perturbed_prior

WORST, SHIFTED, RANDOM, BY_HAND = "wider and shifted", "shifted", "random", "by hand"
MIXES = {WORST: 180.0, "wider": 270.0, "narrower": 90.0, "narrower and shifted": 0.0}
DOCUMENT = PROJECT_ROOT / "docs" / "theory.md"


def choose_by_hand() -> tuple[float, float]:
    """The axis along which δ stretches and shifts, and how much it does of which; degrees."""
    left, right = st.columns(2)
    degrees = left.slider(
        "Axis of stretch and shift, degrees", 0, 175, 30, 5, key="axis", bind="query-params"
    )
    mix = right.slider(
        "Mix of stretch and shift, degrees",
        0,
        360,
        200,
        5,
        key="mix",
        bind="query-params",
        help="90 narrows the prior and 270 widens it, without a shift; near 0 and 180 it is "
        "shifted as well, one way and the other.",
    )
    return float(degrees), float(mix)


st.title("The theory")
explained(
    "Why should flat weights help? The paper's answer (Section 3): moving the weights does the "
    "same as moving the distribution that the model was made for, so a model that does not mind "
    "the one does not mind the other. Here is the small model of its proof in two dimensions, "
    "where both sides of every claim can be computed. What holds is shown to hold; what does not "
    "is shown to fail."
)
st.latex(r"s_\theta(x)=\tfrac1m\,\theta\,\sigma\!\left(W^\top x+U^\top e\right)\quad(9)")
st.markdown(
    "A **random feature model** of the score ∇ log *p*, the direction in which the density grows: "
    "*m* features of *x* and of the timestep's embedding *e*, with *W* and *U* random and frozen. "
    "Only θ is learned, and **δ** is what is added to it."
)
columns = st.columns(4)
with columns[0]:
    size = st.slider(
        "Size Δ = ‖δ‖₂",
        0.05,
        LARGEST,
        0.6,
        0.05,
        key="delta",
        bind="query-params",
        help="The largest singular value of δ. W and U are scaled so that below 1 there is "
        "always a perturbed prior.",
    )
with columns[1]:
    kind = st.selectbox(
        "What δ does to N(0, I)",
        [*MIXES, SHIFTED, RANDOM, BY_HAND],
        key="kind",
        bind="query-params",
        help="All but the random one change it along one axis. The first is where the paper's "
        "Eq. 18 fails as printed.",
    )
with columns[2]:
    m = whole_number("Features m", "m", 4, LEAST_FEATURES, MOST_FEATURES, step=4)
with columns[3]:
    seed = seed_input("Of W and U, and of a random δ.")

features = draw_features(m, seed)
along, mix = slice_along(features), MIXES.get(kind)
if kind == BY_HAND:
    degrees, mix = choose_by_hand()
    along = slice_along(features, degrees)
elif kind == SHIFTED:
    mix = along.only_shift(features)
direction = random_perturbation(features, seed) if mix is None else along.perturbations(mix)

# One at a time: eight charts at once are three seconds of a browser.
PARTS = {
    "The prior": lambda: perturbed_prior(features, direction, size),
    "The noise": lambda: perturbed_noise(features, size * direction),
    "The bound": lambda: divergence(features, direction, size, along, mix),
    "What is covered": lambda: covered_set(features, size, along, seed),
}
part = part_input(list(PARTS))
PARTS[part]()
way_on({name: name for name in PARTS}, part)
with st.expander("The paper's statements one by one: what holds, what needs a correction, why"):
    st.markdown(DOCUMENT.read_text("utf-8").partition("\n")[2])
