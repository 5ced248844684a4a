"""The train command: signals, its lock, and what it leaves in the folder when it ends badly."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flatdiff.checkpoints.card import read_card
from flatdiff.commands.train import STOPPED, TrainOptions, train
from flatdiff.diffusion.devices import pick_device
from flatdiff.errors import DataError, TrainingError
from flatdiff.training import run as module
from flatdiff.training.evaluations import read_evaluations, read_samples
from flatdiff.training.loop import pick_precision
from flatdiff.training.run import Run
from flatdiff.training.run_folder import RunFolder, read_run
from tests.images.test_image_files import paint
from tests.tiny import file_digests, finished


def options(out: Path, **changes: Any) -> TrainOptions:
    """Twelve steps of four images."""
    settings = {"steps": 12, "batch_size": 4, "num_threads": 1, "save_every_steps": 5, **changes}
    return TrainOptions(out=out, **settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of a run that was never stopped."""
    out = tmp_path_factory.mktemp("whole") / "family"
    recipe = options(out).recipe(pick_precision(pick_device()))
    finished(Run(recipe=recipe, out=out, device=pick_device()))
    return file_digests(out)


def at_step(step: int, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something right after a step."""
    train_steps = module.train

    def disturbed(*arguments: Any) -> Iterator[Any]:
        for record in train_steps(*arguments):
            if record.step == step:
                act()
            yield record

    monkeypatch.setattr(module, "train", disturbed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_saves_and_the_rest_gives_the_same_bits(
    number: int,
    whole: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """Stopped at 7, between two saves; compared with a run that was never stopped."""
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        at_step(7, lambda: signal.raise_signal(number), patch)
        assert train(options(tmp_path / "mine")) == STOPPED
    assert "saved at step 7; continue with --resume" in capsys.readouterr().err
    run = read_run(RunFolder.of(tmp_path / "mine", "adm"))
    assert (run.state, run.saved_step, run.checkpoints) == ("stopped", 7, [])
    assert signal.getsignal(number) is before
    assert train(options(tmp_path / "mine", resume=True)) == 0
    assert "step 12/12" in capsys.readouterr().out
    assert file_digests(tmp_path / "mine") == whole


def test_second_interrupt_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was saved last is left."""

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    at_step(7, twice, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(options(tmp_path / "mine"))
    run = read_run(RunFolder.of(tmp_path / "mine", "adm"))
    assert (run.state, run.saved_step) == ("stopped", 5)


def test_bug_is_kept_for_whoever_looks_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kind of the exception and its words."""

    def bug() -> None:
        raise ZeroDivisionError("by nothing")

    at_step(3, bug, monkeypatch)
    with pytest.raises(ZeroDivisionError):
        train(options(tmp_path / "mine"))
    run = read_run(RunFolder.of(tmp_path / "mine", "adm"))
    assert (run.state, run.reason) == ("failed", "ZeroDivisionError: by nothing")


def test_run_that_is_going_on_is_left_alone(tmp_path: Path) -> None:
    """Not a byte of its folder is touched."""
    folder = RunFolder.of(tmp_path / "mine", "adm")
    with folder.take():
        before = {path: path.read_bytes() for path in folder.path.iterdir()}
        with pytest.raises(TrainingError, match="being trained by another process"):
            train(options(tmp_path / "mine"))
        assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def evaluated(out: Path) -> list[tuple[Any, ...]]:
    """What was found and drawn after each step, without the seconds that it took."""
    folder = RunFolder.of(out, "adm").evaluations
    return [
        (e.step, e.lpf, e.stderr, e.loss, str(read_samples(folder, e.step)))
        for e in read_evaluations(folder)
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"recompute_activations": True}, id="lean", marks=pytest.mark.slow),
    ],
)
def test_evaluations_change_no_bit_of_a_run(
    changes: dict[str, Any],
    whole: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Against a run without them; one that ends between two saves and goes on has the same."""
    sparing = {"eval_every_steps": 6, "steps": 12, **changes}
    assert train(options(tmp_path / "mine", **sparing)) == 0
    assert "2 evaluations" in (said := capsys.readouterr().out)
    assert "% of the time; LPF" in said
    assert file_digests(tmp_path / "mine") == whole
    found = evaluated(tmp_path / "mine")
    assert [entry[0] for entry in found] == [6, 12]
    assert len({entry[1] for entry in found}) == 2, "the weights move"
    with monkeypatch.context() as patch:
        at_step(9, lambda: 1 // 0, patch)
        with pytest.raises(ZeroDivisionError):
            train(options(tmp_path / "broken", **sparing))
    assert [entry[0] for entry in evaluated(tmp_path / "broken")] == [6]
    assert train(options(tmp_path / "broken", resume=True, **sparing)) == 0
    assert evaluated(tmp_path / "broken") == found
    assert file_digests(tmp_path / "broken") == whole


def test_changed_options_are_refused_and_not_kept(tmp_path: Path) -> None:
    """After the refusal the run can be continued with its own."""
    assert train(options(tmp_path / "mine", steps=2)) == 0
    folder = RunFolder.of(tmp_path / "mine", "adm")
    before = folder.options_file.read_bytes()
    with pytest.raises(TrainingError, match=r"learning_rate: saved 0\.0001, now 0\.5"):
        train(options(tmp_path / "mine", steps=2, resume=True, learning_rate=0.5))
    assert folder.options_file.read_bytes() == before
    assert "learning_rate" in read_run(folder).reason
    assert train(options(tmp_path / "mine", steps=2, resume=True)) == 0
    assert read_run(folder).state == "done"


def test_images_are_looked_at_before_anything_is_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One image: the cause and the way out, and no folder of a run."""
    paint(tmp_path / "images", 1)
    with pytest.raises(DataError, match=r"no image .* 1 in all; add some, 50 or more"):
        train(options(tmp_path / "family", dataset=f"{tmp_path}/images/"))
    assert not (tmp_path / "family").exists()
    paint(tmp_path / "images", 60)
    train(options(tmp_path / "family", dataset=f"{tmp_path}/images/"))
    said = capsys.readouterr().err
    assert f"{tmp_path}/images: 60 images" in said
    assert "are held out; every error bar rests on them" in said
    assert read_card(tmp_path, "family/adm").dataset == f"folder:{tmp_path}/images"


def test_a_finished_run_is_given_more_steps(tmp_path: Path) -> None:
    """And a page that continues it later does so for as many."""
    out = tmp_path / "family"
    train(options(out, swa_start_step=10))
    train(options(out, steps=18, swa_start_step=10, resume=True))
    assert read_card(tmp_path, "family/adm").step == 18
    kept = read_run(RunFolder.of(out, "adm")).options
    assert kept is not None
    assert kept.steps == 18


def test_torchrun_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file from which its table of failures is made."""
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    with pytest.raises(DataError, match="absent"):
        train(options(tmp_path / "family", dataset=f"folder:{tmp_path}/absent"))
    assert "absent is neither a folder" in (tmp_path / "error.json").read_text("utf-8")
