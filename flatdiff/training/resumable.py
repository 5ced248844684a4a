"""A run is resumable where what follows gives the weights of one uninterrupted run, bit by bit.

So recipe and environment must be what they were, entry by entry. Two things may be others: images
may lie in another folder, as long as they are the same, and the run may be longer than it was
meant to be, as no step knows how many follow. Of the averages, those go on that would have taken
the same shares until now, and those begin that would have taken none.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.averages import AVERAGES, WeightKind
from flatdiff.checkpoints.recipe import Recipe
from flatdiff.errors import TrainingError
from flatdiff.images.datasets import is_folder
from flatdiff.settings import canonical_json
from flatdiff.training.averaging import averages_begun_anew


def require_resumable(
    state_file: Path,
    saved: Mapping[str, str],
    recipe: Recipe,
    images: str,
    environment: Mapping[str, str],
) -> set[WeightKind]:
    """Compare a run as it is now with the one that saved a state.

    Args:
        state_file: in which it was saved.
        saved: what the file says, each entry as JSON.
        recipe: of the run now.
        images: SHA-256 of what it is trained on; "" where the dataset's name says it.
        environment: as `run.environment` has it.

    Returns:
        Averages that begin anew.

    Raises:
        TrainingError: a table of what is different.
    """
    _refuse_other_images(state_file, saved, recipe, images)
    before, anew = _recipe_in(saved), set[WeightKind]()
    theirs, ours = (json.loads(canonical_json(one)) for one in (before, recipe))
    if images and is_folder(recipe.dataset) and is_folder(before.dataset):
        theirs["dataset"] = recipe.dataset  # moved or copied: the images are the same
    if recipe.steps > before.steps:
        theirs["steps"] = recipe.steps
        anew = averages_begun_anew(before, recipe, int(saved["step"]))
        theirs |= {name: ours[name] for kind in anew for name in AVERAGES[kind].settings}
    rows = [
        *_differences(theirs, ours),
        *_differences(json.loads(saved["environment"]), dict(environment)),
    ]
    if rows:
        raise TrainingError(
            f"{state_file} cannot be resumed: it would not give the weights of one uninterrupted "
            "run. Different:\n" + "\n".join(rows)
        )
    return anew


def _refuse_other_images(
    state_file: Path, saved: Mapping[str, str], recipe: Recipe, images: str
) -> None:
    """Raise where a collection's images changed; one that was moved has the same ones."""
    known = json.loads(saved.get("images", '""'))
    if known and known != images:
        raise TrainingError(
            f"{state_file} cannot be resumed: the images of {recipe.dataset} are others than "
            "those that it was trained on; bring those back, or begin another run"
        )


def _recipe_in(saved: Mapping[str, str]) -> Recipe:
    """As saved; a setting that an older program did not have is as it was before there was one."""
    return Recipe.from_json(json.loads(saved["recipe"]))


def _differences(theirs: dict[str, Any], ours: dict[str, Any], prefix: str = "") -> list[str]:
    rows: list[str] = []
    for name in sorted(theirs.keys() | ours.keys()):
        a, b = theirs.get(name), ours.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            rows += _differences(a, b, f"{prefix}{name}.")
        elif a != b:
            rows.append(f"  {prefix}{name}: saved {a!r}, now {b!r}")
    return rows
