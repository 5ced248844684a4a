"""An estimate as a person reads it: with as many digits as its error allows."""

import math
from decimal import Decimal

ROUNDING = 1e-15  # of a float64, relative: an error below says nothing


def with_error(value: float, error: float, *, signed: bool = False) -> str:
    """An estimate to two digits of its error; empty where there is none yet.

    Args:
        value: the estimate.
        error: its standard error, or another bound.
        signed: differences show a plus, too.

    >>> with_error(0.12345, 0.0021), with_error(123456.0, 2300.0), with_error(-3.3e-9, 4e-10)
    ('0.1235 ± 0.0021', '123500 ± 2300', '-3.30e-9 ± 4.0e-10')
    >>> with_error(0.12345, float("nan")), with_error(float("nan"), 0.1)
    ('0.1235', '')
    >>> with_error(0.5, 0.1, signed=True), with_error(-0.5, 0.1, signed=True)
    ('+0.50 ± 0.10', '-0.50 ± 0.10')
    """
    sign = "+" if signed else "-"
    if not math.isfinite(value):
        return ""
    if not math.isfinite(error) or error <= ROUNDING * abs(value):
        return f"{value:{sign}.4g}"
    digits = Decimal(f"{error:.1e}")
    style = "f" if error >= 1e-6 and max(abs(value), error) < 1e6 else "g"
    return f"{Decimal(float(value)).quantize(digits):{sign}{style}} ± {digits:{style}}"
