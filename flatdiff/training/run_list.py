"""The runs below a root of checkpoints, whoever began them."""

from collections.abc import Iterator
from pathlib import Path

from flatdiff.checkpoints.collection import SUFFIX
from flatdiff.system.foreign_json import as_sentence, is_text
from flatdiff.training.run_folder import RunFolder, TrainingRun, read_run, touched


def list_runs(root: Path) -> Iterator[TrainingRun]:
    """Every run below a root, those that are alive first, then the latest first."""
    folders = [RunFolder(path) for path in root.glob(f"*/*{SUFFIX}") if _is_own(path, root)]
    found = [
        (read_run(folder), touched(folder.options_file)) for folder in folders if folder.exists()
    ]
    for run, _ in sorted(found, key=lambda pair: (not pair[0].alive, -pair[1], pair[0].id)):
        yield run


def _is_own(path: Path, root: Path) -> bool:
    """A folder below the root itself, whose name can be shown."""
    linked = path.is_symlink() or path.parent.is_symlink()
    return path.is_dir() and not linked and is_text(path.relative_to(root).as_posix())


def unnamed_runs(root: Path) -> list[str]:
    """Folders of runs that are left out, as their names are not UTF-8; as far as can be shown."""
    names = (path.relative_to(root).as_posix() for path in root.glob(f"*/*{SUFFIX}"))
    return sorted(as_sentence(name) for name in names if not is_text(name))
