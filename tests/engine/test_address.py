"""Addresses that are none, and numbers of workers that nobody can mean, are refused at once."""

import os
from pathlib import Path

import pytest
from dask import config

from flatdiff.engine.address import checked_address
from flatdiff.engine.cluster import MOST_WORKERS, Cluster, default_num_workers
from flatdiff.errors import SettingsError
from tests.tiny import command_line, typed

GARBAGE = [
    "garbage",
    "http://desk:8786",
    "tcp://desk",
    "tcp://desk:abc",
    "tcp://:8786",
    " ",
    "8786",
]
GARBAGE += ["tcp://desk:99999", "tcp://desk:0", "inproc://x", "tcp://desk:1/x", "tcp://desk:1\n"]


@pytest.mark.parametrize("address", GARBAGE)
def test_garbage_is_refused_with_an_example(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask takes some of them, and looks for a scheduler for ever."""
    monkeypatch.setenv("FLATDIFF_SCHEDULER", address)
    with pytest.raises(SettingsError, match="FLATDIFF_SCHEDULER must be tcp://host:port"):
        Cluster()


@pytest.mark.parametrize("address", ["tcp://desk:8786", "tcp://10.0.0.1:1", "tcp://[::1]:8786"])
def test_addresses_are_taken_as_they_are(address: str) -> None:
    """Names and numbers, of both kinds."""
    assert checked_address(address) == address


def test_tls_without_certificates_says_which_settings_name_them(tmp_path: Path) -> None:
    """None are named; then one that is not there; then one that is none."""
    with pytest.raises(SettingsError, match="needs certificates: set DASK_DISTRIBUTED__COMM"):
        checked_address("tls://desk:8786")
    tls = "distributed.comm.tls"
    named = {f"{tls}.ca-file": str(tmp_path / "a.pem"), f"{tls}.client.cert": "none.pem"}
    for content in (None, "not a certificate"):
        if content is not None:
            (tmp_path / "a.pem").write_text(content)
        refused = pytest.raises(SettingsError, match=r"cannot be read: .*; see DASK")
        with config.set(named), refused:
            checked_address("tls://desk:8786")


@pytest.mark.parametrize("text", ["abc", "0", "-1", "2.5", "1e3", "²", "99999", " "])
def test_no_number_of_workers_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 and -1 passed for 1 before, the others for a bug."""
    monkeypatch.setenv("FLATDIFF_WORKERS", text)
    with pytest.raises(SettingsError, match=f"FLATDIFF_WORKERS must be .* 1 to {MOST_WORKERS}"):
        default_num_workers()


def test_a_number_of_workers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none at all means what there is."""
    monkeypatch.setenv("FLATDIFF_WORKERS", "3")
    assert default_num_workers() == 3
    monkeypatch.setenv("FLATDIFF_WORKERS", "")
    assert default_num_workers() >= 1


@pytest.mark.parametrize(
    ("words", "said"),
    [(["garbage"], "address must be tcp://"), (["tcp://d:1", "--num-workers", "0"], "at least 1")],
)
def test_the_worker_command_refuses_in_a_sentence(words: list[str], said: str) -> None:
    """Dask's own program would look for it for ever."""
    done = typed("worker", *words)
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FLATDIFF_WORKERS", "abc", "FLATDIFF_WORKERS must be a number"),
        (
            "FLATDIFF_HOME",
            os.devnull,
            "the result store /dev/null/results.sqlite cannot be opened",
        ),
    ],
)
def test_the_server_does_not_start_with_what_is_none(name: str, value: str, said: str) -> None:
    """It says so before Streamlit would, in a traceback."""
    code = f"import os, runpy; os.environ[{name!r}] = {value!r}; runpy.run_path('app.py')"
    done = command_line(code=code)
    assert done.returncode == 1
    assert f"flatdiff does not start: {said}" in done.stderr
    assert "Traceback" not in done.stderr
