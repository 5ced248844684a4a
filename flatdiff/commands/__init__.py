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

from flatdiff.commands.bundle import bundle
from flatdiff.commands.download import download
from flatdiff.commands.figure import figure_commands
from flatdiff.commands.import_file import import_file
from flatdiff.commands.measure import measure_commands
from flatdiff.commands.quantize import quantize
from flatdiff.commands.reference import reference
from flatdiff.commands.rename_dataset import rename_dataset
from flatdiff.commands.report import report
from flatdiff.commands.schema import schema
from flatdiff.commands.statistics import statistics
from flatdiff.commands.study import study
from flatdiff.commands.sweep import sweep
from flatdiff.commands.train import train
from flatdiff.commands.train_features import train_features
from flatdiff.commands.worker import worker

COMMANDS: Mapping[str, Callable[..., int] | Mapping[str, Callable[..., int]]] = {
    "train": train,
    "sweep": sweep,
    "import": import_file,
    "measure": measure_commands(),
    "figure": figure_commands(),
    "report": report,
    "study": study,
    "schema": schema,
    "quantize": quantize,
    "reference": reference,
    "rename-dataset": rename_dataset,
    "download": download,
    "statistics": statistics,
    "train-features": train_features,
    "bundle": bundle,
    "worker": worker,
}
