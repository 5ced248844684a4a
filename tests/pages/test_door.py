"""The door is open to this machine, and to others only by name and password."""

import os
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.files import PROJECT_ROOT
from pages.shared.door import PASSWORD, open_door

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
