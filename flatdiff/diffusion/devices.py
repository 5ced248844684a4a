"""A device is where tensors live; which one there is, and what it computes fast."""

import os

import torch

from flatdiff.errors import SettingsError
from flatdiff.settings import require


def pick_device(name: str = "auto") -> torch.device:
    """A GPU where there is one, or the device named; of several processes each has its own.

    Raises:
        SettingsError: no such device here.
    """
    if name in ("auto", "cuda") and torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
        rank, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()  # by torchrun
        require(rank < count, "--nproc-per-node", f"at most {count}, one a GPU", rank + 1)
        torch.cuda.set_device(rank)  # which "cuda" means from here on
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(f"device must be auto, cpu or cuda; {name!r}: {reason}") from None
    return device
