"""The network: what its keys promise, what they cannot show, and attention written as loops."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from flatdiff.checkpoints.recipe import PRESETS
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.unet import AdmUNet, AttentionBlock, timestep_embedding
from flatdiff.errors import SettingsError
from tests.tiny import TINY, gaussian, random_network

SMALL = PRESETS["digits"].flags  # two levels, attention at the coarse one

COMBINATIONS = [
    pytest.param(
        dataclasses.replace(
            SMALL,
            learn_sigma=sigma,
            num_classes=classes,
            use_new_attention_order=order,
            resblock_updown=updown,
            use_scale_shift_norm=shift,
            **heads,
        ),
        id=f"sigma{sigma:d}-classes{classes}-{'-'.join(heads)}-new{order:d}-updown{updown:d}-ss{shift:d}",
    )
    for sigma, classes, heads, order, updown, shift in itertools.product(
        (False, True),
        (None, 10),
        ({"num_head_channels": 16}, {"num_heads": 2, "num_head_channels": -1}),
        (False, True),
        (False, True),
        (False, True),
    )
]


def labels_for(flags: AdmFlags, batch: int = 2) -> Tensor | None:
    """Class labels where the network wants them."""
    return None if flags.num_classes is None else torch.arange(batch)


@pytest.mark.parametrize("flags", COMBINATIONS)
def test_every_combination_has_its_keys_and_uses_all_of_them(flags: AdmFlags) -> None:
    """The key rules are those of the published files; autograd says that no tensor is idle."""
    model, y = random_network(flags), labels_for(flags)
    keys = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert any(".op." in name for name in keys) == (not flags.resblock_updown)
    assert ("label_emb.weight" in keys) == (flags.num_classes is not None)
    assert keys["input_blocks.1.0.emb_layers.1.weight"][0] == 32 * (1 + flags.use_scale_shift_norm)
    assert keys["out.2.weight"] == (1 + flags.learn_sigma, 32, 3, 3)
    assert keys["middle_block.1.qkv.weight"] == (192, 64, 1)
    output = model(gaussian(2, 1, 8, 8), torch.tensor([3, 700]), y)
    assert output.shape == (2, 1 + flags.learn_sigma, 8, 8)
    output.square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_cifar10_network_has_the_papers_size() -> None:
    """57,094,662 parameters and 494 tensors are the published file's, counted there."""
    with torch.device("meta"):
        model = AdmUNet(PRESETS["cifar10"].flags)
    assert sum(p.numel() for p in model.parameters()) == 57_094_662
    assert len(model.state_dict()) == 494
    assert not list(model.buffers())


def test_tower_network_has_the_papers_size() -> None:
    """295,136,454 parameters and 540 tensors: the 64 x 64 file's, with the LSUN tower flags."""
    with torch.device("meta"):
        model = AdmUNet(PRESETS["lsun_tower"].flags)
    assert PRESETS["ffhq64"].flags == PRESETS["lsun_tower"].flags, "an assumption, and said so"
    assert sum(p.numel() for p in model.parameters()) == 295_136_454
    assert len(model.state_dict()) == 540


def test_fresh_network_predicts_exactly_zero() -> None:
    """Every residual branch ends in zeros, so nothing but zeros can leave the last convolution."""
    model = AdmUNet(SMALL)
    assert not model(gaussian(2, 1, 8, 8), torch.tensor([0, 999])).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"use_new_attention_order": False},
        {"num_head_channels": 32},
        {"num_head_channels": -1, "num_heads": 1},
        {"num_head_channels": -1, "num_heads": 4, "num_heads_upsample": 2},
    ],
)
def test_flags_without_trace_in_the_keys_change_the_output(changes: dict[str, int]) -> None:
    """The same tensors load strictly either way, so only the output can tell."""
    base = random_network(dataclasses.replace(SMALL, num_head_channels=16))
    other = AdmUNet(dataclasses.replace(SMALL, **changes)).eval()
    other.load_state_dict(base.state_dict())
    x, t = gaussian(2, 1, 8, 8), torch.tensor([10, 500])
    with torch.no_grad():
        ours, theirs = base(x, t), other(x, t)
    assert (ours - theirs).norm() > 1e-3 * ours.norm()


def test_heads_counted_or_sized_are_the_same_heads() -> None:
    """64 channels in 4 heads are heads of 16 channels: equal bits by two different flags."""
    sized = random_network(dataclasses.replace(SMALL, num_head_channels=16))
    counted = AdmUNet(dataclasses.replace(SMALL, num_head_channels=-1, num_heads=4)).eval()
    counted.load_state_dict(sized.state_dict())
    x, t = gaussian(2, 1, 8, 8), torch.tensor([10, 500])
    assert torch.equal(sized(x, t), counted(x, t))


def test_one_head_makes_both_orders_equal() -> None:
    """With a single head there is nothing to cut differently."""
    new = random_network(dataclasses.replace(SMALL, num_head_channels=64))
    legacy = AdmUNet(
        dataclasses.replace(SMALL, num_head_channels=64, use_new_attention_order=False)
    ).eval()
    legacy.load_state_dict(new.state_dict())
    x, t = gaussian(2, 1, 8, 8), torch.tensor([10, 500])
    assert torch.equal(new(x, t), legacy(x, t))


def attend_by_loops(qkv: np.ndarray, heads: int, new_order: bool) -> np.ndarray:
    """Attention of one image, query by query: (3C, N) to (C, N), float64."""
    channels = len(qkv) // 3
    size = channels // heads
    out = np.zeros((channels, qkv.shape[1]))
    for head in range(heads):
        if new_order:
            starts = [part * channels + head * size for part in range(3)]
        else:
            starts = [(3 * head + part) * size for part in range(3)]
        q, k, v = (qkv[start : start + size] for start in starts)
        for query in range(qkv.shape[1]):
            scores = np.exp([q[:, query] @ k[:, key] / math.sqrt(size) for key in range(len(q.T))])
            out[head * size : (head + 1) * size, query] = v @ scores / scores.sum()
    return out


@pytest.mark.parametrize("new_order", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_the_plain_loops(heads: int, new_order: bool) -> None:
    """Loops over heads, queries and keys in NumPy float64 share no reshape with the block."""
    torch.manual_seed(0)
    block = AttentionBlock(32, heads, new_order)
    with torch.no_grad():
        block.get_parameter("proj_out.weight").copy_(torch.eye(32)[:, :, None])
    x = gaussian(2, 32, 3, 3)
    with torch.no_grad():
        qkv = block.qkv(nn.functional.group_norm(x.flatten(2), 32))
        got = (block(x) - x).flatten(2).numpy()
    expected = np.stack([attend_by_loops(one.double().numpy(), heads, new_order) for one in qkv])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_classes_change_the_output_and_are_required() -> None:
    """Equal labels, equal bits; other labels, other output; no label is a bug of the caller."""
    model = random_network(dataclasses.replace(SMALL, num_classes=10))
    x, t = gaussian(1, 1, 8, 8).expand(2, 1, 8, 8), torch.tensor([5, 5])
    same, other = model(x, t, torch.tensor([3, 3])), model(x, t, torch.tensor([3, 4]))
    torch.testing.assert_close(same[0], same[1])
    assert (other[0] - other[1]).norm() > 1e-3 * other.norm()
    with pytest.raises(AssertionError, match="labels"):
        model(x, t)


@pytest.mark.parametrize("dim", [32, 33, 2])
@pytest.mark.parametrize("t", [0.0, 1.0, 52.5, 999.0])
def test_timestep_embedding_is_the_written_sinusoids(dim: int, t: float) -> None:
    """Entry by entry with math.cos and math.sin; periods run from 2 pi to 20,000 pi."""
    half = dim // 2
    angles = [t * 10_000 ** (-i / half) for i in range(half)]
    expected = [math.cos(a) for a in angles] + [math.sin(a) for a in angles] + [0.0] * (dim % 2)
    got = timestep_embedding(torch.tensor([t]), dim)[0].tolist()
    np.testing.assert_allclose(got, expected, atol=2e-4)  # of an angle near 1000 in float32


def test_dropout_is_off_in_eval_mode_only() -> None:
    """Two calls agree in every bit exactly where no mask is drawn."""
    model = random_network(dataclasses.replace(TINY, dropout=0.5))
    x, t = gaussian(2, 1, 8, 8), torch.tensor([10, 500])
    assert torch.equal(model(x, t), model(x, t))
    model.train()
    assert not torch.equal(model(x, t), model(x, t))


@pytest.mark.parametrize("name", ["weight_missing", "weight_extra"])
def test_loading_is_strict(name: str) -> None:
    """A key too many or too few must not pass in silence."""
    model = AdmUNet(TINY)
    state = model.state_dict()
    if name == "weight_missing":
        del state["out.2.bias"]
    else:
        state["out.3.bias"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match=r"out\.[23]\.bias"):
        model.load_state_dict(state)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"num_head_channels": 48}, "num_head_channels"),
        ({"num_head_channels": 0}, "num_head_channels"),
        ({"num_head_channels": -1, "num_heads": 3}, "num_heads"),
        ({"num_head_channels": -1, "num_heads_upsample": 0}, "num_heads_upsample"),
        ({"channel_mult": "1,1.3"}, "channel_mult"),
    ],
)
def test_networks_that_cannot_be_built_are_refused_as_flags(
    changes: dict[str, object], word: str
) -> None:
    """64 channels have no 3 heads and no heads of 48; 41 channels have no 32 groups."""
    with pytest.raises(SettingsError, match=word):
        dataclasses.replace(SMALL, **changes)
