"""Training, in images a second: our step against the loop of public implementations.

    python -m benchmarks.throughput [--rounds 5] [--network small] [--device cpu]

Both sides train the same network with the same batch size, in turn in one process. The plain loop
is that of guided-diffusion and its kin: float32, gradients by `backward`, Adam, an EMA tensor by
tensor, randomness from the global generator. Ours is `training.train` as a run takes it, in
float32 and in its fastest execution on the device. A share of peak is the floating-point
operations of the passes, counted by torch, over the GEMM rate of the same precision, measured in
the same round. On one thread seconds are the processor's own, so that others on the machine do not
count.
"""

import argparse
import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from flatdiff.checkpoints.recipe import PRESETS, BaseMethod, Precision, Recipe, make_recipe
from flatdiff.diffusion.devices import pick_device
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.diffusion.networks import build_network
from flatdiff.diffusion.process import DiffusionProcess
from flatdiff.images.image_set import ImageSet
from flatdiff.training.execution import Execution
from flatdiff.training.loop import new_state, pick_precision, train

GEMM_SIZE = {"cpu": 1536, "cuda": 8192}
WARM_UP = 2  # steps
NETWORKS: dict[str, AdmFlags] = {
    "small": dataclasses.replace(PRESETS["cifar10"].flags, num_channels=64, num_res_blocks=1),
    **{name: preset.flags for name, preset in PRESETS.items()},
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Steps = Iterator[object]


def images_of(flags: AdmFlags) -> ImageSet:
    """Noise that looks like a dataset."""
    return ImageSet(torch.randint(256, (256, *flags.image_shape), dtype=torch.uint8), 255)


def plain_loop(recipe: Recipe, data: ImageSet, device: torch.device) -> Steps:
    """One step at a time."""
    model = build_network(recipe.flags).to(device).train()
    process = DiffusionProcess(recipe.flags)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    ema = [parameter.detach().clone() for parameter in model.parameters()]
    while True:
        x = data.images(torch.randint(len(data), (recipe.batch_size,))).to(device)
        t = torch.randint(process.num_steps, (len(x),), device=device)
        losses = process.training_losses(model, x, t, torch.randn_like(x))
        optimizer.zero_grad()
        losses.loss.mean().backward()
        optimizer.step()
        for kept, parameter in zip(ema, model.parameters(), strict=True):
            kept.mul_(recipe.ema_decay).add_(parameter.detach(), alpha=1 - recipe.ema_decay)
        yield losses.loss.mean().item()


def our_loop(recipe: Recipe, data: ImageSet, device: torch.device, execution: Execution) -> Steps:
    """As a run takes them."""
    return train(new_state(recipe, device, execution), recipe, data, execution)


def gemm_rate(device: torch.device, precision: Precision) -> float:
    """Floating-point operations a second of a large product."""
    size = GEMM_SIZE[device.type]
    matrix = torch.randn(size, size, device=device, dtype=DTYPES[precision])

    def multiply() -> Tensor:
        return matrix @ matrix

    return 2 * size**3 / seconds(multiply, 8, device)


def seconds(call: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Of one call, the mean of several."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    call()
    _wait(device)
    started = clock()
    for _ in range(repeats):
        call()
    _wait(device)
    return (clock() - started) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def operations_a_step(recipe: Recipe, data: ImageSet, device: torch.device) -> int:
    """Of the plain loop; counted once."""
    with FlopCounterMode(display=False) as counter:
        next(plain_loop(recipe, data, device))
    return counter.get_total_flops()


def sides(
    recipe: Recipe, data: ImageSet, device: torch.device, compiled: bool
) -> dict[str, tuple[Steps, Precision]]:
    """What takes turns."""
    native = pick_precision(device)
    fast = Execution(channels_last=True, fused_adam=True, compile_network=compiled)
    quick = dataclasses.replace(recipe, precision=native)
    climbing: BaseMethod = "sam"
    return {
        "plain loop": (plain_loop(recipe, data, device), "float32"),
        "ours, float32": (our_loop(recipe, data, device, Execution()), "float32"),
        f"ours, {native}, fast": (our_loop(quick, data, device, fast), native),
        "ours, SAM": (
            our_loop(dataclasses.replace(recipe, method=climbing), data, device, Execution()),
            "float32",
        ),
    }


def arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="a round, of each side")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--network", choices=list(NETWORKS), default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="on a processor")
    parser.add_argument("--compile", action="store_true", help="the fast side, by torch.compile")
    return parser.parse_args()


def spread(values: list[float], form: str) -> str:
    """Median, least and greatest."""
    shown = [format(v, form) for v in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def main() -> None:
    """Print a line a side, and the ratios."""
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    device = pick_device(chosen.device)
    flags = NETWORKS[chosen.network]
    recipe = dataclasses.replace(
        make_recipe("cifar10", "adm", batch_size=chosen.batch_size), flags=flags
    )
    data = images_of(flags)
    operations = operations_a_step(recipe, data, device)
    taking_turns = sides(recipe, data, device, chosen.compile)
    for (steps, _), _ in itertools.product(taking_turns.values(), range(WARM_UP)):
        next(steps)
    rates: dict[str, list[float]] = {name: [] for name in taking_turns}
    shares: dict[str, list[float]] = {name: [] for name in taking_turns}
    for _, (name, (steps, precision)) in itertools.product(
        range(chosen.rounds), taking_turns.items()
    ):
        peak = gemm_rate(device, precision)
        taken = seconds(lambda steps=steps: next(steps), chosen.steps, device)
        rates[name].append(chosen.batch_size / taken)
        passes = 2 if name.endswith("SAM") else 1
        shares[name].append(passes * operations / taken / peak)
    report(rates, shares)


def report(rates: dict[str, list[float]], shares: dict[str, list[float]]) -> None:
    """Medians and spreads over the rounds; a ratio is taken within its round."""
    for name, values in rates.items():
        print(f"{name:22} {spread(values, '.1f')} images/s, {spread(shares[name], '.2f')} of GEMM")
    plain, ours, *_, sam = rates.values()
    for name, values in list(rates.items())[1:-1]:
        ratios = [value / base for value, base in zip(values, plain, strict=True)]
        print(f"{name} / plain loop: {spread(ratios, '.2f')}")
    cost = [ours_rate / sam_rate for ours_rate, sam_rate in zip(ours, sam, strict=True)]
    print(f"a step of SAM / a plain step: {spread(cost, '.2f')}")


if __name__ == "__main__":
    main()
