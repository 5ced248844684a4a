"""SAM: one step in slow motion, and where its path ends on a loss of two weights."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from flatdiff.landscape import toy
from flatdiff.landscape.toy import Place, Step
from flatdiff.views.teaching.toy import DESCENT_SCALE, NUM_STAGES, Trail, toy_paths, toy_step
from pages.shared.choose import seed_input, whole_number
from pages.shared.folded import folded
from pages.shared.glossary import explained

STARTS: dict[str, tuple[float, float]] = {
    "far left": (-2.4, 1.3),
    "in the sharp valley": (-1.0, 0.25),
    "below": (-1.6, -1.3),
    "right": (2.3, 1.3),
}
STAGES = {
    1: "**1. Gradient.** At the weights θ the gradient g points straight uphill.",
    2: "**2. Up.** SAM walks a distance ρ along it, to the worst point nearby: θ + ρ g / ‖g‖.",
    3: "**3. Gradient there.** It asks for the gradient g′ at that point, not at θ.",
    4: "**4. Down, from θ.** It goes back to θ exactly, and steps from there against g′: "
    "θ ← θ − η g′. SGD would have stepped against g.",
}
AVERAGED = ("SGD", "EMA", "SWA")
CLOSE = 0.45  # half the width of the close-up
EMA_DECAY = 0.95
LPF_SIGMA = 0.3
NOISY = f"loss under noise (σ = {LPF_SIGMA})"
MAX_STEPS = 500
DEFAULT_STEP = 15  # in the sharp valley, where SGD and SAM part


def next_stage() -> None:
    """One stage on; after the last one, the next training step."""
    state = st.session_state
    done = state["stage"] == NUM_STAGES
    state["step"] = min(state["step"] + done, MAX_STEPS)
    state["stage"] = 1 if done else state["stage"] + 1


def ends_of(trails: Mapping[str, Place]) -> pd.DataFrame:
    """Where each ends, how high it is there, and how high under weight noise."""
    ends = np.array([points[-1] for points in trails.values()])
    return pd.DataFrame(
        {
            "": list(trails),
            "valley": np.where(toy.in_sharp_valley(ends), "sharp", "flat"),
            "loss": toy.loss(ends).round(3),
            NOISY: toy.smoothed_loss(ends, LPF_SIGMA).round(3),
            "weights": [f"({x:.2f}, {y:.2f})" for x, y in ends],
        }
    ).set_index("")


def seen(table: pd.DataFrame) -> str:
    """What these paths show, in a sentence or two."""
    valley, lpf = table["valley"].to_dict(), table[NOISY].to_dict()
    if valley["SGD"] == valley["SAM"]:
        text = f"SGD and SAM both end in the **{valley['SGD']} valley**."
    else:
        text = (
            f"SGD ends in the **{valley['SGD']} valley**, SAM in the **{valley['SAM']}** one. "
            f"Under noise on the weights the loss is {lpf['SGD']:.2f} where SGD ended and "
            f"{lpf['SAM']:.2f} where SAM did."
        )
    if valley["EMA"] == valley["SWA"] == valley["SGD"]:
        return f"{text} EMA and SWA average SGD's path within the valley where it ended."
    return f"{text} SGD's path changed valleys late, and its averages lag behind."


def numbers_of(step: Step) -> pd.DataFrame:
    """The numbers of one step."""
    rows = {
        "θ": step.theta,
        "g": step.gradient,
        "θ + ρ g / ‖g‖": step.ascended,
        "g′": step.ascended_gradient,
        "θ after": step.after,
    }
    return pd.DataFrame(rows, index=["first weight", "second weight"]).T.round(4)


st.title("What SAM does")
explained(
    "Most losses have valleys of every width. Plain gradient descent (SGD) takes the first one it "
    "falls into. Sharpness-aware minimization (SAM) looks at the worst point nearby before each "
    "step, so that a narrow valley does not look like one. Here is a loss of two weights, with a "
    "sharp valley on the way to a flat one."
)
columns = st.columns(3)
with columns[0]:
    start = st.selectbox("Start", list(STARTS), key="toy_start", bind="query-params")
    rho = st.slider("ρ of SAM", 0.0, 1.5, 1.0, 0.05, key="toy_rho", bind="query-params")
with columns[1]:
    rate = st.slider("Learning rate η", 0.01, 0.3, 0.1, 0.01, key="rate", bind="query-params")
    noise = st.slider(
        "Noise of the gradient",
        0.0,
        1.0,
        0.4,
        0.05,
        key="toy_noise",
        bind="query-params",
        help="Standard deviation of what a random batch adds; the same for SGD and SAM.",
    )
with columns[2]:
    num_steps = whole_number("Training steps", "num_steps", 150, 20, MAX_STEPS, step=10)
    seed = seed_input("Of the gradient's noise.")

draws = noise * np.random.default_rng(seed).standard_normal((num_steps, 2))
runs = {
    name: list(toy.train(toy.gradient, np.array(STARTS[start]), draws, rate, sam_rho))
    for name, sam_rho in (("SGD", 0.0), ("SAM", rho))
}
sgd = toy.path_of(runs["SGD"])
trails = {
    "SGD": sgd,
    "SAM": toy.path_of(runs["SAM"]),
    "EMA": toy.ema(sgd, EMA_DECAY),
    "SWA": toy.swa(sgd, num_steps // 2)[None],
}
methods = {"SGD": "adm", "SAM": "sam", "EMA": "adm-ema", "SWA": "adm-swa"}
table = ends_of(trails)

left, right = st.columns(2)
with left:
    st.subheader("One step in slow motion", divider="gray")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = whole_number("Training step", "step", DEFAULT_STEP, 0, MAX_STEPS)
        stage = st.slider("Stage", 1, NUM_STAGES, NUM_STAGES, key="stage", bind="query-params")
        st.button("Next", icon=":material/skip_next:", on_click=next_stage)
    step = runs["SAM"][min(number, num_steps - 1)]
    st.plotly_chart(
        toy_step(step, stage, rate),
        key="slow",
        alt=f"Step {number} of SAM, stage {stage}: gradient, way up, gradient there, way down",
    )
    st.markdown(STAGES[stage])
    st.caption(
        "A part of the picture beside it, around SAM's weights at this step. The way up is to "
        f"scale; the steps down are drawn {DESCENT_SCALE} times as long as they are, and g and g′ "
        "so that the longer one fits."
    )
with right:
    st.subheader("The paths", divider="gray")
    st.plotly_chart(
        toy_paths([Trail(name, methods[name], points) for name, points in trails.items()]),
        key="paths",
        alt="Contours of the loss with the paths of SGD, SAM and EMA, and the mean of SWA",
    )
    st.markdown(seen(table))

st.subheader("What averages do", divider="gray")
left, right = st.columns(2)
centre = trails["SWA"][-1]
with left:
    half = [Trail(name, methods[name], trails[name][-num_steps // 2 :]) for name in AVERAGED]
    st.plotly_chart(
        toy_paths(half, *((x - CLOSE, x + CLOSE) for x in centre)),
        key="averages",
        alt="The second half of SGD's path, close up, with EMA's and the mean of SWA",
    )
with right:
    st.markdown(
        "Noise keeps SGD moving about the bottom of its valley. EMA and SWA average its path and "
        "lie nearer to the bottom. They stay in the valley that SGD has found: averaging lowers "
        "the loss, it does not make the valley wider. Shown is the second half of the steps."
    )
    st.table(table.style.format("{:.3f}", ["loss", NOISY]))
    st.caption(f"EMA keeps {EMA_DECAY:g} of itself at each step. Both are of SGD's path.")

st.subheader("What to try", divider="gray")
st.markdown(
    "- **ρ = 0.1**: the way up stays inside the sharp valley, and so does SAM. What counts as "
    "sharp is what is narrower than ρ; ρ = 0 is SGD.\n"
    "- **Start in the sharp valley**: SAM leaves it again, SGD does not.\n"
    "- **Noise 0**: SGD comes to rest, and there is nothing left to average. SAM halts early, at "
    "a distance of about ρ from the sharp valley: from there the way up leads back into it.\n"
)
st.caption(
    "Algorithms as in training: SAM by Foret et al. (2021), EMA and SWA as in the paper's "
    "Algorithm 1. A loss of two weights shows a mechanism; what SAM does to a network is measured "
    "on the other pages."
)
folded(
    "Numbers of the step in slow motion",
    lambda: st.dataframe(numbers_of(step), alt="Weights and gradients of the step in slow motion"),
    "numbers-step",
)
