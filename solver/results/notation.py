"""Numbers with their standard errors as text."""

from __future__ import annotations

import numpy as np


def bracketed(value: float, error: float) -> str:
    """Format a number with its standard error in units of the last digit: `310583.541(30)`.

    The error is rounded to two digits.

    Args:
        value: the number.
        error: its standard error; inf if the data do not determine it, NaN at a bound.

    Example:
        >>> bracketed(310583.5412, 0.02955), bracketed(-0.0900464, 0.0007154)
        ('310583.541(30)', '-0.09005(72)')
        >>> bracketed(1234.5, 67.0), bracketed(5.0, float("inf"))
        ('1234(67)', '5.0 (error not determined)')
    """
    if np.isnan(value):
        return "NaN"
    if np.isnan(error):
        return f"{value:.10g} (at its bound)"
    if np.isinf(error):
        return f"{float(f'{value:.10g}')} (error not determined)"
    if error <= 0:
        return f"{value:.10g}(0)"
    if error <= 1e-14 * abs(value):
        return f"{value:.15g}(0)"  # beyond double precision
    exponent = int(np.floor(np.log10(error)))
    digits = 1 - exponent  # decimals that show two digits of the error
    if round(error * 10.0**digits) == 100:
        digits -= 1
    if digits <= 0:
        unit = 10.0 ** (-digits)
        return f"{round(value / unit) * unit + 0.0:.0f}({round(error / unit) * unit:.0f})"
    if digits > 15 or abs(value) >= 1e15:
        power = int(np.floor(np.log10(max(abs(value), error))))
        return f"{bracketed(value / 10.0**power, error / 10.0**power)}e{power:d}"
    # Adding 0 makes -0.0 positive.
    return f"{round(value, digits) + 0.0:.{digits}f}({round(error * 10.0**digits)})"
