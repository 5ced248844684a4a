"""The door is open to this machine, and to others only by name and password."""

import os
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.engine.engine import Engine
from flatdiff.engine.store import FAILED
from flatdiff.system.access import PASSWORD
from flatdiff.system.brake import Brake
from flatdiff.system.files import PROJECT_ROOT
from pages.shared import door
from pages.shared.door import open_door
from tests.pages.test_pages import engine, opened, requests_of, texts  # noqa: F401  (a fixture)

NAMED = {"FLATDIFF_ALLOWED_HOSTS": "desk.local"}
LOCKED = {PASSWORD: "flat"}


@pytest.mark.parametrize(
    ("address", "environment", "missing"),
    [
        ("127.0.0.1", {}, []),
        ("localhost", {}, []),
        ("0.0.0.0", {}, ["FLATDIFF_ALLOWED_HOSTS", PASSWORD]),
        (None, {}, ["every address"]),
        ("192.168.0.7", NAMED, [PASSWORD]),
        ("192.168.0.7", LOCKED, ["FLATDIFF_ALLOWED_HOSTS"]),
        ("192.168.0.7", {"FLATDIFF_ALLOWED_HOSTS": " , ", **LOCKED}, ["FLATDIFF_ALLOWED_HOSTS"]),
        ("192.168.0.7", {**NAMED, PASSWORD: ""}, [PASSWORD]),
        ("0.0.0.0", {**NAMED, **LOCKED}, []),
    ],
)
def test_what_is_missing(address: str | None, environment: dict[str, str], missing: list) -> None:
    """A sentence that names it, or nothing."""
    said = open_door(address, environment)
    assert bool(said) == bool(missing)
    assert all(word in said for word in missing)


def test_a_server_without_a_password_does_not_start_for_others() -> None:
    """The real command ends at once, with the sentence."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    ended = subprocess.run(
        [*command, "--server.address", "0.0.0.0", "--server.port", "0"],
        cwd=PROJECT_ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("FLATDIFF")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert f"set FLATDIFF_ALLOWED_HOSTS and {PASSWORD}" in ended.stdout + ended.stderr


def _behind_the_door() -> None:
    """A page that one has to knock at."""
    import streamlit as st

    from pages.shared.door import knock

    knock()
    st.markdown("inside")


def test_knocking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed, wrong, right, and open from then on; always open without a password."""
    assert AppTest.from_function(_behind_the_door).run().markdown[0].value == "inside"
    monkeypatch.setenv(PASSWORD, "flat")
    shown = AppTest.from_function(_behind_the_door).run()
    assert not shown.markdown
    shown.text_input[0].set_value("sharp").run()
    assert not shown.markdown
    assert "not the password" in shown.error[0].value
    shown.text_input[0].set_value("flat").run()
    assert shown.markdown[0].value == "inside"
    shown.run()
    assert shown.markdown[0].value == "inside"


def test_every_page_is_behind_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame itself, with a password set: no page's title and no navigation without it."""
    monkeypatch.setenv(PASSWORD, "flat")
    shown = AppTest.from_file(str(PROJECT_ROOT / "pages/main.py"), default_timeout=30).run()
    assert [title.value for title in shown.title] == ["flatdiff"]
    assert not shown.markdown
    assert [field.label for field in shown.text_input] == ["Password"]


@pytest.mark.parametrize(("guests", "runs"), [(True, 3), (False, 4)])
def test_a_guest_has_three_computations_at_a_time(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    guests: bool,
    runs: int,
) -> None:
    """A seed is a question; the owner may ask any number, a guest again when one is done."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1" if guests else "")
    shown = opened("measure/flatness.py")

    def press_run(seed: int) -> None:
        next(field for field in shown.number_input if field.label == "Seed").set_value(seed).run()
        next(button for button in shown.button if button.label == "Run").click().run()

    for seed in range(4):
        press_run(seed)
    per_run = len(requests_of(engine, "measure/flatness.py"))
    assert len(engine.store.jobs()) == runs * per_run
    assert ("wait for one" in texts(shown)) == guests
    for job in engine.store.jobs()[:per_run]:
        engine.store.finish(job.key, FAILED, "for a test")
    press_run(9)
    assert len(engine.store.jobs()) == (runs + 1) * per_run
    assert "wait for one" not in texts(shown)


def test_guessing_is_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """After four wrong ones not even the right one is looked at; a moment later it is."""
    now = [1000.0]
    monkeypatch.setenv(PASSWORD, "flat")
    monkeypatch.setattr(door, "_brake", Brake(lambda: now[0]))
    shown = AppTest.from_function(_behind_the_door).run()
    for number in range(4):
        shown.text_input[0].set_value(f"sharp {number}").run()
        shown.run()  # drawn again, the same guess counts once
        assert "not the password" in shown.error[0].value
    shown.text_input[0].set_value("flat").run()
    assert not shown.error
    assert "looked at in 1 s" in shown.info[0].value
    now[0] += 1.0
    shown.run()
    assert shown.markdown[0].value == "inside"
