"""The class of each of some images, told by the folders that they lie in or by their names."""

import os
from collections.abc import Sequence
from pathlib import PurePosixPath


def class_of_each(names: Sequence[str]) -> list[str]:
    """The class of each image, by the first rule that gives any; [] where none does.

    By the folders that they lie in, as torchvision's ImageFolder; else by their names up to the
    first "_", as guided-diffusion. One class, or one for every two images, is none.

    >>> class_of_each(["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"])
    ['cat', 'cat', 'dog', 'dog']
    >>> class_of_each(["cat_1.png", "dog_1.png", "cat_2.png", "dog_2.png"])
    ['cat', 'dog', 'cat', 'dog']
    >>> class_of_each(["1.png", "2.png", "3.png"])
    []
    """
    short = _without_common_folder(names)
    for rule in (_folder_of, _beginning_of):
        found = [rule(name) for name in short]
        if "" not in found and 2 <= len(set(found)) <= max(2, len(names) // 2):
            return found
    return []


def _folder_of(name: str) -> str:
    return name.split("/")[0] if "/" in name else ""


def _beginning_of(name: str) -> str:
    base = PurePosixPath(name).name
    return base.split("_")[0] if "_" in base else ""


def _without_common_folder(names: Sequence[str]) -> list[str]:
    """A zip often holds one folder that holds everything."""
    folders = {str(PurePosixPath(name).parent) for name in names}
    shared = os.path.commonpath(folders) if folders and "." not in folders else ""
    return [name.removeprefix(f"{shared}/") if shared else name for name in names]
