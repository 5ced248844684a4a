"""Files that are no ADM network, by the names that their projects' modules give their tensors."""

import pytest

from flatdiff.checkpoints.header import Header, TensorEntry
from flatdiff.checkpoints.tensors import Shapes
from flatdiff.checkpoints.weights_file import network_shapes
from flatdiff.conversion.other_models import require_denoiser, require_no_stranger
from flatdiff.errors import CheckpointError
from tests.tiny import TINY

# A few names of each, as public files have them.
NAMES = {
    "the state of an optimizer": ["state.0.exp_avg", "state.0.exp_avg_sq", "state.1.step"],
    "latent diffusion": [
        "model.diffusion_model.time_embed.0.weight",
        "first_stage_model.encoder.conv_in.weight",
        "cond_stage_model.transformer.text_model.embeddings.position_ids",
    ],
    "Stable Diffusion": ["input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"],
    "diffusers": ["conv_in.weight", "down_blocks.0.resnets.0.norm1.weight"],
    "DDIM": ["0.module.temb.dense.0.weight", "0.module.down.0.block.0.norm1.weight"],
    "EDM": ["model.map_layer0.weight", "model.enc.32x32_conv.weight"],
    "EDM, preconditioned": ["unet.emb_noise.weight"],
    "score_sde": ["model.module.all_modules.0.W", "step"],
    "denoising-diffusion-pytorch": ["model.downs.0.0.block1.proj.weight"],
    "DiT": ["blocks.0.adaLN_modulation.1.weight", "x_embedder.proj.weight"],
}


def header(shapes: Shapes) -> Header:
    """Of float32."""
    return Header({name: TensorEntry("F32", shape) for name, shape in shapes.items()}, {})


@pytest.mark.parametrize("what", NAMES)
def test_strangers_are_called_by_their_name(what: str) -> None:
    """The table above is the truth."""
    with pytest.raises(CheckpointError, match=what.split(",")[0]):
        require_no_stranger(header(dict.fromkeys(NAMES[what], (1,))))


SHAPES = network_shapes(TINY)
RELATIVES: dict[str, Shapes] = {
    "a classifier": {
        **{n: s for n, s in SHAPES.items() if not n.startswith(("output_blocks", "out."))},
        "out.2.positional_embedding": (32, 65),
        "out.2.c_proj.weight": (1000, 32, 1),
    },
    "consistency_models": {**SHAPES, "middle_block.1.qkv.weight": (96, 32, 1, 1)},
    "an upsampler": {
        **SHAPES,
        "input_blocks.0.0.weight": (32, 6, 3, 3),
        "out.2.weight": (6, 32, 3, 3),
    },
}


@pytest.mark.parametrize("what", RELATIVES)
def test_relatives_are_called_by_their_name(what: str) -> None:
    """ADM's own names, with what guided-diffusion's other programs lack or add."""
    with pytest.raises(CheckpointError, match=what):
        require_denoiser(header(RELATIVES[what]))


def test_adm_is_no_stranger() -> None:
    """Alone, and beside the optimizer that trained it."""
    require_denoiser(header(SHAPES))
    require_no_stranger(header(SHAPES))
    both = {f"model.{name}": shape for name, shape in SHAPES.items()}
    require_no_stranger(header({**both, "optimizer.state.0.exp_avg": (1,)}))
