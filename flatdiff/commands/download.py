"""`download`: fetch a dataset or Inception's weights, because a person asked for it."""

from typing import Literal

import tyro


def download(what: tyro.conf.Positional[Literal["cifar10", "inception"]]) -> int:
    """Fetch a file into the state directory; goes on where it broke off, and checks its digest.

    Args:
        what: cifar10 (163 MB), or the weights of inception (96 MB), which FID needs.
    """
    if what == "cifar10":
        from flatdiff.images.image_set import download_cifar10 as fetch
    else:
        from flatdiff.images.inception import download_inception as fetch

    print(f"{what} is in {fetch()}")
    return 0
