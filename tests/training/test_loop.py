"""The loop: what a step is fed, what it does with it, and what it leaves alone when it fails."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from flatdiff.checkpoints.recipe import BaseMethod, Recipe
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.errors import TrainingError
from flatdiff.images.image_set import ImageSet, load_images
from flatdiff.training.batches import draw_batch
from flatdiff.training.loop import TrainingState, new_state, train, weights_of
from tests.tiny import CPU, TINY, tiny_recipe

PROCESS = DiffusionProcess(TINY)
METHODS: list[BaseMethod] = ["adm", "ip", "sam"]
LAST = "out.2.weight"  # of the last convolution
PLAIN = dataclasses.replace(TINY, dropout=0.0)


def numbered_images(count: int) -> ImageSet:
    """Image i is i everywhere but in one corner, which is black; its label is i % 10."""
    values = torch.arange(count, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 8, 8)
    values[:, :, 0, 0] = 0
    return ImageSet(values, 100, torch.arange(count) % 10, tuple("0123456789"))


def indices_of(x_start: Tensor) -> list[int]:
    """Which of the numbered images these are."""
    return ((x_start[:, 0, 4, 4] + 1) * 50).round().int().tolist()


def digits() -> ImageSet:
    """The training images."""
    return load_images("digits", "train", 8, 1)


def trained(recipe: Recipe, state: TrainingState | None = None) -> TrainingState:
    """A state at the end of its recipe."""
    state = state or new_state(recipe, CPU)
    for _ in train(state, recipe, digits()):
        pass
    return state


def all_weights(state: TrainingState) -> dict[str, Tensor]:
    """Raw, EMA and SWA weights under one name each."""
    return {
        f"{kind}/{name}": value.clone()
        for kind, module in weights_of(state).items()
        for name, value in module.state_dict().items()
    }


def equal_bits(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    """Every tensor, compared exactly."""
    assert ours.keys() == theirs.keys()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_bits(method: BaseMethod) -> None:
    """Two runs from nothing; torch's global generator is spoiled between them."""
    recipe = tiny_recipe(method, steps=3)
    first = all_weights(trained(recipe))
    torch.manual_seed(12345)
    assert equal_bits(first, all_weights(trained(recipe)))


def test_other_order_other_weights() -> None:
    """Both start from the same weights, so only what the seed draws afterwards can differ."""
    recipe = tiny_recipe(steps=3)
    state = new_state(recipe, CPU)
    other = trained(dataclasses.replace(recipe, seed=1), copy.deepcopy(state))
    assert not equal_bits(all_weights(trained(recipe, state)), all_weights(other))


def test_other_seed_other_initial_weights() -> None:
    """Every weight that is drawn at all differs in at least one entry."""
    states = [new_state(tiny_recipe(seed=seed), CPU).model.state_dict() for seed in (0, 1)]
    drawn = [name for name, value in states[0].items() if value.std() > 0 and value.ndim > 1]
    assert len(drawn) > 5
    assert not any(torch.equal(states[0][name], states[1][name]) for name in drawn)


@pytest.mark.parametrize("batch_size", [8, 7, 20, 50])
def test_each_epoch_visits_every_image_once(batch_size: int) -> None:
    """The images carry their numbers, so epochs are read off what the network would see."""
    recipe = tiny_recipe(batch_size=batch_size)
    steps = range(math.ceil(60 / batch_size))
    batches = [draw_batch(recipe, numbered_images(20), PROCESS, step) for step in steps]
    seen = [index for batch in batches for index in indices_of(batch.x_start)]
    epochs = [seen[start : start + 20] for start in (0, 20, 40)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(20))] * 3
    assert epochs[0] != epochs[1] != epochs[2]


def test_order_of_an_epoch_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps of 5 in 20 images are three epochs; a large dataset's order takes its time."""
    drawn = []
    seeded = np.random.PCG64
    monkeypatch.setattr(np.random, "PCG64", lambda seed: drawn.append(seed) or seeded(seed))
    recipe = tiny_recipe(batch_size=5, seed=987)
    for step in range(10):
        draw_batch(recipe, numbered_images(20), PROCESS, step)
    assert len(drawn) == len(set(drawn)) == 3


def test_input_perturbation_leaves_the_target_alone() -> None:
    """With abar written out, xi is solved for: standard normal, and no part of the noise."""
    plain, perturbed = (
        draw_batch(tiny_recipe(method, batch_size=400), digits(), PROCESS, 5)
        for method in ("adm", "ip")
    )
    assert torch.equal(plain.x_start, perturbed.x_start)
    assert torch.equal(plain.t, perturbed.t)
    assert torch.equal(plain.noise, perturbed.noise)
    angle = ((plain.t.double() + 1) / 1000 + 0.008) / 1.008 * math.pi / 2
    bar = angle.cos().square() / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    bar = bar[:, None, None, None]
    clean = bar.sqrt() * plain.x_start + (1 - bar).sqrt() * plain.noise
    torch.testing.assert_close(plain.x_t.double(), clean, rtol=1e-4, atol=1e-4)
    xi = (perturbed.x_t - clean) / ((1 - bar).sqrt() * 0.1)
    assert xi.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * xi.numel()))
    both = torch.stack([xi.flatten(), plain.noise.double().flatten()])
    assert abs(torch.corrcoef(both)[0, 1].item()) < 4 / math.sqrt(xi.numel())


@pytest.mark.parametrize("method", METHODS)
def test_first_loss_is_the_mean_square_of_the_target(method: BaseMethod) -> None:
    """A fresh network predicts 0, so its error is the target itself, whatever it was shown."""
    recipe = tiny_recipe(method, steps=1)
    noise = draw_batch(recipe, digits(), PROCESS, 0).noise
    record = next(train(new_state(recipe, CPU), recipe, digits()))
    assert record.mse == pytest.approx(noise.square().mean().item(), rel=1e-6)
    assert record.mse is not None
    assert record.vb is not None
    assert record.loss == pytest.approx(record.mse + record.vb, rel=1e-6)


def masks_of_steps(recipe: Recipe) -> list[list[Tensor]]:
    """Which activations dropout zeroed, for every pass of every step."""
    state, passes, masks = new_state(recipe, CPU), [], []
    dropout = next(m for m in state.model.modules() if isinstance(m, nn.Dropout))
    dropout.register_forward_hook(lambda _m, _i, output: passes.append(output == 0))
    for _ in train(state, recipe, digits()):
        masks.append(list(passes))
        passes.clear()
    return masks


def test_both_passes_of_sam_see_one_dropout_mask() -> None:
    """Masks are read where they act: equal within a step, different between steps."""
    flags = dataclasses.replace(TINY, dropout=0.5)
    steps = masks_of_steps(tiny_recipe("sam", steps=3, flags=flags))
    assert [len(passes) for passes in steps] == [2, 2, 2]
    assert all(torch.equal(first, second) for first, second in steps)
    assert all(0.4 < first.float().mean() < 0.6 for first, _ in steps)
    assert not torch.equal(steps[0][0], steps[1][0])


def test_optimizer_of_sam_gets_the_gradient_of_the_perturbed_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The perturbed point is built here, on a functional copy; Adam itself steps from theta."""
    recipe = tiny_recipe("sam", steps=4, flags=PLAIN)
    state = trained(dataclasses.replace(recipe, steps=3, swa_start_step=3))
    theta = {n: p.detach().clone() for n, p in state.model.named_parameters()}
    batch = draw_batch(recipe, digits(), PROCESS, 3)

    def gradient(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
        losses = DiffusionProcess(PLAIN).training_losses(
            lambda x, t: functional_call(state.model, leaves, (x, t)),
            batch.x_start,
            batch.t,
            batch.noise,
        )
        grads = torch.autograd.grad(losses.loss.mean(), list(leaves.values()))
        return dict(zip(leaves, grads, strict=True))

    g = gradient(theta)
    norm = math.sqrt(sum(value.double().square().sum().item() for value in g.values()))
    expected = gradient({name: theta[name] + 0.1 * g[name] / norm for name in theta})
    seen: dict[str, Tensor] = {}

    step = state.optimizer.step

    def look() -> None:
        for name, parameter in state.model.named_parameters():
            assert torch.equal(parameter, theta[name])
            assert parameter.grad is not None
            seen[name] = parameter.grad.clone()
        step()

    monkeypatch.setattr(state.optimizer, "step", look)
    next(train(state, recipe, digits()))
    for name, value in expected.items():
        torch.testing.assert_close(seen[name], value, rtol=1e-3, atol=1e-5)
    assert any(not torch.allclose(seen[name], g[name], rtol=1e-2) for name in g)


@pytest.mark.parametrize("method", METHODS)
def test_averages_of_a_run_are_those_of_its_snapshots(method: BaseMethod) -> None:
    """The raw weights after every step are kept here, and both averages summed from them."""
    recipe = tiny_recipe(method, steps=8, swa_start_step=3, swa_every_steps=2, ema_decay=0.9)
    state = new_state(recipe, CPU)
    path = [all_weights(state)[f"raw/{LAST}"]]
    path += [all_weights(state)[f"raw/{LAST}"] for _ in train(state, recipe, digits())]
    ema = path[0]
    for weights in path[1:]:
        ema = 0.9 * ema + 0.1 * weights
    torch.testing.assert_close(all_weights(state)[f"ema/{LAST}"], ema, rtol=1e-4, atol=1e-8)
    swa = torch.stack([path[3], path[5], path[7]]).mean(0)
    torch.testing.assert_close(all_weights(state)[f"swa/{LAST}"], swa, rtol=1e-4, atol=1e-8)
    assert int(state.averages["swa"].n_averaged) == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "adm", "learning_rate": 1e30}, ["step 2", "1e+30"]),
        ({"method": "ip", "learning_rate": 1e30}, ["step 2", "1e+30"]),
        ({"method": "sam", "sam_rho": 1e30}, ["step 1", "0.0001", "sam_rho below 1e+30"]),
    ],
)
def test_loss_that_is_not_finite_stops_before_the_step(
    changes: dict[str, object], words: list[str]
) -> None:
    """A step of 1e30 overflows float32 by construction; the weights before it must survive."""
    recipe = dataclasses.replace(tiny_recipe(), **changes)
    state = new_state(recipe, CPU)
    before = all_weights(state)
    steps = train(state, recipe, digits())
    if words[0] == "step 2":
        next(steps)
        before = all_weights(state)
    with pytest.raises(TrainingError) as caught:
        next(steps)
    assert all(word in str(caught.value) for word in words)
    assert state.step == int(words[0].split()[1]) - 1
    assert equal_bits(all_weights(state), before)


def test_flips_are_whole_mirror_images_of_about_half() -> None:
    """Every image is its original or its mirror image; 400 fair coins stay within 4 sigma."""
    recipe = tiny_recipe(batch_size=400)
    plain = draw_batch(recipe, digits(), PROCESS, 2).x_start
    got = draw_batch(dataclasses.replace(recipe, random_flip=True), digits(), PROCESS, 2).x_start
    kept = (got == plain).flatten(1).all(1)
    mirrored = (got == plain.flip(-1)).flatten(1).all(1)
    assert (kept | mirrored).all()
    assert 160 <= mirrored.sum().item() <= 240


def test_labels_go_with_their_images() -> None:
    """Image i has label i % 10, and is recognised by its pixels."""
    recipe = tiny_recipe(flags=dataclasses.replace(TINY, num_classes=10))
    batch = draw_batch(recipe, numbered_images(30), PROCESS, 0)
    assert batch.y is not None
    assert batch.y.tolist() == [index % 10 for index in indices_of(batch.x_start)]
    assert draw_batch(tiny_recipe(), numbered_images(30), PROCESS, 0).y is None


def test_timesteps_and_noise_are_new_at_every_step() -> None:
    """Timesteps cover [0, T) evenly: 4000 draws, mean and ends against a uniform law."""
    recipe = tiny_recipe(batch_size=400)
    batches = [draw_batch(recipe, digits(), PROCESS, step) for step in range(10)]
    t = torch.cat([batch.t for batch in batches]).double()
    assert t.mean().item() == pytest.approx(499.5, abs=4 * 1000 / math.sqrt(12 * 4000))
    assert 0 <= t.min() < 10
    assert 990 <= t.max() < 1000
    firsts = np.array([batch.noise[0, 0, 0, 0].item() for batch in batches])
    assert len(np.unique(firsts)) == 10


def test_bfloat16_is_for_activations_only() -> None:
    """The loss moves by rounding and no more; every weight and average stays float32."""
    recipe = tiny_recipe(steps=4)
    records = {}
    for precision in ("float32", "bfloat16"):
        changed = dataclasses.replace(recipe, precision=precision)
        state = new_state(changed, CPU)
        records[precision] = [record.loss for record in train(state, changed, digits())]
        assert {value.dtype for value in all_weights(state).values()} == {torch.float32}
    assert records["float32"] != records["bfloat16"]
    np.testing.assert_allclose(records["float32"], records["bfloat16"], rtol=0.02)
