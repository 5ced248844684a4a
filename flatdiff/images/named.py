"""From what somebody writes where a dataset is asked for to the dataset's name.

Names stand in cards and are read from any folder, so a path in one is absolute.
"""

import os
import re
from urllib.parse import unquote, urlparse

from flatdiff.errors import DataError
from flatdiff.images.datasets import DATASETS, FOLDER, is_folder, known_names

QUOTES = "\"'"
WINDOWS = re.compile(r"[A-Za-z]:\\")


def dataset_name(text: str) -> str:
    """A key of `DATASETS`, or "folder:<absolute path>" of a place on this machine.

    Args:
        text: a name, a path with or without "folder:"; with ~, variables, quotes, or as file://.

    Raises:
        DataError: it is neither.

    >>> dataset_name("digits"), dataset_name("folder:'/data/my faces/'")
    ('digits', 'folder:/data/my faces')
    """
    text = _unquoted(text)
    if text in DATASETS:
        return text
    path = _unquoted(text.removeprefix(FOLDER))
    if not is_folder(text) and not _looks_like_a_path(path):
        raise DataError(f"dataset must be one of {known_names()}; got {text!r}")
    if not path:
        raise DataError("folder: wants the path of a folder, a zip or an npz of images behind it")
    if WINDOWS.match(path) and os.name != "nt":
        raise DataError(f"{path} is a path of Windows, and this machine has none of those")
    if path.startswith("file:"):
        path = unquote(urlparse(path).path)
    expanded = os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111  (Path's raises)
    return f"{FOLDER}{os.path.abspath(expanded)}"  # noqa: PTH100  (resolve() would follow links)


def _unquoted(text: str) -> str:
    text = text.strip()
    quoted = len(text) >= 2 and text[0] in QUOTES and text[-1] == text[0]
    return text[1:-1].strip() if quoted else text


def _looks_like_a_path(text: str) -> bool:
    return text.startswith(("~", ".", "$", "file:")) or "/" in text or os.sep in text
