"""Blocks of losses whose parts are known by hand, and of a real network."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from flatdiff.checkpoints.tensors import blocks_of
from flatdiff.errors import CheckpointError, SettingsError
from flatdiff.landscape.noise import LPF_MODES
from flatdiff.measures.blocks import MEASURE, BlocksResult, BlocksSettings
from tests.subjects import (
    QuadraticSubject,
    changed,
    computed,
    digits_subject,
    random_hessians,
    random_slopes,
)

# Modules of the quadratic subject's network, and where their weights lie in theta.
BLOCKS = {"0": slice(0, 10), "1": slice(10, 14), "2": slice(14, 20)}
SETTINGS = BlocksSettings(
    blocks=tuple(BLOCKS), num_perturbations=6, lpf_sigma=0.1, num_lanczos_steps=10, bits=3
)


def block_diagonal() -> Tensor:
    """Hessians whose blocks do not lean on each other."""
    kept = torch.zeros(20, 20)
    for place in BLOCKS.values():
        kept[place, place] = 1
    return random_hessians() * kept


@pytest.mark.parametrize("mode", LPF_MODES)
def test_a_block_rises_by_its_own_part_of_the_loss(mode: Any) -> None:
    """Pair by pair the curved part of its own noise; the whole of blocks apart is their sum."""
    subject = QuadraticSubject(block_diagonal(), random_slopes())
    result: BlocksResult = computed(subject, "blocks", changed(SETTINGS, mode=mode))
    drawn = [subject.noise_direction(0, pair, mode).double().numpy() for pair in range(3)]
    for k, place in enumerate(BLOCKS.values()):
        own = [0.1 * vector[place] for vector in drawn]
        hessians = subject.hessians.numpy()[:, place, place]
        rises = [np.einsum("i,nij,j->n", d, hessians, d) / 2 for d in own]
        assert result.noise_rise[k] == pytest.approx(np.mean(rises), rel=1e-9)
    assert result.whole_noise_rise == pytest.approx(result.noise_rise.sum(), rel=1e-9)
    assert (result.noise_stderr > 0).all()


def test_a_block_alone_is_rounded() -> None:
    """The loss at the checkpoint with some of its weights replaced, by the loss's own formula."""
    subject = QuadraticSubject(random_hessians(), random_slopes())
    result = computed(subject, "blocks", SETTINGS)
    change = (subject.rounded(SETTINGS.at(3)) - subject.weights.origin).numpy()
    base = subject.truth(np.zeros(20))
    for k, place in enumerate(BLOCKS.values()):
        moved = np.zeros(20)
        moved[place] = change[place]
        assert result.rounding_rise[k] == pytest.approx((subject.truth(moved) - base).mean())
    assert result.whole_rounding_rise == pytest.approx((subject.truth(change) - base).mean())
    assert list(result.parameters) == [10, 4, 6]


def test_the_hessian_of_a_block_and_its_share_of_the_ascent() -> None:
    """As many Lanczos steps as it has weights find all of it."""
    subject = QuadraticSubject(random_hessians(), random_slopes())
    result = computed(subject, "blocks", SETTINGS)
    mean, slope = subject.hessians.mean(dim=0), subject.slopes.mean(dim=0)
    tops = [torch.linalg.eigvalsh(mean[place, place])[-1] for place in BLOCKS.values()]
    np.testing.assert_allclose(result.eigenvalue, tops, rtol=1e-6)
    assert (result.eigenvalue_error < 1e-6).all()
    shares = [float((slope[place] ** 2).sum() / (slope**2).sum()) for place in BLOCKS.values()]
    np.testing.assert_allclose(result.ascent_share, shares)


def test_blocks_of_a_real_network_cover_it() -> None:
    """Every weight is in one; no block's name is needed twice."""
    subject = digits_subject(4)
    blocks = blocks_of(subject.shapes)
    named = [name for names in blocks.values() for name in names]
    assert sorted(named) == sorted(subject.shapes)
    settings = BlocksSettings(blocks=tuple(blocks), num_perturbations=4, num_lanczos_steps=2)
    result = computed(subject, "blocks", settings)
    assert result.parameters.sum() == subject.num_weights
    assert result.ascent_share.sum() == pytest.approx(1)
    assert np.isfinite([*result.noise_rise, *result.rounding_rise, *result.eigenvalue]).all()


def test_what_is_done_first_is_a_picture_already() -> None:
    """The base and a pair of each block; without them there is no number."""
    subject = QuadraticSubject(random_hessians(), random_slopes())
    first = computed(subject, "blocks", SETTINGS, 1 + len(BLOCKS) + 1)
    assert np.isfinite([*first.noise_rise, first.whole_noise_rise]).all()
    assert np.isnan([*first.noise_stderr, *first.rounding_rise, *first.ascent_share]).all()
    nothing = MEASURE.assemble(SETTINGS, {})
    assert np.isnan([*nothing.noise_rise, nothing.loss, nothing.whole_rounding_rise]).all()
    items = MEASURE.items(SETTINGS)
    assert len(items) == len(set(items)) == 1 + 4 * 3 + 4 + 3
    done = {0: MEASURE.evaluate(subject, SETTINGS, items[0])}
    same = {"losses": done[0]["losses"]}
    flat = {k: same for k, item in enumerate(items) if item[0] == "noise"}
    assert list(MEASURE.assemble(SETTINGS, done | flat).noise_rise) == [0, 0, 0]


def test_no_ascent_has_no_shares() -> None:
    """At a minimum there is no gradient to share."""
    result = computed(QuadraticSubject(random_hessians()), "blocks", SETTINGS)
    assert np.isnan(result.ascent_share).all()


def test_an_unknown_block_is_named() -> None:
    settings = changed(SETTINGS, blocks=("0", "attic"))
    subject = QuadraticSubject(random_hessians())
    with pytest.raises(CheckpointError, match="no block 'attic'; it has 0, 1, 2"):
        MEASURE.evaluate(subject, settings, ("rounded", 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "loud"},
        {"lpf_sigma": 0.0},
        {"lpf_sigma": 1.5},
        {"num_perturbations": 5},
        {"num_lanczos_steps": 1},
        {"bits": 9},
        {"seed": -1},
        {"blocks": ("a", "a")},
        {"blocks": (1,)},
    ],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    """A sentence names the setting."""
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        BlocksSettings(**wrong)
