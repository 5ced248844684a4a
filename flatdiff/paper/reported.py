"""The paper's tables as it reports them, slips and all; other networks, other data.

From *Understanding Flatness in Generative Models: Its Role and Benefits*, arXiv 2503.11078. Rows
are called as the paper calls them; `by_method` and `flatness_by_method` give the same numbers by
the keys of `averages.METHODS`.
"""

from collections.abc import Mapping

import pandas as pd

from flatdiff.checkpoints.averages import METHODS

Reported = Mapping[str, str]  # by method, as printed

METHOD_OF = {title.removeprefix("ADM "): method for method, title in METHODS.items()}

# Table 1: ADM against SAM on CIFAR-10; the gap is not defined there.
TABLE_1 = pd.DataFrame(
    {
        "FID, 32 → 8 bit": ["34.47 → 48.02 (+13.65)", "9.01 → 8.94 (−0.07)"],
        "gap of ‖ε‖": ["+11.39", "+3.32"],
        "LPF": ["0.097", "0.063"],
    },
    index=["ADM", "+SAM"],
)

# Table 2: FID by dataset and number of sampling steps T'.
TABLE_2 = pd.DataFrame(
    {
        "CIFAR-10, 20": [34.47, 10.63, 11.00, 20.11, 9.10, 9.04, 9.01, 7.00, 7.27],
        "CIFAR-10, 100": [8.80, 4.06, 3.78, 7.23, 3.46, 3.07, 3.83, 3.18, 2.96],
        "LSUN Tower, 20": [36.65, 7.87, 8.72, 25.77, 7.66, 8.55, 16.02, 6.66, 6.50],
        "LSUN Tower, 100": [8.57, 2.49, 2.31, 7.00, 2.43, 2.34, 4.79, 2.30, 2.27],
        "FFHQ, 20": [30.81, 19.03, 17.93, 15.03, 11.72, 12.99, 11.59, 11.41, 12.15],
        "FFHQ, 100": [7.53, 6.19, 5.49, 13.55, 4.00, 3.54, 5.29, 5.04, 4.17],
    },
    index=["ADM", "+EMA", "+SWA", "+IP", "+IP+EMA", "+IP+SWA", "+SAM", "+SAM+EMA", "+SAM+SWA"],
)

# Table 3: LPF on CIFAR-10; sigma is not stated.
TABLE_3 = pd.DataFrame(
    {"raw": [0.097, 0.103, 0.063], "+EMA": [0.099, 0.101, 0.063], "+SWA": [0.099, 0.102, 0.063]},
    index=["ADM", "+IP", "+SAM"],
)

# Table 4: FID on CIFAR-10 at 32 bits, at 8 bits, and the change, by number of sampling steps.
ROUNDED = {
    20: {
        "ADM": ("34.47", "48.02", "+13.65"),
        "+EMA": ("10.63", "20.65", "+10.02"),
        "+SAM": ("9.01", "8.94", "−0.07"),
        "+SAM+EMA": ("7.00", "7.20", "+0.2"),
    },
    100: {
        "ADM": ("8.80", "12.78", "+3.98"),
        "+EMA": ("4.06", "7.36", "+3.3"),
        "+SAM": ("3.83", "4.02", "+0.19"),
        "+SAM+EMA": ("3.18", "3.12", "−0.06"),
    },
}
TABLE_4 = pd.DataFrame(
    {
        f"{steps} steps": {name: "{} → {} ({})".format(*printed) for name, printed in rows.items()}
        for steps, rows in ROUNDED.items()
    }
)

# Table 5: LPF on LSUN Tower.
TABLE_5 = pd.DataFrame(
    {"raw": [0.091, 0.089, 0.072], "+EMA": [0.090, 0.092, 0.070], "+SWA": [0.092, 0.097, 0.071]},
    index=["ADM", "+IP", "+SAM"],
)

TABLES = {
    "Table 1: the claim in short": TABLE_1,
    "Table 2: FID": TABLE_2.map("{:.2f}".format),
    "Table 3: LPF on CIFAR-10": TABLE_3.map("{:.3f}".format),
    "Table 4: FID after rounding to 8 bits": TABLE_4,
    "Table 5: LPF on LSUN Tower": TABLE_5.map("{:.3f}".format),
}


def by_method(table: pd.DataFrame, column: str, style: str = "{}") -> Reported:
    """A column of a table with a row a method.

    >>> by_method(TABLE_2, "CIFAR-10, 20", "{:.2f}")["sam-ema"]
    '7.00'
    """
    return {METHOD_OF[str(name)]: style.format(value) for name, value in table[column].items()}


def flatness_by_method(table: pd.DataFrame) -> Reported:
    """Of Tables 3 and 5, which have a row a base method and a column a kind of weights.

    >>> flatness_by_method(TABLE_3)["ip-ema"]
    '0.101'
    """
    return {
        METHOD_OF[f"{name}{kind}".removesuffix("raw").removeprefix("ADM") or "ADM"]: f"{value:.3f}"
        for kind, column in table.items()
        for name, value in column.items()
    }


def rounded_by_method(steps: int, position: int) -> Reported:
    """Of Table 4: FID at 32 bits, at 8 bits, or the change, for position 0, 1 or 2.

    >>> rounded_by_method(20, 2)["adm"]
    '+13.65'
    """
    return {METHOD_OF[name]: printed[position] for name, printed in ROUNDED[steps].items()}


def number(printed: str) -> float:
    """A number as the paper prints it.

    >>> number("−0.07"), number("+11.39")
    (-0.07, 11.39)
    """
    return float(printed.replace("−", "-"))
