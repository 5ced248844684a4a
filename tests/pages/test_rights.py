"""Everything a person can do here, tried by a guest: each action itself, and every button."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints import collection
from flatdiff.conversion.draft import Description
from flatdiff.conversion.importer import import_file
from flatdiff.engine.engine import Engine
from flatdiff.errors import FlatdiffError
from flatdiff.system.access import RIGHTS, Action, Role
from flatdiff.training import launcher
from flatdiff.training.run_list import list_runs
from flatdiff.training.run_options import RunOptions
from tests.pages.test_foreign import tiny_root  # noqa: F401  (a fixture)
from tests.pages.test_pages import MEASURING, engine, fill, opened, requests_of, texts  # noqa: F401
from tests.training.test_run_folder import begun, write

MEASURED = "measure/flatness.py"
RUNNING = "measure/surface.py"


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:  # noqa: F811
    """Results, jobs that others began, a stopped run, a broken checkpoint; then a guest comes."""
    for page, share in ((MEASURED, 1.0), ("gallery/checkpoints.py", 1.0), (RUNNING, 0.5)):
        for request in requests_of(engine, page):
            fill(engine, request, share)
    write(begun(engine.root, "mine"), "stopped")
    (engine.root / "tiny" / "broken").mkdir()
    (engine.root / "tiny" / "broken" / "card.json").write_text("{")
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    return engine


def state_of(engine: Engine) -> tuple[dict[str, tuple], list[tuple[str, int]]]:  # noqa: F811
    """Every job, and every file with its size."""
    jobs = {j.key: (j.state, j.num_done, j.cancel_requested) for j in engine.store.jobs()}
    files = [(str(p), p.stat().st_size) for p in sorted(engine.root.rglob("*"))]
    return jobs, files


def _run(engine: Engine):  # noqa: F811
    return next(iter(list_runs(engine.root)))


def _job(engine: Engine, page: str):  # noqa: F811
    return engine.handle(requests_of(engine, page)[0])


ATTEMPTS: dict[Action, Callable[[Engine], object]] = {
    Action.MEASURE: lambda e: e.submit(requests_of(e, "measure/radius.py")[0]),
    Action.CANCEL_OWN: lambda e: _job(e, RUNNING).leave("me"),
    Action.CANCEL_ANY: lambda e: _job(e, RUNNING).cancel(),
    Action.RECOMPUTE: lambda e: e.recompute(_job(e, MEASURED).request),
    Action.CLEAR: lambda e: e.clear(),
    Action.ADD: lambda e: import_file(
        e.root, e.root / "tiny/adm/weights.safetensors", Description(id="a/b")
    ),
    Action.RENAME: lambda e: collection.rename_checkpoint(
        e.root, e.store.require_idle, "tiny/sam", "tiny/other"
    ),
    Action.DELETE: lambda e: collection.delete_checkpoint(
        e.root, e.store.require_idle, "tiny/sam"
    ),
    Action.START_RUN: lambda e: launcher.start(e.root, RunOptions(out=e.root / "new")),
    Action.CONTINUE_RUN: lambda e: launcher.resume(_run(e)),
    Action.STOP_RUN: lambda e: launcher.stop(_run(e)),
    Action.DELETE_RUN: lambda e: launcher.delete(_run(e)),
}


@pytest.mark.parametrize("action", Action)
def test_a_guest_does_what_the_table_says(world: Engine, action: Action) -> None:
    """Each action itself, past all buttons; what is refused has changed nothing."""
    before = state_of(world)
    if Role.GUEST in RIGHTS[action]:
        ATTEMPTS[action](world)
        assert state_of(world) != before
        return
    with pytest.raises(FlatdiffError, match="is not possible here"):
        ATTEMPTS[action](world)
    assert state_of(world) == before


def press_everything(page: str) -> list[str]:
    """Press every button of a page, one after the other, each on a page opened for it."""
    labels = [button.label for button in opened(page).button if not button.disabled]
    for number in range(len(labels)):
        shown = opened(page)
        if number < len(shown.button):
            [button for button in shown.button if not button.disabled][number].click().run()
        _confirm(shown)
    return labels


def _confirm(shown: AppTest) -> None:
    """Press what a window asks last, where one is open."""
    for button in shown.button:
        if button.key == "confirm":
            button.click().run()
            return


PRESSED = [*MEASURING, "gallery/train.py", "system/activity.py"]


@pytest.mark.parametrize("page", PRESSED)
def test_no_button_of_a_guest_takes_anything_away(world: Engine, page: str) -> None:
    """Of every page that acts: jobs may come, none that was there is changed; no file is."""
    jobs, files = state_of(world)
    press_everything(page)
    jobs_after, files_after = state_of(world)
    assert jobs_after.items() >= jobs.items()
    assert files_after == files


def test_what_a_guest_began_a_guest_may_cancel(world: Engine) -> None:
    """And what goes on already does not become his by a press of Run."""
    others = {job.key for job in world.store.jobs()}
    shown = opened("measure/radius.py")
    for label in ("Run", "Cancel"):
        next(button for button in shown.button if button.label == label).click().run()
    own = [job for job in world.store.jobs() if job.key not in others]
    assert own
    assert {job.state for job in own} == {"cancelled"}
    assert "Somebody else began this" in texts(opened(RUNNING))


def test_the_owner_finds_every_button(world: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the pressing above did not pass by for want of any."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "")
    pages = {*PRESSED, RUNNING}
    labels = {button.label for page in pages for button in opened(page).button}
    wanted = {"Run", "Cancel", "Recompute", "Clear the store", "Add", "Start", "Continue"}
    assert wanted | {"Delete this run", "Delete tiny/broken".replace("/", "\\/")} <= labels
    assert Path(world.root / "mine").is_dir()
