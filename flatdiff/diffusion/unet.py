"""ADM's U-Net: an image and a timestep in, the predicted noise (and variance) out.

The architecture of Dhariwal & Nichol 2021 (arXiv 2105.05233). Attribute names are a file format:
a state dict of guided-diffusion's UNetModel loads here key by key, whatever the flags. What leaves
no trace in the keys (heads, attention order) is decided by `AdmFlags` alone.
"""

import math

import torch
from jaxtyping import Float, Integer, Num
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from flatdiff.diffusion.dropout import Dropout
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.gaussians import Image

Changed = Float[Tensor, "b c_out h_out w_out"]  # where a layer may change more than the values
Embedding = Float[Tensor, "b e"]

NUM_GROUPS = 32  # of every GroupNorm


class AdmUNet(nn.Module):
    """eps(x_t, t), see the module's docstring; a fresh network predicts exactly zero."""

    def __init__(self, flags: AdmFlags) -> None:
        super().__init__()
        self.flags = flags
        width, embed = flags.num_channels, 4 * flags.num_channels
        self.time_embed = nn.Sequential(
            nn.Linear(width, embed), nn.SiLU(), nn.Linear(embed, embed)
        )
        if flags.num_classes is not None:
            self.label_emb = nn.Embedding(flags.num_classes, embed)
        stem = int(flags.channel_multipliers[0] * width)
        self.input_blocks, skips, ch = _build_encoder(flags, stem)
        heads = _num_heads(flags, ch, flags.num_heads)
        self.middle_block = Stage(
            _res_block(flags, ch, ch), _attention(flags, ch, heads), _res_block(flags, ch, ch)
        )
        self.output_blocks, ch = _build_decoder(flags, skips, ch)
        conv = _zero(nn.Conv2d(stem, flags.out_channels, 3, padding=1))
        self.out = nn.Sequential(GroupNorm32(ch), nn.SiLU(), conv)

    def forward(
        self, x: Image, timesteps: Num[Tensor, " b"], y: Integer[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b c_out h w"]:
        """Network output for noisy images.

        Args:
            x: x_t in (B, C, H, W), about unit variance.
            timesteps: (B,), in [0, 1000); fractional where timesteps are rescaled.
            y: class labels (B,), exactly where the network has classes.
        """
        assert (y is None) == (self.flags.num_classes is None), "labels and network disagree"
        emb = self.time_embed(timestep_embedding(timesteps, self.flags.num_channels))
        if y is not None:
            emb = emb + self.label_emb(y)
        skips, h = [], x
        for stage in self.input_blocks:
            h = stage(h, emb)
            skips.append(h)
        h = self.middle_block(h, emb)
        for stage in self.output_blocks:
            h = stage(torch.cat([h, skips.pop()], dim=1), emb)
        return self.out(h)


def timestep_embedding(timesteps: Num[Tensor, " b"], dim: int) -> Embedding:
    """Sinusoids with periods from 2 pi to 20,000 pi: cosines, then sines; (B,) to (B, dim)."""
    half = dim // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angles = timesteps[:, None].float() * torch.exp(-math.log(10_000) * exponents)[None]
    embedding = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
    return F.pad(embedding, (0, dim % 2))


class Stage(nn.Sequential):
    """Layers in a row, of which the residual blocks also hear the timestep embedding."""

    recomputed = False  # on the way back: one layer's activations are kept at a time

    def forward(self, x: Image, emb: Embedding) -> Changed:  # pyright: ignore[reportIncompatibleMethodOverride]
        """(B, C, H, W) to (B, C', H', W')."""
        for layer in self:
            heard = (x, emb) if isinstance(layer, ResBlock) else (x,)
            x = (
                checkpoint(layer, *heard, use_reentrant=False)
                if self.recomputed
                else layer(*heard)
            )
        return x


class GroupNorm32(nn.GroupNorm):
    """Group normalisation in float32, whatever the activations are."""

    def __init__(self, channels: int) -> None:
        super().__init__(NUM_GROUPS, channels)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (the parent's name)
        """Same shape and type out as in."""
        return super().forward(input.float()).to(input.dtype)


class Upsample(nn.Module):
    """Nearest neighbour, twice the pixels a side, then a convolution unless a block resizes."""

    def __init__(self, channels: int, use_conv: bool) -> None:
        super().__init__()
        if use_conv:
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.use_conv = use_conv

    def forward(self, x: Image) -> Changed:
        """(B, C, H, W) to (B, C, 2H, 2W)."""
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.conv(x) if self.use_conv else x


class Downsample(nn.Module):
    """Half the pixels a side: a strided convolution, or a mean of 2 x 2 where a block resizes."""

    def __init__(self, channels: int, use_conv: bool) -> None:
        super().__init__()
        self.op = (
            nn.Conv2d(channels, channels, 3, stride=2, padding=1) if use_conv else nn.AvgPool2d(2)
        )

    def forward(self, x: Image) -> Changed:
        """(B, C, H, W) to (B, C, H/2, W/2)."""
        return self.op(x)


class ResBlock(nn.Module):
    """Two convolutions that hear the timestep, beside a shortcut; may resize on the way."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        *,
        emb_channels: int,
        dropout: float,
        use_scale_shift_norm: bool,
        resize: type[Upsample] | type[Downsample] | None = None,
    ) -> None:
        super().__init__()
        self.use_scale_shift_norm = use_scale_shift_norm
        self.in_layers = nn.Sequential(
            GroupNorm32(channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.resize = nn.Identity() if resize is None else resize(channels, use_conv=False)
        emb_out = out_channels * (2 if use_scale_shift_norm else 1)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, emb_out))
        self.out_layers = nn.Sequential(
            GroupNorm32(out_channels),
            nn.SiLU(),
            Dropout(dropout),
            _zero(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        same = out_channels == channels
        self.skip_connection = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Image, emb: Embedding) -> Changed:
        """(B, C, H, W) to (B, C', H', W')."""
        norm, act, conv = self.in_layers
        h = conv(self.resize(act(norm(x))))
        bias = self.emb_layers(emb).to(h.dtype)[:, :, None, None]
        if self.use_scale_shift_norm:
            scale, shift = bias.chunk(2, dim=1)
            h = self.out_layers[0](h) * (1 + scale) + shift
            for layer in self.out_layers[1:]:
                h = layer(h)
        else:
            h = self.out_layers(h + bias)
        return self.skip_connection(self.resize(x)) + h


class AttentionBlock(nn.Module):
    """Self-attention over all pixels, beside a shortcut.

    The two orders cut the qkv channels differently: the new one into q, k, v and then heads, the
    legacy one into heads and then q, k, v. The tensors have equal shapes and different meanings.
    """

    def __init__(self, channels: int, num_heads: int, use_new_attention_order: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.use_new_attention_order = use_new_attention_order
        self.norm = GroupNorm32(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = _zero(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Image) -> Image:
        """(B, C, H, W), same shape out."""
        batch, channels, *spatial = x.shape
        flat = x.reshape(batch, channels, -1)
        attended = self._attend(self.qkv(self.norm(flat)))
        return (flat + self.proj_out(attended)).reshape(batch, channels, *spatial)

    def _attend(self, qkv: Float[Tensor, "b c3 n"]) -> Float[Tensor, "b c n"]:
        """Softmax attention by plain products, which can be differentiated twice."""
        batch, width, length = qkv.shape
        head = width // (3 * self.num_heads)
        if self.use_new_attention_order:
            q, k, v = (
                part.reshape(batch * self.num_heads, head, length) for part in qkv.chunk(3, dim=1)
            )
        else:
            q, k, v = qkv.reshape(batch * self.num_heads, 3 * head, length).split(head, dim=1)
        scale = head**-0.25  # on both sides: more stable in half precision
        weight = torch.einsum("bct,bcs->bts", q * scale, k * scale)
        weight = torch.softmax(weight.float(), dim=-1).to(weight.dtype)
        return torch.einsum("bts,bcs->bct", weight, v).reshape(batch, -1, length)


def _zero(module: nn.Conv2d | nn.Conv1d) -> nn.Module:
    """Zero-initialised: a fresh block is its shortcut."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def _num_heads(flags: AdmFlags, channels: int, num_heads: int) -> int:
    if flags.num_head_channels == -1:
        return num_heads
    return channels // flags.num_head_channels


def _attention(flags: AdmFlags, channels: int, num_heads: int) -> AttentionBlock:
    return AttentionBlock(channels, num_heads, flags.use_new_attention_order)


def _res_block(
    flags: AdmFlags,
    channels: int,
    out_channels: int,
    resize: type[Upsample] | type[Downsample] | None = None,
) -> ResBlock:
    return ResBlock(
        channels,
        out_channels,
        emb_channels=4 * flags.num_channels,
        dropout=flags.dropout,
        use_scale_shift_norm=flags.use_scale_shift_norm,
        resize=resize,
    )


def _resizer(flags: AdmFlags, channels: int, kind: type[Upsample] | type[Downsample]) -> nn.Module:
    if flags.resblock_updown:
        return _res_block(flags, channels, channels, resize=kind)
    return kind(channels, use_conv=True)


def _build_encoder(flags: AdmFlags, stem: int) -> tuple[nn.ModuleList, list[int], int]:
    """The stages from fine to coarse, the channels each hands to its mirror, the last channels."""
    ch, factor = stem, 1
    stages, skips = [Stage(nn.Conv2d(flags.in_channels, ch, 3, padding=1))], [stem]
    last = len(flags.channel_multipliers) - 1
    for level, multiplier in enumerate(flags.channel_multipliers):
        for _ in range(flags.num_res_blocks):
            out = int(multiplier * flags.num_channels)
            layers: list[nn.Module] = [_res_block(flags, ch, out)]
            ch = out
            if factor in flags.attention_downsamplings:
                layers.append(_attention(flags, ch, _num_heads(flags, ch, flags.num_heads)))
            stages.append(Stage(*layers))
            skips.append(ch)
        if level != last:
            stages.append(Stage(_resizer(flags, ch, Downsample)))
            skips.append(ch)
            factor *= 2
    return nn.ModuleList(stages), skips, ch


def _build_decoder(flags: AdmFlags, skips: list[int], ch: int) -> tuple[nn.ModuleList, int]:
    """The stages from coarse to fine and the channels of the last one."""
    stages: list[Stage] = []
    skips = list(skips)
    factor = 2 ** (len(flags.channel_multipliers) - 1)
    num_heads = flags.num_heads if flags.num_heads_upsample == -1 else flags.num_heads_upsample
    for level, multiplier in reversed(list(enumerate(flags.channel_multipliers))):
        for index in range(flags.num_res_blocks + 1):
            out = int(multiplier * flags.num_channels)
            layers: list[nn.Module] = [_res_block(flags, ch + skips.pop(), out)]
            ch = out
            if factor in flags.attention_downsamplings:
                layers.append(_attention(flags, ch, _num_heads(flags, ch, num_heads)))
            if level and index == flags.num_res_blocks:
                layers.append(_resizer(flags, ch, Upsample))
                factor //= 2
            stages.append(Stage(*layers))
    return nn.ModuleList(stages), ch
