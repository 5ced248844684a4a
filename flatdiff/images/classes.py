"""The class of each of some images, told by the folders that they lie in or by their names."""

import os
from collections.abc import Sequence
from pathlib import PurePosixPath


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """The classes that images are sorted into, in the order of labels; () where there are none.

    By the folders that they lie in, as torchvision's ImageFolder; else by their names up to the
    first "_", as guided-diffusion. One class, or one for every two images, is none.

    >>> class_names(["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"])
    ('cat', 'dog')
    >>> class_names(["cat_1.png", "dog_1.png", "cat_2.png", "dog_2.png"])
    ('cat', 'dog')
    >>> class_names(["1.png", "2.png", "3.png"])
    ()
    """
    return tuple(sorted(set(class_of_each(names))))


def class_of_each(names: Sequence[str]) -> list[str]:
    """Of each image, by the first rule that gives classes; [] where none does."""
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
