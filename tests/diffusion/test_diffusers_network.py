"""Networks of diffusers, number by number against diffusers' own network, schedulers and files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.weights_file import load_model
from flatdiff.conversion.draft import Description
from flatdiff.conversion.importer import import_file, portable
from flatdiff.diffusion.any_flags import flags_from_json
from flatdiff.diffusion.diffusers_flags import DiffusersFlags, from_configs
from flatdiff.diffusion.networks import build_network
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.errors import SettingsError
from flatdiff.landscape.panel import Panel
from flatdiff.landscape.subject import Subject
from flatdiff.measures import MEASURES
from tests.measures.test_conditional import SMALLER
from tests.subjects import card_of
from tests.their_diffusers import diffusers
from tests.tiny import CPU, gaussian

SMALL: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": (32, 32),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
}


def network_of(seed: int = 0, **changes: Any) -> Any:
    """A small U-Net as diffusers makes it, no weight of which is zero."""
    torch.manual_seed(seed)
    model = diffusers.UNet2DModel(**{**SMALL, **changes}).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def saved(folder: Path, scheduler: Any = None, **changes: Any) -> Any:
    """A pipeline's folder, written by diffusers itself; returns its network."""
    model = network_of(**changes)
    scheduler = scheduler or diffusers.DDPMScheduler(num_train_timesteps=50)
    diffusers.DDPMPipeline(unet=model, scheduler=scheduler).save_pretrained(folder)
    return model


def flags_of(model: Any, scheduler: Any) -> DiffusersFlags:
    """Of both configs."""
    return from_configs({**model.config, "_class_name": "UNet2DModel"}, dict(scheduler.config))


def in_float64(scheduler: Any) -> Any:
    """The same with constants that are not rounded: 1 - alphas_cumprod loses four digits there."""
    known = scheduler.config
    if known.beta_schedule == "linear":
        scheduler.betas = torch.linspace(known.beta_start, known.beta_end, 50, dtype=torch.float64)
        scheduler.alphas = 1 - scheduler.betas
        scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, 0)
    return scheduler


SCHEDULERS: dict[str, dict[str, Any]] = {
    "linear": {},
    "scaled": {"beta_schedule": "scaled_linear", "beta_start": 0.001, "beta_end": 0.01},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "images": {"prediction_type": "sample"},
    "v": {"prediction_type": "v_prediction"},
    "large": {"variance_type": "fixed_large"},
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_process_is_the_schedulers(name: str) -> None:
    """Noised images, targets, and a step back with the same noise, at every timestep."""
    theirs = diffusers.DDPMScheduler(num_train_timesteps=50, **SCHEDULERS[name])
    ours = DiffusionProcess(flags_of(network_of(), theirs))
    np.testing.assert_allclose(ours.alphas_cumprod, theirs.alphas_cumprod, rtol=2e-5)
    theirs = in_float64(theirs)
    theirs.set_timesteps(50)
    x_start, noise, output = (gaussian(50, 1, 8, 8, seed=seed).clamp(-2, 2) for seed in range(3))
    steps = torch.arange(50)
    x_t = ours.q_sample(x_start, steps, noise)
    torch.testing.assert_close(x_t, theirs.add_noise(x_start, noise, steps), rtol=1e-5, atol=1e-5)
    target = {"epsilon": noise, "sample": x_start}.get(
        theirs.config.prediction_type, theirs.get_velocity(x_start, noise, steps)
    )
    torch.testing.assert_close(ours.target(x_start, steps, noise), target, rtol=1e-5, atol=1e-5)
    back = ours.read_output(output, x_t, steps)
    for step in range(50):
        drawn = torch.Generator().manual_seed(step)
        expected = theirs.step(output[step], step, x_t[step], generator=drawn)
        added = torch.randn(output[step].shape, generator=torch.Generator().manual_seed(step))
        got = back.mean[step] + (step > 0) * back.variance[step].sqrt() * added
        torch.testing.assert_close(got, expected.prev_sample.float(), rtol=1e-5, atol=1e-5)


SAID = Description(id="theirs/unet", dataset="digits", step=70)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline's folder; only read, as what is imported from it."""
    folder = tmp_path_factory.mktemp("pipeline")
    saved(folder)
    return folder


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> tuple[Path, Card]:
    """A gallery with the one checkpoint of that folder, and its card."""
    root = tmp_path_factory.mktemp("root")
    (card,) = import_file(root, folder, SAID)
    return root, card


def computes_what_diffusers_computes(
    root: Path, card: Card, folder: Path, y: torch.Tensor | None = None
) -> None:
    """The folder's own loader is the judge."""
    theirs = diffusers.UNet2DModel.from_pretrained(folder / "unet").eval()
    ours = load_model(root, card, CPU)
    x, t = gaussian(5, 1, 8, 8), torch.tensor([0, 7, 20, 33, 49])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t, y), theirs(x, t, class_labels=y).sample)


def test_an_imported_pipeline_computes_what_diffusers_computes(
    folder: Path, imported: tuple[Path, Card]
) -> None:
    """Through the real converting process."""
    root, card = imported
    assert card.flags == flags_from_json(card.flags.to_json())
    assert card.origin["packaging"].startswith("a UNet2DModel of diffusers that predicts epsilon")
    assert card.title == "unet"
    computes_what_diffusers_computes(root, card, folder)


def test_a_conditional_network_alone_computes_what_diffusers_computes(tmp_path: Path) -> None:
    """Its own folder, without the pipeline's other parts, holds the same weights."""
    saved(tmp_path, num_class_embeds=10)
    (card,) = import_file(tmp_path / "root", tmp_path / "unet", SAID)
    computes_what_diffusers_computes(tmp_path / "root", card, tmp_path, torch.arange(5))


def test_a_checkpoint_of_diffusers_travels_with_its_card(
    imported: tuple[Path, Card], tmp_path: Path
) -> None:
    """Downloaded from one gallery and added to another."""
    root, card = imported
    (tmp_path / "sent.safetensors").write_bytes(portable(root, card))
    (there,) = import_file(
        tmp_path / "other", tmp_path / "sent.safetensors", Description(id="a/b")
    )
    kept = ("digest", "flags", "dataset", "step", "method", "weights", "num_parameters")
    assert [getattr(there, name) for name in kept] == [getattr(card, name) for name in kept]


def subject_of(**changes: Any) -> Subject:
    """A diffusers network on digits."""
    theirs = network_of(**changes)
    flags = flags_of(theirs, diffusers.DDPMScheduler(num_train_timesteps=50))
    ours = build_network(flags).eval().requires_grad_(False)
    ours.load_state_dict(theirs.state_dict())
    return Subject(card_of(flags), ours, Panel(size=6))


def test_a_panels_losses_are_those_of_diffusers() -> None:
    """The mean squared error of the noise, by diffusers' network and scheduler alone."""
    theirs, scheduler = network_of(), diffusers.DDPMScheduler(num_train_timesteps=50)
    subject = subject_of()
    p = subject.tensors
    with torch.no_grad():
        predicted = theirs(scheduler.add_noise(p.x_start, p.noise, p.t), p.t).sample
    expected = (predicted - p.noise).square().mean((1, 2, 3))
    np.testing.assert_allclose(subject.losses(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", MEASURES)
def test_the_first_item_of_every_measure_is_computed(name: str) -> None:
    """As of an ADM network."""
    own = {"samples": {"classes": ()}, "sensitivity": {"layers": ("conv_out.weight",)}}
    settings = MEASURES[name].settings_type(**{**SMALLER.get(name, {}), **own.get(name, {})})
    item = next(iter(MEASURES[name].items(settings)))
    arrays = MEASURES[name].evaluate(subject_of(), settings, item)
    numbers = [values for values in arrays.values() if values.dtype.kind in "fiu"]
    assert numbers
    assert all(np.isfinite(values).all() for values in numbers)


def test_its_loss_has_a_second_derivative() -> None:
    """Against a difference of gradients; fused attention has none of it."""
    subject = subject_of()
    slopes, direction = [], subject.curvature.gradient()
    direction /= direction.norm()
    product = subject.curvature.hessian_vector_product(direction)
    for step in (1e-2, -1e-2):
        with subject.at((step, direction)):
            slopes.append(subject.curvature.gradient())
    difference = (slopes[0] - slopes[1]) / 2e-2
    assert (product - difference).norm() < 0.02 * product.norm()


@pytest.mark.parametrize("shift", ["default", "scale_shift"])
def test_a_rescaled_network_computes_the_same(shift: str) -> None:
    """What feeds a norm alone is ten times as large; losses move by rounding only."""
    subject = subject_of(resnet_time_scale_shift=shift)
    rescaled = subject.rescaled(10.0)
    assert subject.relative_norm(rescaled.weights.origin - subject.weights.origin) > 1
    np.testing.assert_allclose(rescaled.losses(), subject.losses(), rtol=1e-3)


# As published, without what is default: google/ddpm-cifar10-32, google/ddpm-celebahq-256 and
# anton-l/ddpm-butterflies-128.
PUBLIC: dict[str, dict[str, Any]] = {
    "cifar10-32": {
        "sample_size": 32,
        "block_out_channels": (128, 256, 256, 256),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
        "attention_head_dim": None,
    },
    "celebahq-256": {
        "sample_size": 256,
        "block_out_channels": (128, 128, 256, 256, 512, 512),
        "down_block_types": (*["DownBlock2D"] * 4, "AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4),
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
        "attention_head_dim": None,
    },
    "butterflies-128": {
        "sample_size": 128,
        "block_out_channels": (128, 128, 256, 256, 512, 512),
        "down_block_types": (*["DownBlock2D"] * 4, "AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4),
        "attention_head_dim": 8,
    },
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_networks_are_built_as_diffusers_builds_them(name: str) -> None:
    """Every tensor by its name and shape; no number is needed."""
    config = {"in_channels": 3, "out_channels": 3, **PUBLIC[name]}
    with torch.device("meta"):
        theirs = diffusers.UNet2DModel(**config)
        ours = build_network(flags_of(theirs, diffusers.DDPMScheduler()))
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (theirs, ours)]
    assert shapes[0] == shapes[1]
    assert isinstance(ours, nn.Module)


def test_without_diffusers_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product does not need it."""
    flags = flags_of(network_of(), diffusers.DDPMScheduler())
    monkeypatch.setitem(__import__("sys").modules, "diffusers.models.unets.unet_2d", None)
    with pytest.raises(SettingsError, match="pip install diffusers"):
        build_network(flags)
