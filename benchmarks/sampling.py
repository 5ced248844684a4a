"""Sampling 64 images in 20 steps against diffusers' DDPM pipeline with a network of the same size.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.sampling [--rounds 5]

Both run in one process on all cores, in turn, after one run to warm up. The peer's UNet2DModel has
the same widths, attention at the same resolution and one more residual block in the middle: its
number of weights stands beside ours.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel  # pyright: ignore

from benchmarks.surface import CHECKPOINT
from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.system.files import checkpoint_root

NUM_IMAGES, NUM_STEPS = 64, 20


def seconds(call: Callable[[], object]) -> float:
    """Of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def peer() -> DDPMPipeline:
    """Untrained: the time of a pass does not depend on the weights."""
    network = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=2,
        layers_per_block=1,
        block_out_channels=(32, 64),
        norm_num_groups=32,
        attention_head_dim=32,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        downsample_type="resnet",
        upsample_type="resnet",
        resnet_time_scale_shift="scale_shift",
    )
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", variance_type="learned_range", clip_sample=True
    )
    pipeline = DDPMPipeline(unet=network, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def main() -> None:
    """Print one line a round and the ratio's spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    root = checkpoint_root()
    card = read_card(root, CHECKPOINT)
    subject = Subject(card, load_model(root, card, torch.device("cpu")), Panel(size=NUM_IMAGES))
    pipeline, ratios = peer(), []
    weights = sum(p.numel() for p in pipeline.unet.parameters())
    print(f"weights: diffusers {weights:,}, flatdiff {card.num_parameters:,}")

    def theirs() -> object:
        return pipeline(batch_size=NUM_IMAGES, num_inference_steps=NUM_STEPS, output_type="np")

    def ours() -> object:
        return subject.chains.sample(NUM_IMAGES, NUM_STEPS, 0)

    theirs()
    ours()
    for _ in range(parser.parse_args().rounds):
        a, b = seconds(theirs), seconds(ours)
        ratios.append(a / b)
        print(f"diffusers {a:.2f} s   flatdiff {b:.2f} s   ratio {ratios[-1]:.2f}", flush=True)
    print(
        f"ratio: median {statistics.median(ratios):.2f}, "
        f"from {min(ratios):.2f} to {max(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
