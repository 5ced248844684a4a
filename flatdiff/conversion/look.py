"""The process that looks at a foreign file: its tensors by name, type and shape, and no number.

Started by `launch.py` as `python -m flatdiff.conversion.look`. Whatever a file makes of it, it is
this process that ends; without torch it begins in a moment.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flatdiff.conversion.torch_file import read_torch_file
from flatdiff.conversion.weights_path import num_bytes
from flatdiff.errors import CheckpointError, FlatdiffError
from flatdiff.system.child_process import limit_memory

PROGRAM_BYTES = 1 << 30  # the program itself, and what the largest pickle makes


def serve(
    answer: Callable[[Mapping[str, Any]], dict[str, Any]], program_bytes: int, copies: int = 0
) -> int:
    """Answer the task that is written to this process, in JSON; returns its exit code.

    Args:
        answer: to a task; raises `FlatdiffError` where it cannot be done.
        program_bytes: of memory that this process may take, whatever the file.
        copies: of the file that it may take beside that.
    """
    task = json.loads(sys.stdin.buffer.read())
    try:
        limit_memory(program_bytes + copies * num_bytes(Path(task["path"])))
        said = answer(task)
    except FlatdiffError as error:
        said = {"error": str(error)}
    except OSError as error:
        said = {"error": str(CheckpointError(error.strerror or str(error)))}
    except MemoryError:
        said = {"error": "it asks for more memory than its size explains"}
    sys.stdout.write(json.dumps(said))
    return 1 if "error" in said else 0


def header(task: Mapping[str, Any]) -> dict[str, Any]:
    """Of the torch file at a path."""
    return {"header": read_torch_file(Path(task["path"])).header.to_json()}


if __name__ == "__main__":
    sys.exit(serve(header, PROGRAM_BYTES))
