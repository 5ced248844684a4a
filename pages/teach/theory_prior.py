"""Theory, first half: perturbed weights are a perturbed prior, which stays Gaussian."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from flatdiff.paper.theory.figures import gaussian_contours, loss_map
from flatdiff.paper.theory.lab import Equality, Moments, check_equality, check_moments
from flatdiff.paper.theory.random_features import (
    ACTIVATIONS,
    Activation,
    Delta,
    RandomFeatures,
    asymmetric,
    of_norm,
    tilt_of,
)
from flatdiff.paper.theory.tilted_priors import STANDARD, THREE
from pages.shared.folded import folded
from pages.shared.rows import in_rows

PRIORS = {"one Gaussian": STANDARD, "three Gaussians": THREE}
ACTIVATION_TITLES = {"identity": "none (linear)", "relu": "ReLU"}
FORMULAS = ("with 1/m, as proved", "as printed")


def perturbed_prior(features: RandomFeatures, direction: Delta, size: float) -> None:
    """Theorem 3.3."""
    st.subheader("1. Perturbed weights are a perturbed prior", divider="gray")
    st.markdown(
        "Add δ to the weights and leave the prior *p* alone, or leave the weights alone and "
        "multiply the prior by $e^{-I}$: at every point *x* the loss is the same. That is the "
        "bridge of the whole theory, from the weights to the data."
    )
    st.latex(r"\mathcal L(x;\theta+\delta,p)=\mathcal L(x;\theta,\hat p)\quad(11)")
    st.latex(
        r"\begin{gathered}\hat p(x)=e^{-I(x,\delta)}\,p(x)\quad(12)\\"
        r"I=\tfrac1m\left(\tfrac12 x^\top\delta W^\top x+x^\top\delta U^\top e\right)+C"
        r"\end{gathered}"
    )
    prior, activation, share, formula = setting()
    delta = of_norm((1 - share / 100) * direction + share / 100 * asymmetric(features), size)
    features = RandomFeatures(features.W, features.U, features.e, activation)
    found = check_equality(features, delta, PRIORS[prior], as_printed=formula == FORMULAS[1])
    show_equality(found, edge=activation == "relu")
    st.caption(
        "The proof needs what the four choices change: every feature active (with ReLU only where "
        "$W^\\top x+U^\\top e>0$), δWᵀ symmetric (else no density has the perturbed score), and "
        "the 1/m that Eq. 12 leaves out. The equality is point by point, so *x* comes from *p* on "
        "both sides; training on $\\hat p$ would draw *x* from $\\hat p$, which gives another "
        "mean loss (last row of the first table; means are over the square)."
    )
    st.caption(
        "Colours follow the root of the loss and end where *p* does; white: contours of the "
        "density, and with ReLU the edge inside which every feature is active. The first from the "
        "perturbed network and the score of *p*; the second from the unperturbed network and "
        "$\\log p-I$, differentiated numerically. θ is the best fit to *p*. Source: Theorem 3.3, "
        "Eqs. 10 to 12; its proof, Eqs. 20 to 34."
    )
    equality_numbers(found)


def setting() -> tuple[str, Activation, int, str]:
    """What the proof rests on, to be chosen: prior, activation, asymmetry in %, formula of I."""
    columns = st.columns(4)
    prior = columns[0].selectbox("Prior p", list(PRIORS), 1, key="prior", bind="query-params")
    activation = columns[1].selectbox(
        "Activation σ",
        ACTIVATIONS,
        format_func=ACTIVATION_TITLES.__getitem__,
        key="activation",
        bind="query-params",
    )
    share = columns[2].slider(
        "Asymmetry of δWᵀ, %", 0, 100, 0, 10, key="asymmetry", bind="query-params"
    )
    formula = columns[3].selectbox("I(x, δ)", FORMULAS, key="formula", bind="query-params")
    return prior, activation, share, formula


def show_equality(found: Equality, *, edge: bool) -> None:
    """Both sides and their difference on one colour scale, and what that says.

    Args:
        found: the losses.
        edge: whether to outline where every feature is active.
    """
    outline = found.lowest if edge else None
    maps = (
        ("perturbed weights, prior p", found.left, found.prior, None),
        ("same weights, prior p̂", found.right, found.perturbed, None),
        ("difference", found.difference, None, outline),
    )
    for column, (title, values, density, line) in in_rows(maps):
        column.markdown(f"**{title}**")
        column.plotly_chart(
            loss_map(found.ticks, values, found.highest, density=density, edge=line),
            key=f"map-{title}",
            alt=f"Loss over the plane: {title}",
        )
    highest = float(max(found.left.max(), found.right.max()))
    worst = float(found.difference.max())
    if found.share_equal == 1:
        st.success(
            f"Equal at all {found.difference.size:,} points: they differ by {worst:.1e} at most, "
            f"which is rounding, where the loss goes up to {highest:.3g}."
        )
    else:
        st.warning(
            f"Not equal: the two sides differ by up to {worst:.3g}, where the loss goes up to "
            f"{highest:.3g}. They agree at {found.share_equal:.0%} of the points."
        )
    if found.perturbed is None:
        st.warning("With this I there is no p̂: $e^{-I}$ grows faster than p falls.")


def equality_numbers(found: Equality) -> None:
    """Means of both sides, the constant, and every point."""
    folded("Numbers", partial(_equality_tables, found), "numbers-equality")


def _equality_tables(found: Equality) -> None:
    rows = {
        "mean, left side, x from p": found.mean(found.left, found.prior),
        "mean, right side, x from p": found.mean(found.right, found.prior),
        "largest difference": float(found.difference.max()),
        "C, closed form": found.constant,
        "C, from a sum over a grid": found.integral,
    }
    if found.perturbed is not None:
        rows["mean, right side, x from p̂"] = found.mean(found.right, found.perturbed)
    st.table(pd.DataFrame({"value": [f"{value:.6g}" for value in rows.values()]}, list(rows)))
    x1, x2 = np.meshgrid(found.ticks, found.ticks)
    columns = {"x1": x1, "x2": x2, "left": found.left, "right": found.right}
    table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    st.dataframe(table, hide_index=True, alt="Both sides of Eq. 11 at every point")


def perturbed_noise(features: RandomFeatures, delta: Delta) -> None:
    """Corollary 3.4."""
    st.subheader("2. Gaussian noise stays Gaussian", divider="gray")
    st.markdown(
        "A diffusion model's prior is Gaussian noise, and a Gaussian times $e^{-I}$ is a Gaussian "
        "again: δWᵀ stretches it, δUᵀe shifts it."
    )
    st.latex(
        r"\begin{gathered}\hat\epsilon\sim\mathcal N(\mu_\delta,\Sigma_\delta)\quad(13)\\"
        r"\Sigma_\delta=\left(I+\tfrac1m\delta W^\top\right)^{-1}\\"
        r"\mu_\delta=-\tfrac1m\Sigma_\delta\,\delta U^\top e\end{gathered}"
    )
    found = check_moments(tilt_of(features, delta))
    st.plotly_chart(
        gaussian_contours(found),
        key="gaussians",
        alt="Contours of N(0, I) and of the perturbed prior at 1, 2 and 3 standard deviations",
    )
    off = float(np.abs(found.mean - found.summed_mean).max())
    missed = float(np.linalg.norm(found.printed_mean - found.summed_mean))
    st.info(
        f"The paper prints μ without the minus. Adding $e^{{-I}}\\,\\mathcal N(0,I)$ up on a grid "
        f"finds the mean where the minus puts it, to {off:.0e}, and {missed:.3g} from where the "
        "printed sign does.",
        icon=":material/info:",
    )
    st.caption(
        "Σ must be positive definite, which a large δ does not promise: from Δ = 1 on there are δ "
        "without a $\\hat p$, since $e^{-I}$ then grows faster than the Gaussian falls."
    )
    st.caption(
        "Rings at 1, 2 and 3 standard deviations. Source: Corollary 3.4, Eq. 13; Eqs. 35 to 40, "
        "of which 40 has the same sign; it does not reach the KL divergence below."
    )
    folded("Numbers", partial(_moment_table, found), "numbers-moments")


def _moment_table(found: Moments) -> None:
    names = ("μ₁", "μ₂", "Σ₁₁", "Σ₁₂", "Σ₂₂")
    cells = [found.cov[0, 0], found.cov[0, 1], found.cov[1, 1]]
    summed = [found.summed_cov[0, 0], found.summed_cov[0, 1], found.summed_cov[1, 1]]
    table = {
        "with −, as derived": [*found.mean, *cells],
        "as printed": [*found.printed_mean, *cells],
        "from a sum over a grid": [*found.summed_mean, *summed],
    }
    st.table(pd.DataFrame(table, index=names).map("{:.6f}".format))
