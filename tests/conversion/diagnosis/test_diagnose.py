"""Diagnoses: of networks that were trained here, so that the true flags are known."""

import dataclasses
import itertools
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.checkpoints.card import WEIGHTS_FILE, read_card
from flatdiff.checkpoints.pasted_command import read_command
from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.conversion.diagnosis import diagnose as module
from flatdiff.conversion.diagnosis.candidates import candidates
from flatdiff.conversion.diagnosis.deadline import Deadline
from flatdiff.conversion.diagnosis.fit import CandidateLosses, Diagnosis, Fit
from flatdiff.conversion.diagnosis.noisy_images import (
    Members,
    draw_members,
    guess_losses,
    nearest_steps,
)
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.errors import DataError
from flatdiff.images.image_set import ImageSet, load_images
from flatdiff.system.files import PROJECT_ROOT
from tests.tiny import TINY, random_network

TRUE = PRESETS["digits"].flags
WRONG: dict[str, dict[str, Any]] = {
    "the schedule": {"noise_schedule": "linear"},
    "the heads": {"num_head_channels": -1, "num_heads": 4},
    "the attention order": {"use_new_attention_order": False},
    "the steps": {"diffusion_steps": 4000},
    "what is predicted": {"predict_xstart": True},
    "schedule and heads": {
        "noise_schedule": "linear",
        "num_head_channels": -1,
        "num_heads": 8,
    },
}


def diagnose(
    given: AdmFlags,
    state: Mapping[str, Tensor],
    dataset: str = "digits",
    clock: Callable[[], float] = time.monotonic,
) -> Diagnosis:
    """As the converter does it."""
    deadline = Deadline(module.DEADLINE_S, clock)
    images = load_images(dataset, "held_out", given.image_size, given.in_channels)
    members = draw_members(images, given, module.NUM_MEMBERS)
    return module.diagnose(given, state, members, deadline)


def weights(name: str) -> dict[str, Tensor]:
    """Of a checkpoint that is shipped."""
    return load_file(PROJECT_ROOT / "checkpoints" / "digits" / name / WEIGHTS_FILE)


@pytest.mark.parametrize("name", ["adm", pytest.param("ip-swa", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "what",
    [
        # Each alone is a part of the last case.
        pytest.param("the schedule", marks=pytest.mark.slow),
        pytest.param("the heads", marks=pytest.mark.slow),
        *list(WRONG)[2:],
    ],
)
def test_wrong_flags_are_called_out_and_the_true_ones_named(what: str, name: str) -> None:
    """What the sentence offers, put over the wrong flags, reads the file as it was made."""
    given = dataclasses.replace(TRUE, **WRONG[what])
    found = diagnose(given, weights(name), "digits")
    assert found.wrong
    sentence = str(found)
    offered = re.search(r"the file fits (.*) better than", sentence)
    assert offered, sentence
    mended = dataclasses.replace(given, **read_command(offered[1]).flags)
    assert candidates(mended)[0] == mended
    open_flags = ("num_head_channels", "use_new_attention_order", "noise_schedule")
    assert all(getattr(mended, f) == getattr(TRUE, f) for f in open_flags), sentence
    assert mended.diffusion_steps == 1000
    assert not mended.predict_xstart


@pytest.mark.parametrize(
    "name",
    [
        "adm",
        "sam",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("adm-ema", "ip", "sam-ema")),
    ],
)
def test_true_flags_are_confirmed(name: str) -> None:
    """SAM's attention hardly matters to its loss, and the sentence says what it cannot tell."""
    card = read_card(PROJECT_ROOT / "checkpoints", f"digits/{name}")
    assert isinstance(card.flags, AdmFlags)
    found = diagnose(card.flags, weights(name), "digits")
    assert not found.wrong
    assert found.bins_above == 0
    assert len(found.levels) == 8
    losses = [level.loss for level in found.levels]
    assert losses == sorted(losses), "noise is the easier to tell the more there is of it"
    assert np.mean(found.given.losses) == pytest.approx(np.mean(losses), abs=0.01)
    sentence = str(found)
    assert "the flags fit: loss 0.1" in sentence
    assert sentence.endswith("at 8 of 8 noise levels")
    assert ("not told apart" in sentence) == name.startswith("sam")


def test_a_longer_process_with_rescaled_timesteps_is_the_same() -> None:
    """4000 steps told as 1000 are nearly the process that it was trained on."""
    given = dataclasses.replace(TRUE, diffusion_steps=4000, rescale_timesteps=True)
    found = diagnose(given, weights("adm"), "digits")
    assert not found.wrong
    assert "not told apart from --diffusion_steps 1000" in str(found)


def test_random_weights_fit_nothing() -> None:
    """They denoise worse than a guess at every noise level."""
    found = diagnose(TINY, random_network(TINY).state_dict(), "digits")
    assert found.bins_above == 8
    assert "no reading fits: at 8 of 8 noise levels" in str(found)


def test_what_cannot_be_diagnosed_is_said() -> None:
    """Images that are absent, losses that are no numbers, a machine that takes minutes."""
    state = random_network(TINY).state_dict()
    with pytest.raises(DataError, match="/nowhere"):
        diagnose(TINY, state, "folder:/nowhere")
    with pytest.raises(DataError, match="not finite"):
        diagnose(TINY, {**state, "out.2.bias": torch.full((2,), torch.nan)}, "digits")
    with pytest.raises(DataError, match=r"one image takes 4.0 s here"):
        diagnose(TINY, state, "digits", clock=itertools.count(0, 8).__next__)
    busy = itertools.chain(range(6), itertools.repeat(300))
    with pytest.raises(DataError, match="too busy"):
        diagnose(TINY, state, "digits", clock=busy.__next__)


def test_a_giant_is_given_up_after_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is a minute after the last."""
    sizes, losses = [], module.member_losses

    def counted(
        model: AdmUNet, flags: AdmFlags, members: Members, rows: slice
    ) -> dict[bool, CandidateLosses]:
        sizes.append(rows.stop - rows.start)
        return losses(model, flags, members, rows)

    monkeypatch.setattr(module, "member_losses", counted)
    state = random_network(TINY).state_dict()
    with pytest.raises(DataError, match=r"one image takes 60.0 s here"):
        diagnose(TINY, state, "digits", clock=itertools.count(0, 60).__next__)
    assert sizes == [1]


def test_a_slow_machine_looks_at_less() -> None:
    """By a clock of 1 s an image, of which 150 s hold too few for all 64."""
    ticks = itertools.count(0, 2)
    given = dataclasses.replace(TRUE, noise_schedule="linear")
    found = diagnose(given, weights("adm"), "digits", clock=ticks.__next__)
    assert found.wrong
    assert 20 < len(found.given.losses) < 40


def test_classes_are_told_to_the_network() -> None:
    """Digits have labels; a folder's images have none."""
    flags = dataclasses.replace(TINY, num_classes=10)
    images = load_images("digits", "held_out", 8, 1)
    members = draw_members(images, flags, 5)
    assert members.y is not None
    assert len(members.y) == 5
    with pytest.raises(DataError, match="class labels"):
        draw_members(ImageSet(images.values, 16), flags, 5)


def test_candidates_compute_differently() -> None:
    """No two give the same output for one input and one timestep, and the given one is first."""
    given = dataclasses.replace(TRUE, num_heads=2, num_head_channels=-1)
    found = candidates(given)
    assert found[0] == given
    torch.manual_seed(0)
    x, state = torch.randn(1, 1, 8, 8), random_network(given).state_dict()
    outputs = set()
    for flags in found:
        if (flags.noise_schedule, flags.diffusion_steps) == ("cosine", 1000):
            model = random_network(flags)
            model.load_state_dict(state)
            outputs.add(float(model(x, torch.tensor([500])).detach().double().sum()))
    assert len(outputs) * 4 * 2 == len(found), "each beside what predicts the image"
    assert len(candidates(given, jointly=False)) == (len(outputs) + 3) * 2


def test_noise_levels_are_met_at_the_nearest_timestep() -> None:
    """Looked for one by one."""
    bar = DiffusionProcess(AdmFlags(noise_schedule="cosine")).alphas_cumprod
    levels = np.log(bar / (1 - bar))
    wanted = [-6.0, -1.5, 0.0, 3.3, 6.0]
    found = nearest_steps(torch.from_numpy(levels), torch.tensor(wanted))
    assert found.tolist() == [min(range(1000), key=lambda t: abs(levels[t] - w)) for w in wanted]


def test_the_guess_is_the_best_of_its_kind() -> None:
    """For Gaussian pixels its loss is alpha_bar s^2 / (alpha_bar s^2 + 1 - alpha_bar)."""
    generator = torch.Generator().manual_seed(1)
    values = (128 + 30 * torch.randn(400, 1, 8, 8, generator=generator)).clamp(0, 255)
    images = ImageSet(values.to(torch.uint8), 255)
    members = draw_members(images, TINY, 400)
    variance = float(images.images(torch.arange(400)).var())
    bar = members.log_snr.sigmoid().double().numpy()
    expected = bar * variance / (bar * variance + 1 - bar)
    for predict_xstart, truth in (
        (False, expected),
        (True, variance * (1 - bar) / (bar * variance + 1 - bar)),
    ):
        flags = dataclasses.replace(TINY, predict_xstart=predict_xstart)
        ratio = guess_losses(members, flags) / truth
        assert ratio.mean() == pytest.approx(1, abs=0.03)


def fit(flags: AdmFlags, *losses: float) -> Fit:
    """Of losses that are given here."""
    return Fit(flags, np.array(losses, dtype=float))


def test_differences_are_paired() -> None:
    """Images differ by 10, candidates by 1 +- 0.1: unpaired, nothing could be told."""
    low = np.array([1.0, 11.0, 21.0, 31.0])
    one, other = Fit(TRUE, low), Fit(TRUE, low + np.array([1.1, 0.9, 1.1, 0.9]))
    gap, stderr = other.above(one)
    assert gap == pytest.approx(1)
    assert stderr == pytest.approx(np.std([1.1, 0.9, 1.1, 0.9], ddof=1) / 2)
    assert other.worse_than(one)
    assert not one.worse_than(other)
    assert not fit(TRUE, 1.001, 11.001, 21.001, 31.001).worse_than(one), "it is not worth a word"


def test_of_equals_the_one_nearest_to_what_was_given_is_named() -> None:
    """Two other readings are as good; the sentence changes no more than it must."""
    given = dataclasses.replace(TRUE, noise_schedule="linear")
    far = dataclasses.replace(TRUE, num_head_channels=64)
    fits = (
        fit(given, 1, 1.1, 1, 1.1, 1),
        fit(far, 0.5, 0.499, 0.5, 0.499, 0.5),
        fit(TRUE, 0.5, 0.5, 0.5, 0.5, 0.5),
    )
    assert str(Diagnosis(fits)) == (
        "the flags are most likely wrong: the file fits --noise_schedule cosine better than "
        "--noise_schedule linear, loss 0.5000 against 1.0400, 0.5400 ± 0.0245 lower; not told "
        "apart from --num_head_channels 64 --noise_schedule cosine"
    )


def test_losses_that_are_no_numbers_come_last() -> None:
    """Wherever they stand; the lowest of the others stays, for as few as are kept."""
    bad, nan = dataclasses.replace(TRUE, num_head_channels=64), float("nan")
    good, fair = (dataclasses.replace(TRUE, num_heads=n) for n in (2, 4))
    finite = [fit(TRUE, 3, 4, 3), fit(fair, 2, 2.5, 1.5), fit(good, 1.5, 2, 1.9)]
    for place in range(1, 4):
        fits = [*finite[:place], fit(bad, 1, nan, 1), *finite[place:]]
        kept, left = module._promising(fits, 2)
        assert [one.flags for one in kept] == [TRUE, good]
        assert [one.flags for one in left] == [fair, bad]


def test_the_budget_is_kept() -> None:
    """Passes are counted as they would be run at most."""
    assert module._num_passes(28) == 8 * 28 + 16 * 6 + 40 * 4
    assert module._num_passes(4) == 64 * 4
