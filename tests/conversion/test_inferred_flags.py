"""Flags from shapes: of networks that are built here from other flags, and of published sizes."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatdiff.checkpoints.pasted_command import read_command
from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.checkpoints.weights_file import network_shapes
from flatdiff.conversion.inferred_flags import Architecture, Claims, resolve
from flatdiff.conversion.published import GUIDED, NETWORKS, published_flags
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import CheckpointError, SettingsError
from flatdiff.system.files import PROJECT_ROOT
from tests.tiny import TINY

# What shapes cannot say, so that a person must.
OPEN = ("image_size", "num_heads", "dropout", "diffusion_steps", "noise_schedule")


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """Flags of one to four levels, all widths and switches."""
    levels = draw(st.integers(1, 4))
    size = 2 ** (levels + draw(st.integers(0, 2)))
    factors = draw(st.sets(st.sampled_from([2**n for n in range(levels)])))
    width = draw(st.sampled_from([32, 64, 96]))
    widths = draw(st.lists(st.sampled_from([32, 64, 96, 160]), min_size=levels, max_size=levels))
    return {
        "image_size": size,
        "in_channels": draw(st.sampled_from([1, 3])),
        "num_channels": width,
        "num_res_blocks": draw(st.integers(1, 3)),
        "channel_mult": ",".join(repr(math.nextafter(w / width, math.inf)) for w in widths),
        "attention_resolutions": ",".join(str(size // factor) for factor in factors),
        "num_classes": draw(st.none() | st.integers(1, 20)),
        "learn_sigma": draw(st.booleans()),
        "use_scale_shift_norm": draw(st.booleans()),
        "resblock_updown": draw(st.booleans()),
        "noise_schedule": draw(st.sampled_from(["linear", "cosine"])),
    }


@settings(max_examples=40)
@given(networks())
def test_shapes_give_their_flags_back(values: dict[str, Any]) -> None:
    """The network that the inferred flags build has the very shapes of the first."""
    flags = AdmFlags(**values)
    shapes = network_shapes(flags)
    said = {name: getattr(flags, name) for name in OPEN}
    found = resolve(Architecture(shapes), [Claims("a test", said)], GUIDED)
    assert network_shapes(found) == shapes
    assert {name: getattr(found, name) for name in OPEN} == said
    levels = {2**n for n in range(len(flags.channel_multipliers))}
    assert found.attention_downsamplings & levels == flags.attention_downsamplings & levels
    if len(levels) > 1:  # a single level resizes nothing, so that nothing tells how it would
        assert found.resblock_updown == flags.resblock_updown


# Millions of weights as the papers and file names say: Dhariwal & Nichol 2021, Table 4 and
# improved-diffusion's README; tens of millions in names such as cifar10_uncond_50M.
SIZES = {
    "openai-64": (296, 1),
    "openai-128": (422, 1),
    "openai-256": (554, 1),
    "openai-512": (559, 1),
    "improved-imagenet64-cond": (270, 5),
    "improved-imagenet64": (120, 2),
    "improved-cifar10": (50, 5),
    "improved-lsun": (110, 5),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_presets_are_whole_networks_that_their_tensors_confirm(name: str) -> None:
    """From the authors' commands to shapes and back; sizes are those that they published."""
    network = NETWORKS[name]
    if not network.claims:
        return
    flags = published_flags(name)
    shapes = network_shapes(flags)
    found = resolve(Architecture(shapes), [Claims(name, network.claims)], network.defaults)
    assert found == flags
    if name in SIZES:
        millions = sum(math.prod(shape) for shape in shapes.values()) / 1e6
        expected, tolerance = SIZES[name]
        assert millions == pytest.approx(expected, abs=tolerance)


def test_the_documentation_names_every_preset() -> None:
    """Each row of the table is looked for letter by letter, and there is no other."""
    text = (PROJECT_ROOT / "docs" / "import.md").read_text("utf-8")
    rows = {f"| `{name}` | {network.source} |" for name, network in NETWORKS.items()}
    assert set([line for line in text.splitlines() if line.startswith("| `")][1:]) == rows


def test_a_claim_in_other_words_is_no_conflict() -> None:
    """Decimals, blanks, resolutions that no level has, and a table's default."""
    flags = PRESETS["cifar10"].flags
    text = "--image_size 32 --channel_mult 1.0,2.0,2.0,2.0 --attention_resolutions 8,16,5"
    claims = [Claims("your flags", read_command(text + " --use_fp16 True").flags)]
    found = resolve(Architecture(network_shapes(flags)), claims, GUIDED)
    assert found.channel_multipliers == flags.channel_multipliers
    default = AdmFlags(image_size=64)
    claims = [Claims("your flags", {"image_size": 64, "channel_mult": ""})]
    assert resolve(Architecture(network_shapes(default)), claims, GUIDED) == default


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"num_channels": 64}, "num_channels is 32 in the file and 64 by your flags"),
        ({"channel_mult": "2"}, "channel_mult is 1 in the file and 2 by your flags"),
        ({"attention_resolutions": "8"}, "attention_resolutions is  in the file and 8 by"),
        ({"learn_sigma": False}, "learn_sigma is True in the file and False by your flags"),
        ({"use_scale_shift_norm": False}, "use_scale_shift_norm is True in the file"),
        ({"class_cond": True}, "class_cond is False in the file and True by your flags"),
        ({"in_channels": 3}, "in_channels is 1 in the file and 3 by your flags"),
        ({"image_size": 0}, "image_size must be an integer"),
        ({"colour": "red"}, "unknown entries: colour"),
    ],
)
def test_conflicts_name_both_values(claim: dict[str, Any], words: str) -> None:
    """The later claim stands; the earlier one of a preset is overruled."""
    claims = [Claims("preset x", {"image_size": 8}), Claims("your flags", claim)]
    with pytest.raises(SettingsError, match=words):
        resolve(Architecture(network_shapes(TINY)), claims, GUIDED)


def test_what_is_missing_is_left_open() -> None:
    """Tensors that are absent say nothing; out channels that cannot be are a sentence."""
    assert Architecture({}).flags(8) == {"class_cond": False}
    shapes = {**network_shapes(TINY), "out.2.weight": (5, 32, 3, 3)}
    with pytest.raises(CheckpointError, match="1 in and 5 out"):
        Architecture(shapes).flags(8)
    assert Architecture({"time_embed.0.weight": ()}).num_channels is None
