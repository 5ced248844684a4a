"""A published network is one whose weights others gave away, with the flags that go with them.

Each entry is its authors' own command, word for word where it decides the network or its process.
The presets that flatdiff trains itself stand in `recipe.PRESETS`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flatdiff.checkpoints.pasted_command import read_command
from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.diffusion.flags import DEFAULT_CHANNEL_MULT, AdmFlags

GUIDED = AdmFlags()
# The same program, earlier; what its `model_and_diffusion_defaults` has otherwise.
IMPROVED = dataclasses.replace(GUIDED, rescale_timesteps=True, rescale_learned_sigmas=True)
# Of improved-diffusion and DDPM-IP; guided-diffusion itself has no table for this size.
CHANNEL_MULT = {32: "1,2,2,2", **DEFAULT_CHANNEL_MULT}


@dataclass(frozen=True, kw_only=True)
class PublishedNetwork:
    """Flags to begin with, and where they are from."""

    claims: Mapping[str, Any]  # all flags; a file that says otherwise is another one
    defaults: AdmFlags = GUIDED  # of the program, where there are no claims
    dataset: str = ""  # "" where flatdiff has none of that name
    source: str  # whose flags they are, and for which file


def _network(flags: str, source: str, defaults: AdmFlags = GUIDED) -> PublishedNetwork:
    """A command's network: its flags, and its program's own where it leaves them out."""
    said = read_command(flags).flags
    mult = {"channel_mult": CHANNEL_MULT[said["image_size"]]}
    claims = {**_flags_of(defaults), "class_cond": False, **mult, **said}
    return PublishedNetwork(claims=claims, source=source, defaults=defaults)


def _flags_of(flags: AdmFlags) -> dict[str, Any]:
    return {name: value for name, value in flags.to_json().items() if name != "num_classes"}


_CELEBA = """
    --image_size 64 --num_channels 192 --num_head_channels 64 --num_res_blocks 3
    --attention_resolutions 32,16,8 --resblock_updown True --use_new_attention_order True
    --learn_sigma True --dropout 0.1 --diffusion_steps 1000 --noise_schedule cosine
    --use_scale_shift_norm True --rescale_learned_sigmas True
"""
_IMAGENET = """
    --attention_resolutions 32,16,8 --class_cond True --diffusion_steps 1000 --learn_sigma True
    --num_res_blocks 2 --resblock_updown True --use_scale_shift_norm True
    --noise_schedule linear --num_channels 256
"""
_LSUN = """
    --attention_resolutions 32,16,8 --class_cond False --diffusion_steps 1000 --dropout 0.1
    --image_size 256 --learn_sigma True --noise_schedule linear --num_channels 256
    --num_head_channels 64 --num_res_blocks 2 --resblock_updown True --use_scale_shift_norm True
"""
_IMPROVED = "--num_channels 128 --num_res_blocks 3 --learn_sigma True --diffusion_steps 4000"
_IMPROVED_LSUN = """
    --image_size 256 --num_channels 128 --num_res_blocks 2 --num_heads 1 --learn_sigma True
    --use_scale_shift_norm False --attention_resolutions 16 --diffusion_steps 1000
    --noise_schedule linear --rescale_learned_sigmas False --rescale_timesteps False
"""

_OTHERS: dict[str, PublishedNetwork] = {
    "celeba64": _network(_CELEBA, "DDPM-IP, CelebA 64x64 (ADM-IP.pt)"),
    "imagenet32": _network(
        """--image_size 32 --num_channels 128 --num_head_channels 32 --num_res_blocks 3
        --attention_resolutions 16,8 --resblock_updown True --use_new_attention_order True
        --learn_sigma True --dropout 0.3 --diffusion_steps 1000 --noise_schedule cosine
        --rescale_learned_sigmas True""",
        "DDPM-IP, ImageNet 32x32 (ADM-IP.pt)",
    ),
    "ffhq128": _network(
        """--image_size 128 --num_channels 256 --num_head_channels 64 --num_res_blocks 3
        --attention_resolutions 32,16,8 --resblock_updown True --use_new_attention_order True
        --learn_sigma True --dropout 0.1 --diffusion_steps 1000 --noise_schedule cosine
        --use_scale_shift_norm True --rescale_learned_sigmas True""",
        "DDPM-IP and ADM-ES, FFHQ 128x128",
    ),
    "openai-64": _network(
        """--attention_resolutions 32,16,8 --class_cond True --diffusion_steps 1000 --dropout 0.1
        --image_size 64 --learn_sigma True --noise_schedule cosine --num_channels 192
        --num_head_channels 64 --num_res_blocks 3 --resblock_updown True
        --use_new_attention_order True --use_scale_shift_norm True""",
        "guided-diffusion, 64x64_diffusion.pt",
    ),
    "openai-128": _network(
        f"{_IMAGENET} --image_size 128 --num_heads 4", "guided-diffusion, 128x128_diffusion.pt"
    ),
    "openai-256": _network(
        f"{_IMAGENET} --image_size 256 --num_head_channels 64",
        "guided-diffusion, 256x256_diffusion.pt",
    ),
    "openai-256-uncond": _network(
        f"{_IMAGENET} --image_size 256 --num_head_channels 64 --class_cond False",
        "guided-diffusion, 256x256_diffusion_uncond.pt",
    ),
    "openai-512": _network(
        f"{_IMAGENET} --image_size 512 --num_head_channels 64",
        "guided-diffusion, 512x512_diffusion.pt",
    ),
    "openai-lsun": _network(
        _LSUN, "guided-diffusion, lsun_bedroom.pt, lsun_cat.pt and lsun_horse.pt"
    ),
    "improved-cifar10": _network(
        f"{_IMPROVED} --image_size 32 --dropout 0.3 --noise_schedule cosine",
        "improved-diffusion, cifar10_uncond_50M_500K.pt",
        IMPROVED,
    ),
    "improved-imagenet64": _network(
        f"{_IMPROVED} --image_size 64 --noise_schedule cosine",
        "improved-diffusion, imagenet64_uncond_100M_1500K.pt",
        IMPROVED,
    ),
    "improved-imagenet64-cond": _network(
        """--image_size 64 --num_channels 192 --num_res_blocks 3 --learn_sigma True
        --class_cond True --diffusion_steps 4000 --noise_schedule cosine
        --rescale_learned_sigmas False --rescale_timesteps False""",
        "improved-diffusion, imagenet64_cond_270M_250K.pt",
        IMPROVED,
    ),
    "improved-lsun": _network(
        _IMPROVED_LSUN,
        "improved-diffusion, lsun_uncond_100M_1200K_bs128.pt and lsun_uncond_100M_2400K_bs64.pt",
        IMPROVED,
    ),
    "guided-diffusion": PublishedNetwork(claims={}, source="guided-diffusion's defaults"),
    "improved-diffusion": PublishedNetwork(
        claims={}, defaults=IMPROVED, source="improved-diffusion's defaults"
    ),
}

# What is trained here has a dataset, and stands for the name where others have it too.
SOURCES = {
    "cifar10": "DDPM-IP and ADM-ES, CIFAR-10 32x32 (ADM-IP.pt, ADM-baseline.pt)",
    "lsun_tower": "DDPM-IP and ADM-ES, LSUN tower 64x64",
    "ffhq64": "nobody published flags; those of LSUN tower, assumed",
    **{name: network.source for name, network in _OTHERS.items()},
}


def _own(name: str) -> PublishedNetwork:
    preset = PRESETS[name]
    source = SOURCES.get(name, f"flatdiff train --preset {name}")
    return PublishedNetwork(claims=_flags_of(preset.flags), dataset=preset.dataset, source=source)


NETWORKS: dict[str, PublishedNetwork] = {**{name: _own(name) for name in PRESETS}}
NETWORKS |= {name: network for name, network in _OTHERS.items() if name not in NETWORKS}


def published_flags(name: str) -> AdmFlags:
    """Of a network by its name, with ImageNet's classes where it has classes."""
    claims = NETWORKS[name].claims
    return AdmFlags.from_guided_diffusion(claims, 1000 if claims.get("class_cond") else None)
