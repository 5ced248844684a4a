"""`download`: fetch a dataset or Inception's weights, because a person asked for it."""

from pkgutil import resolve_name
from typing import Annotated

import tyro

from flatdiff.images.datasets import DATASETS
from flatdiff.settings import require

DOWNLOADS = {known.name: known.download for known in DATASETS.values() if known.download}
INCEPTION = "flatdiff.images.inception:download_inception"
FETCH = {name: found.fetch for name, found in DOWNLOADS.items()} | {"inception": INCEPTION}
SIZES = ", ".join(f"{name} ({found.size})" for name, found in DOWNLOADS.items())
HELP = f"{SIZES}, or the weights of inception (96 MB), which FID needs."


WORDS = tyro.conf.arg(metavar=f"{{{','.join(FETCH)}}}", help=HELP)


def download(what: Annotated[str, tyro.conf.Positional, WORDS]) -> int:
    """Fetch a file into the state directory; goes on where it broke off, and checks its digest.

    Args:
        what: a key of `FETCH`.
    """
    require(what in FETCH, "what to download", f"one of {', '.join(FETCH)}", what)
    print(f"{what} is in {resolve_name(FETCH[what])()}")
    return 0
