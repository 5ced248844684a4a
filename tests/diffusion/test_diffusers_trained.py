"""Networks of diffusers as people hold them: of public size, and trained by its own loop."""

from pathlib import Path

import numpy as np
import pytest
import torch

from flatdiff.checkpoints.weights_file import load_model
from flatdiff.conversion.importer import import_file
from flatdiff.diffusion.networks import build_network
from flatdiff.images.image_set import load_images
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from tests.diffusion.test_diffusers_network import PUBLIC, SAID, flags_of, network_of
from tests.their_diffusers import diffusers
from tests.tiny import CPU, gaussian


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_public_networks_compute_what_diffusers_computes(name: str) -> None:
    """With random weights, on images of 32 x 32, which each of them takes."""
    usual = {"in_channels": 3, "out_channels": 3, "norm_num_groups": 32, "layers_per_block": 2}
    theirs = network_of(**{**usual, **PUBLIC[name]})
    ours = build_network(flags_of(theirs, diffusers.DDPMScheduler())).eval()
    ours.load_state_dict(theirs.state_dict())
    x, t = gaussian(2, 3, 32, 32), torch.tensor([10, 900])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t), theirs(x, t).sample)


@pytest.mark.slow
def test_a_trained_pipeline_is_measured_as_diffusers_measures_it(tmp_path: Path) -> None:
    """Three hundred steps of diffusers' own on digits; imported, its losses are their losses."""
    theirs, scheduler = network_of().train(), diffusers.DDPMScheduler(num_train_timesteps=50)
    images = load_images("digits", "train", 8, 1)
    optimizer, draw = torch.optim.Adam(theirs.parameters(), 2e-3), torch.Generator().manual_seed(0)
    losses = []
    for _ in range(300):
        x = images.images(torch.randint(len(images), (32,), generator=draw))
        noise = torch.randn(x.shape, generator=draw)
        t = torch.randint(50, (32,), generator=draw)
        loss = (theirs(scheduler.add_noise(x, noise, t), t).sample - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-50:]) < 0.5 * np.mean(losses[:20]), "it has learned"
    theirs.eval()
    diffusers.DDPMPipeline(unet=theirs, scheduler=scheduler).save_pretrained(tmp_path / "theirs")
    (card,) = import_file(tmp_path / "root", tmp_path / "theirs", SAID)
    subject = Subject(card, load_model(tmp_path / "root", card, CPU), Panel(size=64))
    p = subject.tensors
    with torch.no_grad():
        predicted = theirs(scheduler.add_noise(p.x_start, p.noise, p.t), p.t).sample
    np.testing.assert_allclose(
        subject.losses(), (predicted - p.noise).square().mean((1, 2, 3)), rtol=1e-4
    )
