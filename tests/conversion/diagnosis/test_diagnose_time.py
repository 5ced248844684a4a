"""A diagnosis ends in time and says what it left out, by a clock that only networks move."""

import dataclasses

import pytest
from safetensors.torch import load_file
from torch import Tensor

from flatdiff.checkpoints.card import WEIGHTS_FILE
from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.conversion.diagnosis import diagnose as module
from flatdiff.conversion.diagnosis.candidates import candidates
from flatdiff.conversion.diagnosis.deadline import Deadline, OutOfTimeError
from flatdiff.conversion.diagnosis.fit import Diagnosis
from flatdiff.conversion.diagnosis.noisy_images import draw_members
from flatdiff.diffusion.unet import AdmUNet
from flatdiff.images.image_set import load_images
from flatdiff.system.files import PROJECT_ROOT

TRUE = PRESETS["digits"].flags
GIVEN = dataclasses.replace(TRUE, noise_schedule="linear")
TRIED_FIRST = 7  # images, of which the time that one takes is learned


class Clock:
    """Some seconds for every image that a network sees, and more of them from some image on."""

    def __init__(self, usual_s: float, busy_s: float, busy_after: int) -> None:
        self.usual_s, self.busy_s, self.busy_after = usual_s, busy_s, busy_after
        self.now, self.num_images = 0.0, 0

    def __call__(self) -> float:
        """As `time.monotonic`."""
        return self.now

    def see(self, count: int) -> None:
        """What a network is shown at once goes at one speed."""
        busy = self.num_images >= self.busy_after
        self.num_images += count
        self.now += count * (self.busy_s if busy else self.usual_s)


def diagnosed(clock: Clock, patch: pytest.MonkeyPatch, chunk: int = 64) -> Diagnosis:
    """Linear is wrong for these digits; so many images a batch."""
    state = load_file(PROJECT_ROOT / "checkpoints" / "digits" / "adm" / WEIGHTS_FILE)
    forward = AdmUNet.forward

    def timed(self: AdmUNet, x: Tensor, timesteps: Tensor, y: Tensor | None = None) -> Tensor:
        clock.see(len(x))
        return forward(self, x, timesteps, y)

    patch.setattr(AdmUNet, "forward", timed)
    values = GIVEN.num_channels * GIVEN.image_size**2
    patch.setattr("flatdiff.conversion.diagnosis.noisy_images.MAX_CACHED_VALUES", chunk * values)
    images = load_images("digits", "held_out", GIVEN.image_size, GIVEN.in_channels)
    members = draw_members(images, GIVEN, module.NUM_MEMBERS)
    return module.diagnose(GIVEN, state, members, Deadline(module.DEADLINE_S, clock))


def test_with_time_for_all_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading that there is was tried."""
    clock = Clock(0.01, 0.01, 0)
    found = diagnosed(clock, monkeypatch)
    assert {fit.flags for fit in found.fits} == set(candidates(GIVEN))
    assert not found.untried
    assert "not tried" not in str(found)
    assert clock.now < module.BUDGET_S


def test_a_slow_machine_says_which_readings_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 0.3 s an image there is time for other heads or another process, not for both."""
    clock = Clock(0.3, 0.3, 0)
    found = diagnosed(clock, monkeypatch)
    tried = candidates(GIVEN, jointly=False)
    assert {fit.flags for fit in found.fits} == set(tried)
    assert set(found.untried) == set(candidates(GIVEN)) - set(tried)
    assert f", and {len(found.untried) - 2} more" in str(found)
    assert clock.now < module.PATIENCE_S + TRIED_FIRST


def test_others_that_come_in_the_first_round_leave_some_untried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the 40th image on each takes 4 s: the batch that would end too late is not begun."""
    clock = Clock(0.01, 4, 40)
    found = diagnosed(clock, monkeypatch)
    assert module.DEADLINE_S - 8 * 4 < clock.now <= module.DEADLINE_S
    tried = [fit.flags for fit in found.fits]
    assert 4 < len(tried) < len(candidates(GIVEN))
    assert [*sorted(map(repr, [*tried, *found.untried]))] == sorted(map(repr, candidates(GIVEN)))
    assert found.wrong, "cosine was among the first"
    sentence = str(found)
    assert "--noise_schedule cosine better than --noise_schedule linear" in sentence
    assert "; not tried for want of time: --" in sentence
    assert sentence.endswith(f", and {len(found.untried) - 2} more")


def test_others_that_come_later_leave_the_round_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """All were tried on eight images; of those that stay none is ahead of the others."""
    first = TRIED_FIRST + 8 * len(candidates(GIVEN)) // 2
    clock = Clock(0.01, 8, first + 16)
    found = diagnosed(clock, monkeypatch)
    assert clock.now <= module.DEADLINE_S
    assert {len(fit.losses) for fit in found.fits} == {8}
    assert not found.untried
    assert found.wrong


def test_a_batch_at_a_time_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine stalls in the middle of a candidate, whose eight images would take 240 s."""
    clock = Clock(0.01, 30, 60)
    found = diagnosed(clock, monkeypatch, chunk=1)
    assert clock.now <= module.DEADLINE_S
    assert found.untried


def test_without_time_for_the_given_one_there_is_no_diagnosis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The very first candidate is 8 images of 30 s."""
    with pytest.raises(OutOfTimeError, match="too busy: 200 s were not enough"):
        diagnosed(Clock(0.01, 30, TRIED_FIRST), monkeypatch, chunk=1)


def test_a_batch_is_taken_to_be_as_fast_as_the_last() -> None:
    """10 s for one image of 35 s; then there is time for two more, and not for three."""
    now = 0.0
    deadline = Deadline(35, lambda: now)
    deadline.require_time_for(1)
    now = 10.0
    for _ in range(2):  # a batch that is not begun teaches nothing
        with pytest.raises(OutOfTimeError):
            deadline.require_time_for(3)
    deadline.require_time_for(2)
