"""The glossary is every term of the field in a sentence, shown where a term is first used."""

import html
import re

import streamlit as st

GLOSSARY = {
    "loss surface": "The loss over two directions in the space of all weights, around a "
    "checkpoint.",
    "LPF": "Low-pass filtered loss: its mean under Gaussian noise on the weights (Bisla et al. "
    "2022). The lower, the flatter.",
    "filter-relative": "In units of each filter's own size, so that large weights get more.",
    "SAM": "Sharpness-aware minimization (Foret et al. 2021): each step uses the gradient at the "
    "worst point within a radius ρ.",
    "EMA": "Exponential moving average of the weights along training.",
    "SWA": "Stochastic weight averaging: the plain mean of the weights late in training.",
    "IP": "Input perturbation (Ning et al. 2023): noise on the network's input while it trains, "
    "to imitate its errors when it samples.",
    "input perturbation": "Noise on the network's input while it trains (Ning et al. 2023), to "
    "imitate its errors when it samples.",
    "ADM": "Ablated diffusion model (Dhariwal and Nichol 2021): the network of guided-diffusion, "
    "trained plainly.",
    "exposure bias": "In training the network sees noised real images, in sampling its own "
    "output: errors add up over the steps.",
    "FID": "Fréchet inception distance: how far generated images are from real ones, as a network "
    "for natural images sees them. Lower is better.",
    "Fréchet distance": "Between two Gaussians that fit the features of real and of generated "
    "images. Lower is better; FID is the one with Inception's features.",
    "Hessian": "The matrix of second derivatives of the loss: how it bends in every direction.",
    "eigenvalues": "Of the Hessian: the bend along its own axes, the largest first.",
    "Hessian trace": "The sum of all eigenvalues: the mean bend times the number of weights.",
    "held-out": "Images that no network was trained on.",
    "panel": "The fixed images, timesteps and noises on which every loss is computed, the same "
    "for all that is compared.",
    "checkpoint": "The weights of a network at a moment of its training, in a file.",
    "timestep": "How far the forward process has come: 0 is nearly clean, the last nearly noise.",
    "antithetic pairs": "Each noise is used with both signs, which cancels what is odd in it.",
    "standard error": "How much an estimate scatters over other draws of what it averages.",
    "group norm": "A layer that divides groups of channels by their standard deviation.",
    "gradient": "The direction in which the loss rises fastest, and how fast.",
    "minimum": "A point from which every small step leads uphill.",
    "curvature": "How fast the slope changes: the second derivative of the loss.",
    "flat": "Said of weights around which the loss rises slowly.",
    "sharp": "Said of weights around which the loss rises fast.",
    "bits": "A number of b bits has 2 to the power of b values.",
    "rank correlation": "Spearman's: +1 where two orders agree, −1 where one is the other's "
    "reverse.",
    "seed": "The number from which all random draws follow: the same seed, the same draws.",
}
_TERMS = re.compile(
    r"\b(" + "|".join(re.escape(word) for word in sorted(GLOSSARY, key=len, reverse=True)) + r")\b"
)
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def explained(text: str) -> None:
    """A paragraph whose terms tell what they mean: under the mouse, by a tap, by the keyboard.

    Args:
        text: of our own; `**` marks what is bold.
    """
    st.html(f'<p class="explained">{with_terms(text)}</p>')


def with_terms(text: str) -> str:
    """HTML of a text, each term of the glossary marked where it is first used.

    >>> with_terms("flat & flat").count("<dfn")
    1
    """
    left = dict(GLOSSARY)

    def marked(found: re.Match[str]) -> str:
        word = found[0]
        if (said := left.pop(word, None)) is None:
            return word
        return f'<dfn tabindex="0" data-said="{html.escape(said)}">{word}</dfn>'

    return _BOLD.sub(r"<strong>\1</strong>", _TERMS.sub(marked, html.escape(text, quote=False)))


def all_terms() -> None:
    """The whole glossary, in the order of the alphabet."""
    with st.expander("Words of the field"):
        words = sorted(GLOSSARY, key=str.lower)
        st.markdown("\n".join(f"- **{word}**: {GLOSSARY[word]}" for word in words))
