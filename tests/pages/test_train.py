"""The Train page: empty, running, done, failed, and for those who may only look.

Processes are not started here, except that the lock of a running run is held by the test.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import write_card
from flatdiff.errors import TrainingError
from flatdiff.training import launcher
from flatdiff.training.evaluations import Evaluation, write_evaluation
from flatdiff.training.run_folder import RunFolder
from flatdiff.training.run_options import RunOptions
from tests.conftest import write_tiny_checkpoint
from tests.pages.test_home import linked
from tests.pages.test_pages import opened, texts
from tests.training.test_run_folder import begun, write

PAGE = "gallery/train.py"


def labels(shown: AppTest) -> list[str]:
    """Of all buttons."""
    return [button.label for button in shown.button]


def press(shown: AppTest, label: str) -> AppTest:
    """The first button of that name."""
    return next(button for button in shown.button if button.label == label).click().run()


def standing(shown: AppTest) -> list[str]:
    """What stands above each progress bar."""
    return [bar.proto.text for bar in shown.get("progress")]  # pyright: ignore[reportAttributeAccessIssue]


def charts(shown: AppTest) -> dict[str, Any]:
    """What is drawn, by what is said of it to who does not see it."""
    protos: list[Any] = [element.proto for element in shown.get("bidi_component")]
    given = [json.loads(proto.json or proto.mixed.json) for proto in protos]
    return {data["alt"]: json.loads(data["figure"]) for data in given}


def names(figure: dict[str, Any]) -> list[str]:
    """Of its legend."""
    return [trace["name"] for trace in figure["data"] if trace["showlegend"]]


def evaluated(folder: RunFolder) -> None:
    """After steps 2, 4 and 6."""
    for step in (2, 4, 6):
        found = Evaluation(step, 1 / step, 0.01, 0.5 / step, seconds=1e-5)
        write_evaluation(folder.evaluations, found, np.full((8, 8, 8, 1), step, np.uint8))


def test_empty_page_says_what_it_is_for(root: Path, started: list[RunOptions]) -> None:
    """Nothing was ever trained here: no chart, no time, but Start."""
    shown = opened(PAGE)
    assert not shown.exception
    assert "nine methods" in texts(shown)
    assert "no time is known" in texts(shown)
    assert "No losses yet" in texts(shown)
    press(shown, "Start")
    assert [options.method for options in started] == ["adm", "sam"]
    assert {options.out for options in started} == {root / "mine"}
    assert {options.num_threads for options in started} == {1}
    assert all(o.recipe().steps == 12_000 for o in started)


def test_running_run_shows_progress_losses_and_stop(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven of a hundred steps; Stop reaches the launcher with this run."""
    stopped: list[str] = []
    monkeypatch.setattr(launcher, "stop", lambda run: stopped.append(run.id))
    folder = begun(root)
    with folder.take():
        write(folder)
        shown = opened(PAGE)
        assert not shown.exception
        assert standing(shown)[0].startswith("7 of 100 steps")
        assert list(charts(shown)) == ["Training loss by step, a line a run"]
        shown.text_input(key="name").set_value("mine").run()
        assert "mine/adm is a run already" in texts(shown).replace("\\", "")
        assert "Delete this run" not in labels(shown)
        press(shown, "Stop")
    assert stopped == ["mine/adm"]


def test_stopped_run_is_continued_or_deleted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command stands there, too; what is refused is said."""

    def refuse(_run: object) -> None:
        raise TrainingError("the cat sat on the run")

    write(begun(root), "stopped")
    monkeypatch.setattr(launcher, "resume", refuse)
    shown = opened(PAGE)
    assert not shown.exception
    assert "stopped at 0 of 100 steps" in standing(shown)[0]
    commands = [code.value for code in shown.code]
    assert any(c.startswith("flatdiff train --preset digits") for c in commands)
    press(shown, "Continue")
    assert "the cat sat on the run" in texts(shown)
    press(shown, "Delete this run")
    assert not shown.exception
    assert not (root / "mine").exists()
    assert standing(shown) == []


def test_failed_run_says_why(root: Path) -> None:
    """In its own words, escaped; it can be continued."""
    write(begun(root), "failed", "the loss became nan <b>here</b>")
    shown = opened(PAGE)
    assert not shown.exception
    assert "the loss became nan \\<b\\>here\\<\\/b\\>" in texts(shown)
    assert "Continue" in labels(shown)


def test_done_run_leads_to_its_checkpoints(root: Path) -> None:
    """The link names the checkpoint that the gallery should open."""
    folder = begun(root, "tiny")
    write(folder, "done")
    write_card(root / "tiny" / "adm", write_tiny_checkpoint(root, "adm", 0))
    shown = opened(PAGE)
    assert not shown.exception
    (link,) = shown.get("page_link")
    assert link.proto.query_string == "card=tiny%2Fadm"  # pyright: ignore[reportAttributeAccessIssue]
    assert "Continue" not in labels(shown)
    assert "Delete this run" in labels(shown)


def test_run_of_an_older_program_is_shown(root: Path) -> None:
    """Only its state is there, and that is no file of ours."""
    folder = RunFolder.of(root / "old", "ip")
    folder.path.mkdir(parents=True)
    folder.state_file.write_bytes(b"")
    shown = opened(PAGE)
    assert not shown.exception
    assert "begun by an older program" in texts(shown)
    assert "Continue" not in labels(shown)


def test_many_runs_fold_away(root: Path) -> None:
    """Ten stopped ones: four are shown, the others are behind a word."""
    for number in range(10):
        write(begun(root, f"run-{number}"), "stopped")
    shown = opened(PAGE)
    assert not shown.exception
    assert [expander.label for expander in shown.expander].count("6 earlier") == 1
    assert len(standing(shown)) == 10


def test_who_may_only_look_finds_no_button(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to start nor to stop, continue or delete."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    write(begun(root), "stopped")
    shown = opened(PAGE)
    assert not shown.exception
    assert "set to look only" in texts(shown)
    assert labels(shown) == []
    assert len(standing(shown)) == 1


def test_evaluated_run_shows_flatness_and_samples(root: Path) -> None:
    """Beside the loss, with what they cost; the rise is LPF less the loss: half of it here."""
    folder = begun(root)
    write(folder, "stopped")
    begun_alone = begun(root, "other")
    write(begun_alone, "stopped")
    evaluated(folder)
    shown = opened(PAGE)
    assert not shown.exception
    loss, flatness, strip = charts(shown).values()
    assert sorted(names(loss)) == ["mine/adm", "other/adm"]
    assert names(flatness) == ["mine/adm"]
    assert flatness["data"][1]["x"] == [2, 4, 6] or "bdata" in flatness["data"][1]["x"]
    assert strip["layout"]["xaxis"]["ticktext"] == ["2", "4", "6"]
    assert "Time that evaluations took of the whole: mine\\/adm" in texts(shown)
    assert shown.selectbox(key="samples_of").options == ["mine/adm"]
    shown.session_state["flatness"] = "gap"
    shown.session_state["numbers-runs"] = True
    shown.run()
    axis = list(charts(shown).values())[1]["layout"]["yaxis"]
    assert axis["title"]["text"] == "rise of the loss under weight noise"
    tables = [table.value for table in shown.dataframe]
    assert list(tables[-1]["gap"]) == pytest.approx([0.25, 0.125, 1 / 12])


def test_pinned_run_stays_and_comes_first(root: Path) -> None:
    """Whatever else is chosen; when it is let go, it is one among the others again."""
    for name in ("one", "two", "three"):
        write(begun(root, name), "stopped")
    shown = opened(PAGE)
    shown.multiselect(key="pinned").set_value(["two/adm"]).run()
    assert not shown.exception
    assert names(next(iter(charts(shown).values())))[0] == "two/adm"
    assert shown.multiselect(key="curves").options[0] == "two/adm"
    shown.multiselect(key="curves").set_value(["one/adm"]).run()
    assert names(next(iter(charts(shown).values()))) == ["two/adm", "one/adm"]
    shown.multiselect(key="pinned").set_value([]).run()
    assert names(next(iter(charts(shown).values()))) == ["one/adm"]


def test_pinned_run_stands_in_the_link_and_goes_along(root: Path) -> None:
    """By the link of a stranger, and by the session, which a change of page keeps."""
    for name in ("one", "two"):
        write(begun(root, name), "stopped")
    shown = linked(PAGE, pinned="one/adm", curves="two/adm", smoothing="0.0")
    assert names(next(iter(charts(shown).values()))) == ["one/adm", "two/adm"]
    back = AppTest.from_file(shown._script_path, default_timeout=60)
    back.session_state["pinned_runs"] = shown.session_state["pinned_runs"]
    assert back.run().multiselect(key="pinned").value == ["one/adm"]


def test_smoothing_and_scale_reach_the_chart(root: Path) -> None:
    """Without smoothing there is no faint line behind; the axis is what was asked for."""
    write(begun(root), "stopped")
    shown = linked(PAGE, smoothing="0.9", loss_axis="linear")
    (figure,) = charts(shown).values()
    assert figure["layout"]["yaxis"]["type"] == "linear"
    assert len(figure["data"]) == 3
    shown.slider(key="smoothing").set_value(0.0).run()
    (figure,) = charts(shown).values()
    assert len(figure["data"]) == 2
