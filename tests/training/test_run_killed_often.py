"""One run killed two hundred times, half of them inside a save: it ends with the same bits.

The children are forked from one process, so that a kill costs a second and not the import of
torch; each resumes from the file alone, as a new program would.
"""

import sys
from pathlib import Path

import pytest

from tests.tiny import command_line

PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from flatdiff.checkpoints.recipe import make_recipe
from flatdiff.training.run import Run, execute, save_state
from flatdiff.training import run as module
from tests.tiny import file_digests

SETTINGS = {"steps": 120, "batch_size": 8, "swa_start_step": 40, "swa_every_steps": 5}
KILLS, root, draw = 200, Path(sys.argv[1]), random.Random(0)
recipe = make_recipe("digits", "sam", **SETTINGS)

def run_of(name):
    return Run(recipe=recipe, out=root / name, device=torch.device("cpu"), save_every_steps=1)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_inside_a_save(moment):
    # A save opens, writes, syncs, renames and syncs the folder: die at one of these calls.
    name = ("fdopen", "fsync", "replace")[moment % 3]
    where = Path if name == "replace" else os
    if moment % 2:
        setattr(where, name, die)
    else:
        real = getattr(where, name)
        def then_die(*arguments):
            real(*arguments)
            die()
        setattr(where, name, then_die)

def child(kill):
    run = run_of("killed")
    if kill % 2:
        real_save, calls = save_state, []
        def save(*arguments):
            calls.append(1)
            if len(calls) == 1 + kill % 3:
                killed_inside_a_save(kill // 2)
            real_save(*arguments)
        module.save_state = save
    for _ in execute(run, resume=run.state_file.exists()):
        pass

list(execute(run_of("whole"), resume=False))
killed = inside = 0
for kill in range(KILLS):
    pid = os.fork()
    if not pid:
        try:
            child(kill)
        except BaseException as error:
            print(f"kill {kill}: {error!r}", flush=True)
            os._exit(2)
        os._exit(0)
    if kill % 2 == 0:
        time.sleep(draw.uniform(0.1, 0.5))
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        killed, inside = killed + 1, inside + kill % 2
    elif os.WEXITSTATUS(status):
        sys.exit("a child could not go on")
    else:  # it came to the end: begin again
        assert file_digests(root / "killed") == file_digests(root / "whole")
        import shutil
        shutil.rmtree(root / "killed")
run = run_of("killed")
list(execute(run, resume=run.state_file.exists()))
assert file_digests(run.out) == file_digests(root / "whole")
assert not list(run.state_file.parent.glob(".*")), "half-written files are left"
print(killed, inside)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_two_hundred_kills_change_nothing(tmp_path: Path) -> None:
    """Against a run that was never killed, by SHA-256; a state that cannot be read ends it."""
    ended = command_line(str(tmp_path), code=PROGRAM, timeout_s=1800)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    killed, inside = map(int, ended.stdout.split())
    assert killed >= 180
    assert inside >= 80
