"""Theory, second half: how far the prior moves, and what a flat minimum covers."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from flatdiff.paper.theory.figures import bound_lines, coverage_map, covered_priors, failure_map
from flatdiff.paper.theory.lab import (
    LARGEST,
    MIXES,
    SIZES,
    Bounds,
    MeanAndCovariance,
    bounds,
    coverage,
    gaussians,
    kl_over_printed,
    radii,
)
from flatdiff.paper.theory.random_features import (
    Delta,
    RandomFeatures,
    Slice,
    effective_perturbations,
)
from pages.shared.folded import folded

NUM_MEMBERS = 24
TABLE_SIZES = (0.1, 0.2, 0.4, 0.6, 0.8, LARGEST)


def divergence(
    features: RandomFeatures, direction: Delta, size: float, along: Slice, mix: float | None
) -> None:
    """Corollary 3.9.

    Args:
        features: of the model.
        direction: of the perturbation, norm 1.
        size: of the perturbation.
        along: the slice on the map.
        mix: degrees, of the perturbation in that slice; None where it is of no slice.
    """
    st.subheader("3. How far the prior moves, and a bound that fails", divider="gray")
    st.markdown(
        "How different are the two priors? Their KL divergence has a closed form, with "
        "$\\sigma_1\\le\\dots\\le\\sigma_d$ the eigenvalues of $\\Sigma_\\delta^{-1}$: one part "
        "for the shape, one for the shift. The paper bounds the second part, *q*, by multiplying "
        "with the largest eigenvalue; it takes dividing by the smallest."
    )
    st.latex(
        r"\begin{gathered}\mathrm{KL}(\epsilon\,\|\,\hat\epsilon)=\tfrac12\Big[\textstyle\sum_i"
        r"(\sigma_i-\log\sigma_i)-d+q\Big]\\"
        r"q=\mu_\delta^\top\Sigma_\delta^{-1}\mu_\delta\\"
        r"q\le\sigma_d\,r^2\quad\text{(18, as printed)}\\"
        r"q\le r^2/\sigma_1\quad\text{(corrected)}\\"
        r"r=\tfrac{\Delta}{m}\|U^\top e\|\end{gathered}"
    )
    verdict(bounds(features, direction, np.array([size])))
    found, ratio = bounds(features, direction), kl_over_printed(features, along)
    bound_charts(found, ratio, size, mix)
    failure_words(ratio)
    bound_numbers(found, ratio)


def bound_charts(found: Bounds, ratio: np.ndarray, size: float, mix: float | None) -> None:
    """The bounds of this perturbation by its size, and where the printed one fails."""
    left, right = st.columns(2)
    left.markdown("**This δ, by its size**")
    left.plotly_chart(
        bound_lines(found, size), key="bounds", alt="KL divergence and its bounds by size"
    )
    right.markdown("**KL over the printed bound, along the axis**")
    right.plotly_chart(
        failure_map(ratio, None if mix is None else (mix, size)),
        key="fails",
        alt="KL over Eq. 18 as printed, by mix and size; above 1 the printed bound fails",
    )


def failure_words(ratio: np.ndarray) -> None:
    """Where the printed bound fails, why, and where it stands in the paper."""
    inside = (
        f"The printed bound fails inside the white line: at {(ratio > 1).mean():.0%} of the "
        f"settings on the map, by a factor of up to {ratio.max():.2f}."
        if (ratio > 1).any()
        else "Along this axis the printed bound fails nowhere."
    )
    st.caption(
        f"{inside} It can fail only where $\\sigma_1\\sigma_d<1$, so only where the prior grows "
        "wider; and for every W and U it does fail, at every Δ, for δ along "
        "$-Wg\\,g^\\top$ with $g=U^\\top e$ (“wider and shifted”): there KL equals the corrected "
        "bound, so that none of its form is smaller. Grey: with $1-\\Delta\\|W\\|_2/m$ for "
        "every σ it is a bound for all δ of this size at once."
    )
    st.caption(
        "Source: Corollary 3.9, Eq. 18; Eqs. 41, 42 and 47 to 51. Eq. 41 is headed KL(ε̂ ‖ ε), "
        "but its formula is that of KL(ε ‖ ε̂), as Eq. 17 wants."
    )


def verdict(here: Bounds) -> None:
    """Whether the bounds hold for the chosen perturbation, with the numbers."""
    kl, printed, corrected = (float(v[0]) for v in (here.kl, here.printed, here.corrected))
    numbers = f"KL {kl:.4f} nats, printed bound {printed:.4f}, corrected bound {corrected:.4f}"
    if kl > printed:
        st.warning(f"Here Eq. 18 fails as printed: {numbers}.")
    else:
        st.success(f"Here both bounds hold: {numbers}.")


def bound_numbers(found: Bounds, ratio: np.ndarray) -> None:
    """Both charts as tables."""
    folded("Numbers", partial(_bound_tables, found, ratio), "numbers-bounds")


def _bound_tables(found: Bounds, ratio: np.ndarray) -> None:
    names = ("KL", "as printed", "corrected", "any δ of this size")
    values = (found.kl, found.printed, found.corrected, found.ball)
    table = pd.DataFrame({"Δ": found.sizes, **dict(zip(names, values, strict=True))})
    st.dataframe(table, hide_index=True, alt="KL and its bounds by size")
    grid = pd.DataFrame(ratio, SIZES[1:].round(3), [f"{mix:g}°" for mix in MIXES])
    st.dataframe(grid.rename_axis("Δ"), alt="KL over the printed bound by size and mix")


def covered_set(features: RandomFeatures, size: float, along: Slice, seed: int) -> None:
    """Definition 3.6, Proposition 3.7 and Theorem 3.8."""
    st.subheader("4. What a flat minimum covers", divider="gray")
    st.markdown(
        "A minimum is **Δ-flat** if every δ of at most that size leaves the loss as it is. By the "
        "first section its loss is then the same for every prior that such a δ stands for. The "
        "larger Δ, the more priors these are."
    )
    st.latex(
        r"\begin{gathered}\hat{\mathcal P}(p,\Delta)=\left\{e^{-I(x,\delta)}p\right\}\quad(14)\\"
        r"\|\delta\|_2\le\Delta,\quad\delta W^\top=W\delta^\top\end{gathered}"
    )
    sizes = np.unique(np.append(TABLE_SIZES, size))
    found = radii(features, along, sizes)
    at = int(np.searchsorted(sizes, size))
    inner, outer = float(found.inner[at]), float(found.outer[at])
    coverage_charts(features, along, size, seed, (inner, outer))
    coverage_words(size, inner, outer)
    table = {
        "Δ": found.sizes,
        "all covered up to KL": found.inner,
        "none beyond KL (17)": found.outer,
        "bound for all δ": found.ball,
        "mean loss rises by": found.rise,
    }
    st.table(pd.DataFrame(table).map("{:.3g}".format), hide_index=True)


def coverage_charts(
    features: RandomFeatures, along: Slice, size: float, seed: int, kl: tuple[float, float]
) -> None:
    """Priors at the edge of the set, and the perturbation that each Gaussian needs.

    Args:
        features: of the model.
        along: the slice on the map.
        size: Delta.
        seed: of the perturbations whose priors are drawn.
        kl: up to which all priors are covered, and beyond which none is.
    """
    left, right = st.columns(2)
    left.markdown("**Some of the priors at the edge, by Δ**")
    left.plotly_chart(
        covered_priors(members(features, size, seed)),
        key="covered",
        alt="One-deviation ellipses of priors at the edge of the set for three sizes",
    )
    right.markdown("**The Δ that a Gaussian needs, along the axis**")
    right.plotly_chart(
        coverage_map(coverage(features, along, size), size, *kl),
        key="coverage",
        alt="Least perturbation that makes N(0, I) a Gaussian of this mean and deviation",
    )


def coverage_words(size: float, inner: float, outer: float) -> None:
    """What the map says, and what Δ-flat can mean."""
    st.info(
        f"On the map, Δ = {size:g} covers what lies inside the solid line. The farthest prior "
        f"in there has KL {outer:.3g} nats (dashed), and that is the bound of Theorem 3.8. To be "
        "safe against *every* prior up to some KL, as Definition 3.2 asks, is another thing: "
        f"that ends at KL {inner:.3g} (dotted).",
        icon=":material/info:",
    )
    st.caption(
        "Taken literally, no minimum of this model is Δ-flat for any Δ: its loss is a parabola in "
        "δ wherever a feature is active. Flat can only mean flat up to a tolerance, and the "
        "table's last column says how large that would have to be for an exact fit to N(0, I)."
    )
    st.caption(
        "Rings: one standard deviation, δ random. Map: Gaussians moved and stretched "
        "along the axis of the map above, each with the least δ that makes it. Source: "
        "Definitions 3.1, 3.2 and 3.6, Proposition 3.7, Theorem 3.8, Eqs. 14 to 17."
    )


def members(
    features: RandomFeatures, size: float, seed: int
) -> dict[str, list[MeanAndCovariance]]:
    """Priors at the edge of three nested sets."""
    edge = effective_perturbations(features, NUM_MEMBERS, seed)
    sizes = [share * size for share in (1 / 3, 2 / 3, 1)]
    return {f"Δ = {each:.2g}": gaussians(features, each * edge) for each in sizes}
