"""The six steps of the tour: each sets a scene, asks, and shows what is so."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.images.grid import image_grid
from flatdiff.landscape import toy
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.comparison import Estimate
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationResult, QuantizationSettings
from flatdiff.measures.rescaling import RescalingSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surfaces.nearby import EXAMPLE, NearbySettings
from flatdiff.measures.surfaces.settings import SurfaceSettings
from flatdiff.paper.claim_chart import Point, claim_scatter
from flatdiff.views import SECTIONS
from flatdiff.views.base import GRID_COLUMNS
from flatdiff.views.lpf import lpf_dots
from flatdiff.views.quantization import quantization_lines
from flatdiff.views.style import Series
from flatdiff.views.surfaces.loss_scale import common_range
from flatdiff.views.surfaces.plot import drawable, surface_contour
from flatdiff.views.teaching.tour import WELLS, line_through, middle_row, rise_under_noise, wells
from flatdiff.views.teaching.toy import NUM_STAGES, Trail, toy_paths, toy_step
from pages.shared.draw import draw_all
from pages.shared.glossary import explained
from pages.shared.rows import in_rows
from pages.shared.stored import stored
from pages.shared.verdict import say
from pages.teach.tour_question import ask, standing

Pair = Sequence[Card]
START, RHO, RATE, SAM_STEPS, SHOWN_STEP = (-2.4, 1.3), 1.0, 0.1, 150, 15
FEW_BITS = 4


def _not_stored(page: str) -> None:
    st.info(f"The picture of this step is drawn from stored results: press Run on {page} first.")


def landscape(pair: Pair) -> None:
    """What is a loss landscape?"""
    explained(
        "A network is a point: all its weights together. Its **loss** says how badly it does its "
        "work there. Move every weight a little along one random direction, and see."
    )
    surfaces = stored("surface", SurfaceSettings(mode="interpolated"), pair[:1])
    if not surfaces or not drawable(surfaces[0].result):
        _not_stored("Surface")
        return
    (entry,) = surfaces
    a, _ = middle_row(entry.result)
    at = st.slider("Move the weights by", float(a[0]), float(a[-1]), 0.0, step=0.05, key="move")
    st.plotly_chart(
        line_through(entry, at), key="line", alt="Loss along one direction, and where it is now"
    )
    choices = ("The loss rises as well", "The loss falls", "The loss stays as it is")
    if not ask("And along another random direction?", choices, 0, "landscape"):
        return
    left, right = st.columns(2)
    limits = common_range([entry.result])
    assert limits is not None
    left.plotly_chart(
        surface_contour(entry.result, limits),
        key="plane",
        alt=f"Loss surface of {entry.title} over two directions",
    )
    with right:
        _samples_at(pair[:1])
        explained(
            "Training ends at the bottom of a valley: every random direction leads uphill. Two "
            "of them make a **loss surface**, and what lies up there no longer draws as well."
        )


def _samples_at(card: Pair) -> None:
    """What the weights draw at the bottom, and part of the way up."""
    places = {(0.0, 0.0): "at the bottom", EXAMPLE: f"at {EXAMPLE}"}
    for (a, b), where in places.items():
        for entry in stored("nearby", NearbySettings(a=a, b=b), card):
            grid = image_grid(entry.result.images, GRID_COLUMNS)
            st.image(grid, caption=f"drawn {where}", width="stretch", alt=f"Samples {where}")


def flat_and_sharp(pair: Pair) -> None:
    """Flat and sharp by hand."""
    explained(
        "Two valleys with one weight each, equally deep. Shake the weight: the dots are where it "
        "may land, the dashed lines the mean loss of each valley under that noise."
    )
    sigma = st.slider("Noise σ on the weight", 0.0, 0.5, 0.3, 0.05, key="shake")
    st.plotly_chart(wells(sigma), key="wells", alt="A narrow and a wide valley, and their means")
    choices = ("That of the narrow one", "That of the wide one", "Both by the same")
    if not ask("Which valley's mean loss rises more?", choices, 0, "flat"):
        return
    rises = " and ".join(f"{rise_under_noise(k, sigma):.3f} ({n})" for n, (k, _) in WELLS.items())
    explained(
        f"At this σ by {rises}: σ² times half the curvature. The mean loss under noise on all "
        "weights is what the paper measures flatness by, **LPF**. Of two networks that were "
        "trained alike but for SAM:"
    )
    series = stored("lpf", LpfSettings(), pair)
    if not series:
        _not_stored("Flatness")
        return
    say("lpf", series)
    st.plotly_chart(lpf_dots(series), key="lpf", alt="Loss and LPF of each checkpoint")


def sam(_pair: Pair) -> None:
    """What SAM does."""
    explained(
        "**SAM** trains for flat valleys. Before each step it climbs a distance ρ straight "
        "uphill, to the worst point nearby, and asks for the slope there."
    )
    runs = _toy_runs()
    step = runs["SAM"][SHOWN_STEP]
    picture = st.empty()
    choices = ("From the top of the climb", "From where it stood before", "From halfway")
    known = ask("From where does it then step down?", choices, 1, "sam")
    picture.plotly_chart(
        toy_step(step, NUM_STAGES if known else NUM_STAGES - 1, RATE),
        key="slow",
        alt="One step of SAM: the climb, the slope there, and the step down",
    )
    if not known:
        return
    trails = [Trail(n, m, toy.path_of(runs[n])) for n, m in (("SGD", "adm"), ("SAM", "sam"))]
    st.plotly_chart(toy_paths(trails), key="paths", alt="The paths of SGD and SAM to two valleys")
    explained(
        "The climb is only a look. Where a valley is narrower than ρ, the slope at the other side "
        "pushes back out of it: SAM passes the sharp valley in which plain descent (SGD) stays. "
        "Move ρ and the noise on the page **What SAM does**."
    )


def _toy_runs() -> dict[str, list[toy.Step]]:
    draws = 0.4 * np.random.default_rng(0).standard_normal((SAM_STEPS, 2))
    return {
        name: list(toy.train(toy.gradient, np.array(START), draws, RATE, rho))
        for name, rho in (("SGD", 0.0), ("SAM", RHO))
    }


def rounding(pair: Pair) -> None:
    """What rounding does."""
    explained(
        f"A weight in 32 bits can have billions of values; in {FEW_BITS} bits, "
        f"{2**FEW_BITS - 1}. Rounding moves every weight to the nearest value that is left."
    )
    samples = stored("samples", SamplesSettings(bits=WIDTHS), pair)
    losses = stored("quantization", QuantizationSettings(bits=WIDTHS), pair)
    if len(losses) < 2 or len(samples) < 2:
        _not_stored("Rounding")
        return
    bits = st.select_slider("Bits a weight", (32, *WIDTHS), 32, key="tour_bits")
    for column, entry in in_rows(samples):
        images = entry.result.images[entry.result.bits.index(bits)]
        column.image(
            image_grid(images, GRID_COLUMNS),
            caption=f"{entry.title}, {bits} bits",
            width="stretch",
            alt=f"Samples of {entry.title} at {bits} bits",
        )
    adm, flat = (_rise(entry.result) for entry in losses)
    choices = ("It rises less", "It rises more", "That is not decided")
    one, other = losses[1].title, losses[0].title
    question = f"Rounded to {FEW_BITS} bits, what does the loss of {one} do, beside {other}'s?"
    if not ask(question, choices, standing(flat, adm), "rounding"):
        return
    st.plotly_chart(
        quantization_lines(losses, log=True), key="rises", alt="Rise of the loss by bits"
    )
    explained(
        "To 8 bits the step is so short that nobody notices it here. Every bit less doubles it. "
        "A step away from the bottom costs little where the valley is wide."
    )


def _rise(result: QuantizationResult) -> Estimate:
    k = result.bits.index(FEW_BITS)
    return Estimate(float(result.rise[k]), float(result.rise_stderr[k]))


def rescaled(pair: Pair) -> None:
    """The same function with other weights."""
    explained(
        "Behind many convolutions stands a **group norm**, which divides by the size of what "
        "comes in. Multiply the convolution's weights by 4 and the norm divides the 4 out again:"
    )
    st.latex(r"\mathrm{norm}(4\,W * x) = \mathrm{norm}(W * x)")
    st.markdown("The network has other weights, and computes what it did.")
    choices = ("It stays as it is", "It gets flatter", "That depends on how one measures")
    if not ask("What does its flatness do?", choices, 2, "rescaled"):
        return
    series = stored("rescaling", RescalingSettings(), pair)
    if not series:
        _not_stored("Lie detector")
        return
    draw_all(SECTIONS["rescaling"].pictures(series, RescalingSettings()))
    explained(
        "**Absolute** noise is less to larger weights: by it one can fake flatness and change "
        "nothing. Noise **in units of each filter's size** grows with the weights and is not "
        "fooled. Two networks that were trained differently are compared by the second."
    )


def found(pair: Pair) -> None:
    """What the paper claims, and what was found here."""
    explained(
        "The paper trained diffusion models of 57 to 296 million weights on natural images: those "
        "trained with SAM were flatter, survived rounding, and drew **better samples** (lower "
        "FID). Here are two small networks for digits."
    )
    frechet = stored("frechet", FrechetSettings(), pair)
    if len(frechet) < 2:
        _not_stored("Sample quality")
        return
    adm, flat = (_number("frechet", entry) for entry in frechet)
    choices = ("They are better", "They are worse", "That is not decided")
    question = f"And the samples of {frechet[1].title} here, beside {frechet[0].title}'s?"
    if not ask(question, choices, standing(flat, adm), "found"):
        return
    flatness = stored("lpf", LpfSettings(), pair)
    st.plotly_chart(_claimed(flatness, frechet), key="found", alt="Flatness against quality")
    say("frechet", frechet)
    say("lpf", flatness)
    say("exposure", stored("exposure", ExposureSettings(), pair))
    say("quantization", stored("quantization", QuantizationSettings(), pair))
    explained(
        "Flatter is one thing, better another: SAM's radius has to be chosen, and one that is "
        "too large buys flatness with quality. Two training runs prove nothing about all "
        "others. The page **The claim** has every checkpoint, and what can be decided."
    )


def _number(measure: str, entry: Series[Any]) -> Estimate:
    headline = SECTIONS[measure].headline
    assert headline is not None, f"the tour tells of {measure}"
    return headline.estimate(entry.result)


def _claimed(flatness: Sequence[Series[Any]], quality: Sequence[Series[Any]]) -> go.Figure:
    points = [
        Point(
            one.title, one.method, one.family, _number("lpf", one), _number("frechet", other), True
        )
        for one, other in zip(flatness, quality, strict=False)
    ]
    return claim_scatter(points, "rise of the loss under weight noise", "Fréchet distance")


STEPS: dict[str, Callable[[Pair], None]] = {
    "What is a loss landscape?": landscape,
    "Flat and sharp, by hand": flat_and_sharp,
    "What SAM does": sam,
    "What rounding does": rounding,
    "The same function with other weights": rescaled,
    "What the paper claims, and what was found": found,
}
