"""The command line, one file a command: a function whose arguments are its flags.

measure, report, study, statistics    what is measured, and of what
figure                                its pictures, for print
schema                                what stands in the files
train, sweep, train_features          making checkpoints, and the network behind proxies
import_file, download, quantize       files in, and files out
rename_dataset                        images that lie elsewhere now
worker, bundle, reference             other machines, shipped results, other programs
progress, train_progress              the lines that keep up with jobs and runs
stop_signals                          how long work is asked to save and end
"""

from collections.abc import Callable, Mapping
from importlib import import_module

Command = Callable[..., int]

# Module and function of each word; what makes a group of commands ends in "_commands". A command
# imports what it needs when it is called: together they take longer than most of them run.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "train": ("train", "train"),
    "sweep": ("sweep", "sweep"),
    "import": ("import_file", "import_file"),
    "measure": ("measure", "measure_commands"),
    "figure": ("figure", "figure_commands"),
    "report": ("report", "report"),
    "study": ("study", "study"),
    "schema": ("schema", "schema"),
    "quantize": ("quantize", "quantize"),
    "reference": ("reference", "reference"),
    "rename-dataset": ("rename_dataset", "rename_dataset"),
    "download": ("download", "download"),
    "statistics": ("statistics", "statistics"),
    "train-features": ("train_features", "train_features"),
    "bundle": ("bundle", "bundle"),
    "worker": ("worker", "worker"),
}


def command(name: str) -> Command | Mapping[str, Command]:
    """A key of `COMMANDS` as a function, or the functions of its group."""
    module, function = COMMANDS[name]
    found = getattr(import_module(f"flatdiff.commands.{module}"), function)
    return found() if function.endswith("_commands") else found
