"""Two processes that train one run, against one process with the same batches."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from flatdiff.checkpoints.averages import WEIGHT_KINDS, method_name
from flatdiff.checkpoints.card import read_card
from flatdiff.checkpoints.recipe import Recipe
from flatdiff.errors import SettingsError, TrainingError
from flatdiff.training.execution import Execution, shards_of_process
from flatdiff.training.loop import new_state
from flatdiff.training.run import Run
from flatdiff.training.run_folder import RunFolder, read_run
from flatdiff.training.run_options import RunOptions
from flatdiff.training.world import World, joined
from tests.tiny import CPU, TESTS, TINY, command_line, finished, tiny_recipe

# Ranks are forked from one process, so that torch is imported once, with what its processes need
# to talk; each joins by itself.
PROGRAM = """
import dataclasses, os, signal, socket, sys
from pathlib import Path
import torch
import torch._dynamo
torch.set_num_threads(1)
from flatdiff.training import run as module
from flatdiff.__main__ import main
from flatdiff.training.world import joined
from tests.tiny import CPU, tiny_recipe

def together(act):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    children = []
    for rank in range(2):
        if not (child := os.fork()):
            os.environ.update(
                RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port
            )
            os._exit(act(rank))
        children.append(child)
    print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children), flush=True)
"""
COMMANDS = """
def command(*more):
    sys.argv = ["flatdiff", "train", *sys.argv[1:], *more]
    return main()

def killed(rank):
    train = module.train
    def dying(*arguments):
        for record in train(*arguments):
            yield record
            if rank == 0 and record.step == 5:
                os.kill(os.getpid(), signal.SIGKILL)
    module.train = dying
    return command()

together(killed)
together(lambda rank: command("--resume"))
"""
RUNS = """
def act(rank):
    with joined(CPU) as world:
        for name, recipe in recipes().items():
            run = module.Run(recipe=recipe, out=Path(sys.argv[1]) / name, device=CPU, world=world)
            steps = len(list(module.execute(run, False)))
            assert steps == recipe.steps
    return 0

from tests.training.test_world import recipes
together(act)
"""


def recipes() -> dict[str, Recipe]:
    """Whatever processes must agree on: a sampler that hears all losses, one ascent for all."""
    few = dataclasses.replace(TINY, diffusion_steps=4, num_classes=10)
    settings = {"batch_size": 8, "steps": 8}
    return {
        "sampler": tiny_recipe("ip", timestep_sampler="loss-second-moment", flags=few, **settings),
        "ascent": tiny_recipe("sam", sam_shards=1, **settings),
    }


needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX")


def assert_same_weights(ours: Run, theirs: Run, tolerance: float) -> None:
    """All three checkpoints, by their distance as a share of the way that training went."""
    start = new_state(theirs.recipe, CPU).model.state_dict()
    for kind in WEIGHT_KINDS:
        name = method_name(theirs.recipe.method, kind)
        got, want = (load_file(run.out / name / "weights.safetensors") for run in (ours, theirs))
        assert got.keys() == want.keys() == start.keys()
        apart = sum((got[key] - want[key]).double().square().sum().item() for key in want)
        gone = sum((want[key] - start[key]).double().square().sum().item() for key in want)
        assert math.sqrt(apart / gone) <= tolerance, kind


@pytest.mark.slow
@needs_fork
def test_two_processes_killed_and_resumed_are_one_process(tmp_path: Path) -> None:
    """With dropout and SAM; the one process cuts each batch into the shards of the two."""
    options = RunOptions(
        out=tmp_path / "two",
        method="sam",
        steps=8,
        batch_size=4,
        precision="float32",
        device="cpu",
        num_threads=1,
        save_every_steps=2,
    )
    ended = command_line(*options.arguments(), code=PROGRAM + COMMANDS)
    _cost, first, *_, last = ended.stdout.splitlines()
    assert first == f"{-signal.SIGKILL} 1"
    assert "process 1 of 2 has lost the others" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert last == "0 0", ended.stderr
    recipe = options.recipe(processes=2)
    assert recipe.sam_shards == 2
    one = Run(recipe=recipe, out=tmp_path / "one", device=CPU)
    finished(one)
    assert_same_weights(dataclasses.replace(one, out=tmp_path / "two"), one, 1e-6)
    card = read_card(tmp_path, "two/sam")
    assert card.command.startswith("torchrun --nproc-per-node 2 -m flatdiff train ")
    assert card.environment["world_size"] == "2"
    alone = dataclasses.replace(one, out=tmp_path / "two")
    with pytest.raises(TrainingError, match="world_size: saved '2', now '1'"):
        finished(alone, resume=True)


@needs_fork
def test_processes_agree_on_sampler_and_ascent(tmp_path: Path) -> None:
    """Weights, and the losses that the sampler has heard, in their order."""
    ended = command_line(str(tmp_path / "two"), code=PROGRAM + RUNS)
    assert ended.stdout == "0 0\n", ended.stderr
    for name, recipe in recipes().items():
        one = Run(recipe=recipe, out=tmp_path / "one" / name, device=CPU)
        finished(one)
        two = dataclasses.replace(one, out=tmp_path / "two" / name)
        # Adam's first steps have the length of the learning rate however small a gradient is, and
        # so pass on the rounding of gradients that are nearly zero.
        assert_same_weights(two, one, 0.01)
    one, two = (
        load_file(tmp_path / which / "sampler" / "ip.training" / "state.safetensors")
        for which in ("one", "two")
    )
    assert (one["sampler/counts"] == 10).all(), "it draws by what it has heard"
    torch.testing.assert_close(one["sampler/history"], two["sampler/history"])


@pytest.mark.parametrize(
    ("changes", "processes", "accumulate", "here"),
    [
        ({"method": "adm", "sam_shards": 3}, 2, 2, 1),
        ({"sam_shards": 1}, 4, 3, 1),
        ({"sam_shards": 4}, 4, 1, 1),
        ({"sam_shards": 12}, 4, 1, 3),
        ({"sam_shards": 12}, 1, 1, 12),
        ({"sam_shards": 6}, 4, 1, "sam_shards must be 1 or a multiple of 4"),
        ({"sam_shards": 2}, 2, 7, "batch_size must be a multiple of 14"),
        ({"batch_size": 23}, 2, 1, "batch_size must be a multiple of 2"),
    ],
)
def test_batch_is_shared_out_evenly_or_refused(
    changes: dict[str, Any], processes: int, accumulate: int, here: int | str
) -> None:
    """Of 24 images; by hand."""
    recipe = dataclasses.replace(tiny_recipe("sam", batch_size=24), **changes)
    execution = Execution(accumulate=accumulate)
    if isinstance(here, int):
        assert shards_of_process(recipe, execution, processes) == here
    else:
        with pytest.raises(SettingsError, match=here):
            shards_of_process(recipe, execution, processes)


def test_rows_of_all_are_the_batch() -> None:
    """In the order of ranks."""
    rows = [row for rank in range(3) for row in World(rank, 3).rows(12)]
    assert rows == list(range(12))


LEFT_OVER = {
    "another process that never comes": (
        {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"},
        r"process 1 of 2 waits for the others at 127.0.0.1:1, for 1 s at most; unset RANK and "
        "WORLD_SIZE to train alone: they did not come",
    ),
    "no place to meet": ({"RANK": "1", "WORLD_SIZE": "2"}, "MASTER_ADDR expected, but not set"),
    "no number": ({"RANK": "x", "WORLD_SIZE": "2"}, "RANK=x, WORLD_SIZE=2 is set"),
    "a rank too many": ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK=2, WORLD_SIZE=2 is set"),
}


@pytest.mark.parametrize("name", LEFT_OVER)
def test_variables_that_a_shell_still_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody comes: that is waited for as long as is said, and no longer."""
    variables, word = LEFT_OVER[name]
    for variable in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("flatdiff.training.world.MEETING_S", 1)
    with pytest.raises(TrainingError, match=word), joined(CPU):
        pass


@pytest.mark.slow
@needs_fork
def test_torchrun_starts_stops_and_continues_a_run(tmp_path: Path) -> None:
    """The command of the documentation: SIGINT to all, as Ctrl+C sends it, then --resume."""
    options = RunOptions(
        out=tmp_path / "two",
        steps=300,
        batch_size=4,
        device="cpu",
        num_threads=1,
        precision="float32",
    )
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command = [sys.executable, *words, "flatdiff", "train", *options.arguments()]
    folder = RunFolder.of(options.out, options.method)
    process = subprocess.Popen(command, cwd=TESTS.parent, start_new_session=True)
    deadline = time.monotonic() + 120
    while read_run(folder).history.step < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)
    run = read_run(folder)
    assert run.state == "stopped", run.reason
    assert run.saved_step == run.history.step < 300
    subprocess.run([*command, "--resume"], cwd=TESTS.parent, check=True, capture_output=True)
    run = read_run(folder)
    assert (run.state, run.step) == ("done", 300)
    assert [row.step for row in run.history.rows] == list(range(1, 301))
