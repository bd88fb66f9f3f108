"""Numbers and units as a reader wants them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ..solver.results.notation import bracketed

_RAISED = str.maketrans(
    "-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
)


def shown_unit(unit: str) -> str:
    """A unit with its exponents raised.

    Example:
        >>> shown_unit("cm^-1"), shown_unit("N m^2")
        ('cm⁻¹', 'N m²')
    """
    return re.sub(r"\^(-?\d+)", lambda found: found.group(1).translate(_RAISED), unit)


def decimals_for(residuals: Iterable[float], values: Iterable[float]) -> int:
    """Decimals that show three digits of the typical residual, and at most ten of the values."""
    known = np.array([one for one in residuals if np.isfinite(one)])
    largest = max((abs(one) for one in values if np.isfinite(one)), default=0.0)
    typical = float(np.sqrt(np.mean(known**2))) if len(known) else 0.0
    typical = max(typical, 1e-9 * largest)
    return max(int(2 - np.floor(np.log10(typical))), 0) if typical > 0 else 0


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals; with seven digits where that is too long; a dash for NaN."""
    if np.isnan(value):
        return "\u2013"
    short = decimals <= 12 and abs(value) < 1e12
    # Adding 0 makes -0.0 positive.
    return _with_minus(f"{round(value, decimals) + 0.0:.{decimals}f}" if short else f"{value:.7g}")


def with_error(value: float, error: float, decimals: int) -> str:
    """`282.0(10)`; without a known error the number with so many decimals."""
    if np.isfinite(value) and np.isfinite(error) and error > 0:
        return _with_minus(bracketed(value, error))
    return fixed(value, decimals)


def few_digits(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; a dash for NaN."""
    return "\u2013" if np.isnan(value) else _with_minus(f"{value:.{digits}g}")


def _with_minus(text: str) -> str:
    """The text of a number with a minus sign instead of a hyphen."""
    return text.replace("-", "\u2212")
