"""A rescaling multiplies weights by a factor and leaves what the network computes as it was.

A group norm divides by the spread of what comes in: GN(c h) = GN(h) for c > 0, but for the eps in
its denominator. So whatever feeds a norm and nothing else may have any size. In ADM this is the
first convolution of each residual block, weight and bias together: the norm takes one mean off all
channels of a group, so a bias of the old size would shift them against each other. Every other
layer feeds a sum, a softmax or the output. For ReLU networks: Dinh et al. 2017, arXiv 1703.04933.
"""

from collections.abc import Iterable

# Of a residual block, in ADM and in diffusers; its output goes to out_layers.0 or norm2, a norm.
CONVOLUTIONS = ("in_layers.2", ".conv1")
# Added to that output where there is no scale-shift norm.
EMBEDDINGS = ("emb_layers.1", ".time_emb_proj")


def rescalable(names: Iterable[str], *, use_scale_shift_norm: bool) -> tuple[str, ...]:
    """The tensors that feed a norm and nothing else, to be rescaled all by one factor.

    Args:
        names: of a state dict.
        use_scale_shift_norm: whether the timestep is heard after the norm, or added before it.

    >>> names = ["m.0.in_layers.2.bias", "m.0.emb_layers.1.bias", "out.0.bias"]
    >>> rescalable(names, use_scale_shift_norm=True)
    ('m.0.in_layers.2.bias',)
    """
    layers = CONVOLUTIONS if use_scale_shift_norm else (*CONVOLUTIONS, *EMBEDDINGS)
    return tuple(name for name in names if name.rpartition(".")[0].endswith(layers))
