"""`download`: fetch a dataset, because a person asked for it."""

from typing import Literal

import tyro


def download(dataset: tyro.conf.Positional[Literal["cifar10"]]) -> int:
    """Fetch a dataset into the state directory; its checksum is verified.

    Args:
        dataset: cifar10, 163 MB.
    """
    from flatdiff.data import download_cifar10

    print(f"{dataset} is in {download_cifar10()}")
    return 0
