"""ADM flags: what is out of range is refused by name, what is JSON comes back."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import SettingsError
from tests.tiny import TINY

SWITCHES = [name for name, value in TINY.to_json().items() if isinstance(value, bool)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 0),
        ("image_size", 7.5),
        ("image_size", "32"),
        ("in_channels", 0),
        ("num_channels", -32),
        ("num_channels", 48),
        ("num_res_blocks", 0),
        ("num_res_blocks", 2.0),
        ("dropout", -0.1),
        ("dropout", 1),
        ("dropout", float("nan")),
        ("dropout", float("inf")),
        ("diffusion_steps", 1),
        ("diffusion_steps", 10.5),
        ("noise_schedule", "sqrt"),
        ("channel_mult", "1,two"),
        ("channel_mult", "1,0"),
        ("channel_mult", "1,-1"),
        ("channel_mult", ","),
        ("attention_resolutions", "16,x"),
        ("attention_resolutions", "0"),
        ("num_heads", 0),
        ("num_heads", 7),
        ("num_head_channels", -2),
        ("num_head_channels", 24),
    ],
)
def test_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    """The table is written by hand; the sentence must name the flag and repeat the value."""
    with pytest.raises(SettingsError) as caught:
        AdmFlags(**{"image_size": 64, name: value})  # pyright: ignore[reportArgumentType]
    assert str(caught.value).startswith(name)
    assert str(value) in str(caught.value)


def test_image_must_halve_at_every_level() -> None:
    """Four levels halve three times: 12 pixels have no eighth."""
    with pytest.raises(SettingsError, match=r"image_size must be divisible by 2\^3"):
        AdmFlags(image_size=12, channel_mult="1,1,1,1")


def test_empty_channel_mult_needs_a_size_of_the_table() -> None:
    """guided-diffusion has defaults for four sizes; 32 is none of them."""
    with pytest.raises(SettingsError, match=r"channel_mult.*image_size 32"):
        AdmFlags(image_size=32)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (64, (1, 2, 3, 4)),
        (128, (1, 1, 2, 3, 4)),
        (256, (1, 1, 2, 2, 4, 4)),
        (512, (0.5, 1, 1, 2, 2, 4, 4)),
    ],
)
def test_default_widths_are_the_published_ones(size: int, expected: tuple[float, ...]) -> None:
    """Copied from guided-diffusion's table, not from ours."""
    assert AdmFlags(image_size=size).channel_multipliers == expected


def test_attention_is_counted_in_downsamplings() -> None:
    """32/16 = 2 and 32/8 = 4; an empty text leaves the middle block alone."""
    flags = PRESETS["cifar10"].flags
    assert flags.attention_downsamplings == {2, 4}
    assert TINY.attention_downsamplings == frozenset()


@given(
    classes=st.none() | st.integers(1, 1000),
    dropout=st.floats(0, 1, exclude_max=True),
    steps=st.integers(2, 10_000),
    switches=st.fixed_dictionaries({name: st.booleans() for name in SWITCHES}),
)
def test_json_round_trip(
    classes: int | None, dropout: float, steps: int, switches: dict[str, bool]
) -> None:
    """Through real JSON text; equality is the dataclass's own."""
    values: dict[str, Any] = {
        **TINY.to_json(),
        **switches,
        "num_classes": classes,
        "dropout": dropout,
        "diffusion_steps": steps,
    }
    flags = AdmFlags.from_json(values)
    assert AdmFlags.from_json(json.loads(json.dumps(flags.to_json()))) == flags
    assert flags.to_json() == values


@pytest.mark.parametrize(("learn_sigma", "channels"), [(False, 3), (True, 6)])
def test_output_has_a_variance_where_it_is_learned(learn_sigma: bool, channels: int) -> None:
    """Counted by hand for colour images."""
    assert AdmFlags(learn_sigma=learn_sigma).out_channels == channels
    assert AdmFlags(learn_sigma=learn_sigma).image_shape == (3, 64, 64)


# The public CIFAR-10 training command's flags, with those that cannot change the result.
COMMAND = {
    "image_size": 32,
    "num_channels": 128,
    "num_res_blocks": 3,
    "channel_mult": "1,2,2,2",
    "num_head_channels": 32,
    "attention_resolutions": "16,8",
    "dropout": 0.3,
    "use_new_attention_order": True,
    "resblock_updown": True,
    "learn_sigma": True,
    "diffusion_steps": 1000,
    "noise_schedule": "cosine",
    "rescale_learned_sigmas": True,
    "class_cond": False,
    "use_checkpoint": True,
    "use_fp16": True,
    "timestep_respacing": "100",
}


def test_guided_diffusions_flags_are_ours() -> None:
    """The public command for CIFAR-10 must give the preset of the same name."""
    assert AdmFlags.from_guided_diffusion(COMMAND, None) == PRESETS["cifar10"].flags
    conditional = AdmFlags.from_guided_diffusion({**COMMAND, "class_cond": True}, 1000)
    assert conditional.num_classes == 1000


@pytest.mark.parametrize("name", ["large_size", "weight_schedule", "p2_gamma"])
def test_unknown_guided_diffusion_flag_is_refused(name: str) -> None:
    """Flags of its relatives, each of which would change what the network is."""
    with pytest.raises(SettingsError, match=f"guided-diffusion flags.*{name}"):
        AdmFlags.from_guided_diffusion({**COMMAND, name: 1}, None)


def test_words_that_are_no_flags_are_refused() -> None:
    """Classes come from the weights, and a method of the record is no flag."""
    with pytest.raises(SettingsError, match="to_json"):
        AdmFlags.from_guided_diffusion({"num_classes": "10", "to_json": "1"}, None)
    assert AdmFlags.from_guided_diffusion({"num_classes": "10"}, 7).num_classes == 7


@pytest.mark.parametrize("text", ["inf,1", "1,nan", "1e400", "1,-1", "2000"])
def test_widths_that_no_network_has_are_a_sentence(text: str) -> None:
    """Not a number, without end, or beyond all bounds."""
    with pytest.raises(SettingsError, match="channel_mult"):
        dataclasses.replace(TINY, channel_mult=text)
