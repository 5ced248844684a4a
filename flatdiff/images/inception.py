"""Inception is the network behind FID, in clean-fid's TorchScript file of 96 MB.

TorchScript is code, and loading a file of it can do what this program can. So nothing is loaded
but the bytes whose SHA-256 is the published one, read once and checked before anything looks
into them; a file from elsewhere with that digest is the same file. It is placed by hand or,
because a person asked for it, fetched: `flatdiff download inception`.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flatdiff.errors import DataError
from flatdiff.system.download import Published, fetch
from flatdiff.system.files import state_home

if TYPE_CHECKING:
    import torch
    from cleanfid.inception_torchscript import InceptionV3W

FILE_NAME = "inception-2015-12-05.pt"  # clean-fid looks for it under this name
URL = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{FILE_NAME}"
# Of NVIDIA's file; k-diffusion and others check the same.
SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
NUM_BYTES = 95_607_719


def inception_file() -> Path:
    """Where it is looked for."""
    return state_home() / "features" / FILE_NAME


def load_inception(device: "torch.device") -> "InceptionV3W":
    """clean-fid's wrapper around the network, in eval mode.

    Raises:
        DataError: the file is absent, or is not the published one.
    """
    from cleanfid.inception_torchscript import InceptionV3W

    content = _checked(_read(inception_file()), str(inception_file()))
    # A private copy: the file itself could be another one by the time that it is opened again.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE_NAME).write_bytes(content)
        return InceptionV3W(folder, download=False).to(device).eval().requires_grad_(False)


def download_inception() -> Path:
    """Fetch the file; returns where it is.

    Raises:
        DataError: the download did not end well.
    """
    target = inception_file()
    file = Published(
        what="Inception", url=URL, num_bytes=NUM_BYTES, algorithm="sha256", digest=SHA256
    )
    fetch(file, target)
    return target


def _read(path: Path) -> bytes:
    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(NUM_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    raise DataError(
        f"Inception's weights are not in {path.parent}; fetch them (96 MB) with: python -m "
        f"flatdiff download inception, or place {FILE_NAME} there"
    )


def _checked(content: bytes, source: str) -> bytes:
    got = hashlib.sha256(content).hexdigest()
    if got != SHA256:
        raise DataError(
            f"{source} is not Inception's published file: expected SHA-256 {SHA256[:12]}..., got "
            f"{got[:12]}... of {len(content):,} bytes; remove it and fetch it again"
        )
    return content
