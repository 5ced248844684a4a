"""The command line: `python -m flatdiff <command>`; every command's help says what it does."""

import sys

import tyro

from flatdiff.commands import COMMANDS
from flatdiff.errors import FlatdiffError


def main() -> int:
    """Run one command; the exit code is 0 only if it did what it says."""
    try:
        return tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="python -m flatdiff", description=__doc__
        )
    except FlatdiffError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
