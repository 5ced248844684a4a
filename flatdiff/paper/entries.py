"""A study is the paper's tables and figures, each taken of every checkpoint of one family.

What stands for a table or figure is a record below: which measure at which settings, how a number
is read from its result, and what the paper reports for it. Nothing here is computed.
"""

from dataclasses import dataclass
from typing import Any

from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.radius import RadiusSettings
from flatdiff.paper.quantities import (
    CIFAR10,
    DATA,
    GAP,
    GAP_CIFAR10,
    GRIDS,
    LOSS_RISES,
    LPF_CIFAR10,
    LPF_RELATIVE,
    LPF_RISE,
    LPF_TOWER,
    PIXELS,
    PLANE_RISE,
    SLOPE,
    SQUARED_GAP,
    STEPS,
    SURFACE,
    TOWER,
    Quantity,
    fid,
    rounded,
)

PAIR = ("adm", "sam")
SINGLE = ("adm", "adm-ema", "adm-swa", "ip", "sam")  # ADM, and one change of it


@dataclass(frozen=True)
class Chart:
    """Some of the pictures of a measure's section."""

    measure: str
    settings: Any
    keys: tuple[str, ...] = ("",)  # that the pictures' keys begin with


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One table or figure of the paper."""

    name: str  # "Table 1"
    title: str
    caption: str  # what the paper shows there
    data: tuple[str, ...]  # that the paper takes it of
    methods: tuple[str, ...] = ()  # that it shows; none for all there are
    quantities: tuple[Quantity, ...] = ()
    charts: tuple[Chart, ...] = ()
    same_as: str = ""  # the entry that takes the same of other data
    note: str = ""  # what the paper leaves open, and what is taken here


NORMS = Chart("exposure", ExposureSettings(), ("curves",))
DISTANCES = Chart("radius", RadiusSettings(), ("curves",))

STUDY = (
    Entry(
        name="Figure 1",
        title="Loss surfaces",
        caption="The loss of ADM and of ADM with SAM over a plane of weights around each.",
        data=(CIFAR10,),
        methods=PAIR,
        quantities=(Quantity(PLANE_RISE),),
        charts=(Chart("surface", SURFACE),),
        note="The paper names neither directions nor span. Here: two random filter-normalised "
        "directions, the same for every checkpoint, and coefficients from −1 to 1.",
    ),
    Entry(
        name="Table 1",
        title="The claim in short",
        caption="Sample quality before and after rounding to 8 bits, the gap between the norms "
        "of the predicted noise in sampling and in training, and LPF.",
        data=(CIFAR10,),
        methods=PAIR,
        quantities=(*rounded(20), GAP_CIFAR10, Quantity(GAP), LPF_CIFAR10),
        note="The paper does not define its gap; here it is the mean over the sampler's steps of "
        "the difference of ‖ε‖², beside that of ‖ε‖. 34.47 → 48.02 is a change of +13.55; the "
        "paper prints +13.65.",
    ),
    Entry(
        name="Figure 2",
        title="Samples of rounded weights",
        caption="Images drawn by ADM and by ADM with SAM after rounding to 8 bits.",
        data=(CIFAR10,),
        methods=PAIR,
        quantities=(Quantity(PIXELS),),
        charts=(Chart("samples", GRIDS),),
        note="The same noise through every network at 32 and at 8 bits, so that what differs is "
        "the weights' doing. Rounding: per tensor, symmetric, from the largest weight; the paper "
        "states neither granularity nor symmetry.",
    ),
    Entry(
        name="Table 2",
        title="Sample quality",
        caption="FID of nine methods on three datasets, sampled in 20 and in 100 steps.",
        data=DATA,
        quantities=tuple(fid(steps) for steps in STEPS),
    ),
    Entry(
        name="Figure 4",
        title="Samples at full and at low precision",
        caption="Images drawn in 20 steps by every method, and by some after rounding to 8 bits.",
        data=DATA,
        quantities=(Quantity(PIXELS),),
        charts=(Chart("samples", GRIDS),),
    ),
    Entry(
        name="Table 3",
        title="Flatness by LPF",
        caption="The mean loss under Gaussian noise on the weights, of nine methods.",
        data=(CIFAR10,),
        quantities=(LPF_CIFAR10, Quantity(LPF_RISE), Quantity(LPF_RELATIVE)),
        note="The paper does not state σ; here it is 0.01. LPF contains the loss without noise, "
        "its rise does not; filter-relative noise is in units of each filter's size.",
    ),
    Entry(
        name="Figure 5",
        title="Loss against distance",
        caption="The loss over the norm of a random perturbation of the weights, for ADM and "
        "ADM with EMA, SWA, input perturbation or SAM.",
        data=(CIFAR10,),
        methods=SINGLE,
        quantities=(Quantity(SLOPE),),
        charts=(DISTANCES,),
    ),
    Entry(
        name="Figure 6",
        title="Norm of the predicted noise",
        caption="‖ε‖ by step, in sampling and on noised real images as in training: the closer, "
        "the less exposure bias.",
        data=(CIFAR10,),
        methods=SINGLE,
        quantities=(Quantity(GAP), Quantity(SQUARED_GAP)),
        charts=(Chart("exposure", ExposureSettings(), ("curves", "gaps")),),
        note="The paper does not state the number of steps of this figure; here there are 20.",
    ),
    Entry(
        name="Table 4",
        title="Rounding to 8 bits",
        caption="FID at 32 bits, at 8 bits, and the change, with and without EMA and SAM.",
        data=(CIFAR10,),
        methods=("adm", "adm-ema", "sam", "sam-ema"),
        quantities=(
            *(quantity for steps in STEPS for quantity in rounded(steps)),
            *(Quantity(column) for column in LOSS_RISES),
        ),
        note="The rises of the loss are not in the paper: they see what is too small for the "
        "distance between two sets of images.",
    ),
    Entry(
        name="Figure 7",
        title="Norm of the predicted noise and loss against distance, all methods",
        caption="Figures 5 and 6 with the methods that combine two changes.",
        data=(CIFAR10,),
        quantities=(Quantity(GAP), Quantity(SLOPE)),
        charts=(NORMS, DISTANCES),
    ),
    Entry(
        name="Table 5",
        title="Flatness by LPF, on a second dataset",
        caption="Table 3 again, of networks trained on LSUN Tower.",
        data=(TOWER,),
        quantities=(LPF_TOWER, Quantity(LPF_RELATIVE)),
        same_as="Table 3",
    ),
    Entry(
        name="Figure 8",
        title="Norm of the predicted noise and loss against distance, on a second dataset",
        caption="Figure 7 again, of networks trained on LSUN Tower.",
        data=(TOWER,),
        charts=(NORMS, DISTANCES),
        same_as="Figure 7",
    ),
)
