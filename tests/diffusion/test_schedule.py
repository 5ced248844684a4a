"""Noise schedules and respacings, against recorded numbers and closed forms."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.diffusion.schedule import make_betas, respaced_betas, respaced_timesteps
from flatdiff.errors import SettingsError
from tests.tiny import BAR, SCHEDULES, TINY

RECORDED: dict[str, list[float]] = json.loads(SCHEDULES.read_text())
BETAS = sorted(name for name in RECORDED if name.startswith("betas"))
RESPACINGS = sorted(name for name in RECORDED if name.startswith("respacing"))


@pytest.mark.parametrize("name", BETAS)
def test_betas_are_the_recorded_ones(name: str) -> None:
    """Recorded from another implementation, at six places of each schedule."""
    _, kind, count = name.split("_")
    steps = int(count)
    betas = make_betas("linear" if kind == "linear" else "cosine", steps)
    places = [0, 1, steps // 4, steps // 2, steps - 2, steps - 1]
    np.testing.assert_allclose(betas[places], RECORDED[name], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", RESPACINGS)
def test_respacing_is_the_recorded_one(name: str) -> None:
    """Recorded from another implementation, step by step, rounding included."""
    _, steps, respacing = name.split("_")
    assert list(respaced_timesteps(int(steps), respacing)) == RECORDED[name]


@pytest.mark.parametrize("steps", [10, 1000, 4000])
def test_cosine_products_telescope_to_the_closed_form(steps: int) -> None:
    """The product of alphas must give f(t+1)/f(0) (N&D Eq. 17), which no beta enters."""
    bar = np.cumprod(1 - make_betas("cosine", steps))
    angles = (np.arange(1, steps) / steps + 0.008) / 1.008 * math.pi / 2
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    np.testing.assert_allclose(bar[:-1], np.cos(angles) ** 2 / start, rtol=1e-9)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize(
    "respacing", ["20", "250", "10,10,20", "ddim25", "ddim1000", "1", "ddim1"]
)
def test_respaced_process_keeps_alphas_cumprod(kind: str, respacing: str) -> None:
    """A respaced process visits the same noise levels; the full product is taken here."""
    flags = TINY.from_json({**TINY.to_json(), "noise_schedule": kind})
    full, short = DiffusionProcess(flags), DiffusionProcess(flags, respacing)
    kept = np.cumprod(1 - full.betas)[list(short.timestep_map)]
    np.testing.assert_allclose(short.alphas_cumprod, kept, rtol=1e-9)


def test_respaced_betas_by_hand() -> None:
    """Three betas of 1/2, keeping steps 0 and 2: products 1/2 and 1/8, so betas 1/2 and 3/4."""
    np.testing.assert_allclose(respaced_betas(np.full(3, 0.5), (0, 2)), [0.5, 0.75], rtol=1e-15)


def test_linear_products_are_the_papers() -> None:
    """Written out once more from Ho et al. Sec. 4, for the tests that rely on it."""
    np.testing.assert_allclose(np.cumprod(1 - make_betas("linear", 1000)), BAR, rtol=1e-12)


@given(steps=st.integers(2, 1500), data=st.data())
def test_even_respacing_has_the_asked_count_and_both_ends(steps: int, data: st.DataObject) -> None:
    """Counting and sorting the result needs none of the arithmetic that spreads it."""
    count = data.draw(st.integers(2, steps))
    kept = respaced_timesteps(steps, str(count))
    assert len(set(kept)) == count == len(kept)
    assert list(kept) == sorted(kept)
    assert (kept[0], kept[-1]) == (0, steps - 1)
    gaps = np.diff(kept)
    assert gaps.max() - gaps.min() <= 1


@given(counts=st.lists(st.integers(1, 10), min_size=1, max_size=5), steps=st.integers(50, 200))
def test_sections_hold_their_counts(counts: list[int], steps: int) -> None:
    """Each section is cut out again by NumPy's own array_split and counted."""
    kept = set(respaced_timesteps(steps, ",".join(map(str, counts))))
    sections = np.array_split(np.arange(steps), len(counts))
    assert [len(kept & set(section.tolist())) for section in sections] == counts


@pytest.mark.parametrize(
    ("respacing", "words"),
    [
        ("ddim300", ["ddim250", "ddim334"]),
        ("ddim999", ["ddim500", "ddim1000"]),
        ("ddim1001", ["ddim1000"]),
        ("0", ["at least 1", "'0'"]),
        ("ddim0", ["at least 1", "'ddim0'"]),
        ("abc", ["count", "'abc'"]),
        ("-5", ["at least 1", "'-5'"]),
        ("2.5", ["count", "'2.5'"]),
        ("10,", ["count", "'10,'"]),
        ("ddim", ["count", "'ddim'"]),
        ("1001", ["1001", "at most 1000"]),
        ("300,601,1", ["601", "at most 333"]),
    ],
)
def test_what_is_no_respacing_is_refused_in_a_sentence(respacing: str, words: list[str]) -> None:
    """The nearest strides are counted by hand: 1000/4 = 250 and ceil(1000/3) = 334."""
    with pytest.raises(SettingsError) as caught:
        respaced_timesteps(1000, respacing)
    assert all(word in str(caught.value) for word in ["timestep_respacing", *words])
