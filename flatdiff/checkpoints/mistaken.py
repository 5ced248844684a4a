"""Files that people take for weights: what each is by how it begins, and what to do with it."""

import re

FIRST_BYTES = 4096  # that are looked at
TAR = (257, b"ustar")  # the place and the words of a tar archive's magic
_UNPACK = "unpack it ({}) and import the file that comes out"

BEGINNINGS = {
    b"version https://git-lfs": "it is a pointer of Git LFS; `git lfs pull` fetches the file",
    b"PK\x03\x04": "it is a zip archive, most likely a PyTorch file",
    b"\x1f\x8b": f"it is compressed by gzip; {_UNPACK.format('gunzip FILE')}",
    b"BZh": f"it is compressed by bzip2; {_UNPACK.format('bunzip2 FILE')}",
    b"\xfd7zXZ\x00": f"it is compressed by xz; {_UNPACK.format('unxz FILE')}",
    b"\x28\xb5\x2f\xfd": f"it is compressed by zstd; {_UNPACK.format('unzstd FILE')}",
    b"7z\xbc\xaf\x27\x1c": f"it is a 7z archive; {_UNPACK.format('7z x FILE')}",
    b"Rar!": f"it is a rar archive; {_UNPACK.format('unrar x FILE')}",
    b"\x89HDF": "it is HDF5, as Keras writes weights; weights of PyTorch are read here",
    b"GGUF": "it is GGUF, weights of a language model",
    b"\x93NUMPY": "it is one array of NumPy; a state dict has many, by name",
    b"\x89PNG": "it is an image",
    b"\xff\xd8\xff": "it is an image",
    b"%PDF": "it is a PDF",
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": (
        "a PyTorch before 1.6 wrote it, in a format that is not read here; write it anew: "
        'torch.save(torch.load(FILE, weights_only=True), "weights.pt")'
    ),
    b"\x80": (
        "it is a pickle, which may run code, and is never opened; save its weights alone: "
        'torch.save(model.state_dict(), "weights.pt")'
    ),
    b"<": "it is a web page, most likely the answer to a download that failed",
}
# In the first bytes of the pickles of EDM and StyleGAN, which carry their program with them.
PERSISTENT = b"torch_utils.persistence"


def mistaken(beginning: bytes) -> str:
    """What a file is that is no safetensors file; "" where nothing shows.

    Args:
        beginning: its first `FIRST_BYTES`, or all it has.

    >>> mistaken(b"GGUF" + bytes(8))
    'it is GGUF, weights of a language model'
    """
    if not beginning:
        return "it is empty (0 bytes)"
    if len(beginning) < 8:
        return f"it has only {len(beginning)} bytes"
    if re.match(rb"\{[^\x00]{7}", beginning):
        return (
            "it is JSON, not weights; where it is an index of parts, all of them lie beside it, "
            "and of a model of diffusers the folder is taken"
        )
    if beginning[8:9] == b"{":  # the header; the first 8 bytes are its length, which may be any
        return ""
    if beginning[:1] == b"\x80" and PERSISTENT in beginning:
        return (
            "it is a pickle of EDM, a program with its weights, and is never opened; EDM's "
            "networks are preconditioned otherwise than ADM's, so that no weights of theirs fit"
        )
    if beginning[TAR[0] :].startswith(TAR[1]):
        return f"it is a tar archive; {_UNPACK.format('tar -xf FILE')}"
    start = beginning.lstrip()
    known = (what for first, what in BEGINNINGS.items() if start.startswith(first))
    return next(known, "it is no safetensors file")
