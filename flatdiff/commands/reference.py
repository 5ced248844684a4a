"""`reference`: does our ADM agree with another implementation's recorded numbers?"""

from pathlib import Path

import tyro


def reference(file: tyro.conf.Positional[Path]) -> int:
    """Check the network, the process and both samplers against a reference file.

    Args:
        file: a safetensors file with a small network, inputs and recorded outputs.
    """
    from flatdiff.reference import check_reference

    ok = True
    for agreement in check_reference(file):
        print(agreement)
        ok &= agreement.ok
    return 0 if ok else 1
