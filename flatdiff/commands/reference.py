"""`reference`: does our ADM agree with another implementation's recorded numbers?"""

from pathlib import Path

import tyro


def reference(file: tyro.conf.Positional[Path]) -> int:
    """Check the network, the process and both samplers against a reference file.

    Args:
        file: a safetensors file with a small network, inputs and recorded outputs.
    """
    import torch

    from flatdiff.diffusion.reference import check_reference

    # Reference networks are small: on a busy machine threads would mostly wait for each other.
    torch.set_num_threads(1)
    ok = True
    for agreement in check_reference(file):
        print(agreement)
        ok &= agreement.ok
    return 0 if ok else 1
