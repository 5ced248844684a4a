"""The paper's claims, and what about a family's numbers would agree with each.

`Lower`: the first method's number is below the second's. `Alike`: it differs by a small share of
the second's. `Order`: the lower one quantity of a checkpoint, the lower the other.
"""

from dataclasses import dataclass, replace

from flatdiff.checkpoints.averages import AVERAGES, BASES, METHODS, WeightKind, method_name
from flatdiff.paper.quantities import (
    GAP,
    GAP_CIFAR10,
    LOSS_RISES,
    LPF_CIFAR10,
    LPF_RISE,
    SLOPE,
    STEPS,
    Quantity,
    fid,
    rounded,
)


@dataclass(frozen=True)
class Lower:
    """Expected: the first method's number is lower."""

    quantity: Quantity
    first: str
    second: str


@dataclass(frozen=True)
class Alike:
    """Expected: the two differ by less than `study_findings.SMALL` of the second's number."""

    quantity: Quantity
    first: str
    second: str


@dataclass(frozen=True)
class Order:
    """Expected: checkpoints that are lower in one are lower in the other."""

    sharpness: Quantity
    benefit: Quantity


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the paper says, and what would have to be so."""

    text: str
    source: str  # of the paper
    tests: tuple[Lower | Alike | Order, ...]


# What +SAM is compared with: the same without it.
WITHOUT_SAM = {method: method.replace("sam", "adm") for method in METHODS if "sam" in method}
RISE, SLOPES, GAPS = replace(LPF_CIFAR10, column=LPF_RISE), Quantity(SLOPE), Quantity(GAP)
FIDS = tuple(fid(steps) for steps in STEPS)
ROUNDED = tuple(rounded(steps)[2] for steps in STEPS)


def _against(quantity: Quantity, *methods: str) -> tuple[Lower, ...]:
    """SAM, with whatever else, against the same without it."""
    return tuple(Lower(quantity, method, WITHOUT_SAM[method]) for method in methods)


def _averaged(kind: WeightKind) -> tuple[Lower, ...]:
    """An average of the weights against the weights themselves, of each kind of training."""
    return tuple(
        Lower(quantity, method_name(base, kind), base) for quantity in FIDS for base in BASES
    )


CLAIMS = (
    Claim(
        text="SAM flattens: noise on the weights raises the loss less",
        source="Table 3",
        tests=_against(RISE, *WITHOUT_SAM),
    ),
    Claim(
        text="SAM flattens: the loss rises more slowly with the distance",
        source="Figures 5 and 7",
        tests=_against(SLOPES, *WITHOUT_SAM),
    ),
    Claim(
        text="EMA, SWA and input perturbation leave the flatness as it is",
        source="Table 3, Figure 5",
        tests=tuple(
            Alike(quantity, method, "adm")
            for quantity in (RISE, SLOPES)
            for method in ("adm-ema", "adm-swa", "ip")
        ),
    ),
    Claim(
        text="SAM lessens exposure bias: the norm of the predicted noise stays nearer to training",
        source="Table 1, Figures 6 and 7",
        tests=(*_against(GAPS, *WITHOUT_SAM), *_against(GAP_CIFAR10, "sam")),
    ),
    Claim(
        text="SAM makes rounding to 8 bits harmless: the samples get worse by less",
        source="Table 4",
        tests=tuple(test for change in ROUNDED for test in _against(change, "sam", "sam-ema")),
    ),
    Claim(
        text="A flat loss is robust to rounding: it rises less with the rounded weights",
        source="Section 3, shown in Table 4 by FID",
        tests=tuple(_against(Quantity(column), "sam")[0] for column in LOSS_RISES),
    ),
    Claim(
        text="SAM makes better samples",
        source="Table 2",
        tests=tuple(test for quantity in FIDS for test in _against(quantity, *WITHOUT_SAM)),
    ),
    *(
        Claim(
            text=f"{average.title} makes better samples", source="Table 2", tests=_averaged(kind)
        )
        for kind, average in AVERAGES.items()
    ),
    Claim(
        text="Input perturbation makes better samples",
        source="Table 2",
        tests=tuple(Lower(quantity, "ip", "adm") for quantity in FIDS),
    ),
    Claim(
        text="The flatter a model, the better it is",
        source="Sections 3 and 4",
        tests=tuple(Order(LPF_CIFAR10, benefit) for benefit in (*FIDS, GAPS, *ROUNDED)),
    ),
)

# What the paper says and this study does not test, and where else flatdiff has it.
UNTESTED = (
    "That SAM with the usual radii does nothing to a diffusion model and only large radii do: it "
    "takes a training run for each radius (flatdiff train --sam-rho).",
    "The theory of Section 3, which the dashboard's page The theory goes through statement by "
    "statement.",
    "A second and a third dataset: a family is of one.",
    "Post-hoc EMA (Appendix).",
)
