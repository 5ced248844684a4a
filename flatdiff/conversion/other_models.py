"""Files of weights that are no ADM network, known by the names of their tensors and refused.

Each is refused by its own name, so that a person learns what the file is and not only that 900
tensors are missing. The names are those that the projects' own modules give their tensors.
"""

import re
from collections.abc import Mapping

from flatdiff.checkpoints.header import Header
from flatdiff.errors import CheckpointError

OPTIMIZER = re.compile(r"(\w+\.)*state\.\d+(\.\w+)?")
UPSAMPLER_CHANNELS = 6  # an image and the small one beside it, enlarged

# By a pattern that one name at least has: what the file is, and why it does not fit.
STRANGERS: Mapping[str, str] = {
    r"(^|\.)(first_stage_model|cond_stage_model)\.|\.attn1\.to_q\.": (
        "it is a latent diffusion model (such as Stable Diffusion): its network works on an "
        "autoencoder's latents, not on images"
    ),
    r"(^|\.)down_blocks\.0\.": (
        "it is a U-Net of diffusers; its folder is taken, with the config.json that lies beside "
        "the weights: give the folder"
    ),
    r"(^|\.)temb\.dense\.0\.": (
        "it is the U-Net of DDPM and DDIM (Ho et al.), an older network than guided-diffusion's"
    ),
    r"(^|\.)(map_layer0|map_noise|emb_noise)\.|(^|\.)enc\.\d+x\d+_": (
        "it is a network of EDM, preconditioned by the noise level: it has other layers than ADM "
        "and predicts the image, not the noise at a timestep"
    ),
    r"(^|\.)all_modules\.0\.": "it is a network of score_sde, another one than guided-diffusion's",
    r"(^|\.)downs\.0\.0\.": (
        "it is a U-Net of denoising-diffusion-pytorch, another network than guided-diffusion's"
    ),
    r"(^|\.)adaLN_modulation\.": "it is a diffusion transformer (DiT), no U-Net",
}


def require_no_stranger(header: Header) -> None:
    """Refuse what the names of a whole file give away, before anything is taken out of it.

    Raises:
        CheckpointError: what it is, in a sentence.
    """
    names = list(header.tensors)
    if names and all(OPTIMIZER.fullmatch(name) for name in names):
        raise CheckpointError(
            "it is the state of an optimizer (opt*.pt), with moments and no weights; the weights "
            "lie beside it as model*.pt and ema*.pt"
        )
    for pattern, sentence in STRANGERS.items():
        if any(re.search(pattern, name) for name in names):
            raise CheckpointError(sentence)


def require_denoiser(header: Header) -> None:
    """Refuse relatives of ADM, which share most of its names, by what they lack or add.

    Args:
        header: of one set of weights, by the network's own names.

    Raises:
        CheckpointError: what it is, in a sentence.
    """
    shapes = header.shapes
    if "input_blocks.0.0.weight" in shapes and not any(
        n.startswith("output_blocks.") for n in shapes
    ):
        raise CheckpointError(
            "it is a classifier of guided-diffusion: half a U-Net that names classes and predicts "
            "no noise"
        )
    if len(shapes.get("middle_block.1.qkv.weight", ())) == 4:
        raise CheckpointError(
            "it is a network of consistency_models: it hears the noise level in place of a "
            "timestep, and predicts the image"
        )
    stem, out = shapes.get("input_blocks.0.0.weight", ()), shapes.get("out.2.weight", ())
    if len(stem) == 4 and len(out) == 4 and stem[1] == UPSAMPLER_CHANNELS:
        raise CheckpointError(
            "it is an upsampler of guided-diffusion: it expects a smaller image beside the noisy "
            f"one ({UPSAMPLER_CHANNELS} channels in)"
        )
