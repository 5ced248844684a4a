"""The command line: `flatdiff <command>`; every command's help says what it does."""

import io
import os
import re
import sys
from collections.abc import Callable, Sequence

import tyro

from flatdiff.commands import COMMANDS, command
from flatdiff.errors import FlatdiffError, SettingsError

PROGRAM = "flatdiff"
BROKEN_PIPE = 141  # the exit code of a program that SIGPIPE ends


def main() -> int:
    """Run one command; the exit code is 0 only if it did what it says."""
    try:
        return _run(_joined(sys.argv[1:]))
    except FlatdiffError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _joined(words: Sequence[str]) -> list[str]:
    """What follows `--flags` are flags themselves, and still one value.

    >>> _joined(["import", "--flags", "--image_size 32", "--step", "5"])
    ['import', '--flags=--image_size 32', '--step', '5']
    """
    joined: list[str] = []
    for n, word in enumerate(words):
        if joined and joined[-1] == "--flags":
            _require_quoted(word, words[n + 1 :])
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _require_quoted(first: str, rest: Sequence[str]) -> None:
    """Raise where the shell took the flags behind `--flags` apart; none of our own has a "_"."""
    bare = first.startswith("--") and not re.search(r"[\s=]", first)
    follows = rest[0] if rest else "-"
    if (bare and not follows.startswith("-")) or re.match(r"--\w*_", follows):
        raise SettingsError(
            f'the flags of a network go in quotes, all together: --flags "{first} {follows} ..."'
        )


def _run(words: Sequence[str]) -> int:
    if words and words[0] in COMMANDS:
        prog, found = f"{PROGRAM} {words[0]}", command(words[0])
        if callable(found):
            return tyro.cli(found, prog=prog, args=words[1:])
        return tyro.extras.subcommand_cli_from_dict(dict(found), prog=prog, args=words[1:])
    every = {name: command(name) for name in COMMANDS}  # for their help
    shown = {
        name: found if callable(found) else _listed(list(found)) for name, found in every.items()
    }
    return tyro.extras.subcommand_cli_from_dict(
        shown, prog=PROGRAM, description=__doc__, args=words
    )


def _listed(names: Sequence[str]) -> Callable[[], int]:
    """A group of commands as one line of the help."""

    def group() -> int:
        raise AssertionError("groups are run by name")

    group.__doc__ = f"One of {', '.join(names)}; see --help of each."
    return group


def script() -> None:
    """What `flatdiff` on the command line runs."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an accent must not end a run on an old terminal
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            code = main()
        finally:  # a parser that has shown its help ends the program
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    sys.exit(code)


if __name__ == "__main__":
    script()
