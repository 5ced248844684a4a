"""The program itself: what it does with its own streams, whichever command it runs."""

import os
import subprocess
import sys

import pytest

from flatdiff.__main__ import BROKEN_PIPE, _joined
from flatdiff.checkpoints.averages import WEIGHT_KINDS
from flatdiff.errors import SettingsError
from tests.tiny import TESTS, typed


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
@pytest.mark.parametrize("words", [["--help"], ["measure", "lpf", "--help"]])
def test_a_reader_that_leaves_is_no_traceback(words: list[str]) -> None:
    """As `flatdiff --help | head -1` leaves: what is read from is closed at once.

    A long text breaks the pipe as it is printed, a short one when the program ends.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "flatdiff", *words],
        cwd=TESTS.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == BROKEN_PIPE


def test_a_kind_of_weights_that_is_none_is_refused_by_the_parser() -> None:
    """With those that there are, which the table of averages names."""
    done = typed("import", "x.pt", "--name", "a/b", "--weights", "emma")
    assert done.returncode == 2
    assert "invalid choice 'emma' for argument '--weights'" in done.stderr + done.stdout
    assert all(kind in done.stderr + done.stdout for kind in WEIGHT_KINDS)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_printing_never_fails_on_the_terminals_encoding(encoding: str) -> None:
    """Help has characters that old terminals lack; so has every name of a file."""
    done = subprocess.run(
        [sys.executable, "-m", "flatdiff", "import", "Größe-顔.pt", "--name", "a/b"],
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"there is no such file" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["import", "w.pt", "--flags", "--image_size", "32", "--num_heads", "4"],
        ["import", "w.pt", "--flags", "--image_size=32", "--num_heads=4"],
        ["train", "--flags", "--class_cond", "--image_size", "32"],
    ],
)
def test_flags_without_quotes_are_a_sentence(words: list[str]) -> None:
    """Not the parser's word about an option that flatdiff does not have."""
    with pytest.raises(SettingsError, match="in quotes"):
        _joined(words)


@pytest.mark.parametrize(
    "value", ["--image_size 32 --num_heads 4", "--image_size=32", "--class_cond", "plain"]
)
def test_flags_in_quotes_are_one_value(value: str) -> None:
    """One alone needs none."""
    words = ["import", "--flags", value, "--dataset", "digits"]
    assert _joined(words) == ["import", f"--flags={value}", "--dataset", "digits"]
