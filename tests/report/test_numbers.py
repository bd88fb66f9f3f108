"""Numbers and units as a reader wants them."""

from __future__ import annotations

import numpy as np
import pytest

from eigenfit.report.numbers import (
    decimals_for,
    few_digits,
    fixed,
    shown_unit,
    with_error,
)

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("cm^-1", "cm⁻¹"),
        ("N m^2 s^-10", "N m² s⁻¹⁰"),
        ("GHz", "GHz"),
        ("^", "^"),
        ("a^b", "a^b"),
        ("", ""),
    ],
)
def test_exponents_of_units_are_raised(unit, text):
    assert shown_unit(unit) == text


def test_decimals_show_three_digits_of_the_residuals():
    assert decimals_for([0.0123, -0.0456], [100.0]) == 4
    assert decimals_for([12.3, NAN], [100.0]) == 1
    assert decimals_for([1234.0], [1e6]) == 0
    # An exact fit shows ten digits of the values, not all the rounding errors.
    assert decimals_for([1e-15], [123.0]) == 9
    assert decimals_for([], []) == 0


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1.25, 1, "1.2"),
        (-1.26, 1, "\u22121.3"),
        (-0.001, 2, "0.00"),
        (NAN, 2, "\u2013"),
        (1.5e-20, 24, "1.5e\u221220"),
        (1.23456789e15, 0, "1.234568e+15"),
        (INF, 2, "inf"),
    ],
)
def test_fixed_decimals(value, decimals, text):
    assert fixed(value, decimals) == text


def test_errors_in_brackets_where_there_are_any():
    assert with_error(-282.04, 1.04, 3) == "\u2212282.0(10)"
    for error in (NAN, INF, 0.0):
        assert with_error(-282.04, error, 3) == "\u2212282.040"
    assert with_error(NAN, 1.0, 3) == "\u2013"


def test_few_digits():
    assert (few_digits(-0.012345), few_digits(NAN)) == ("\u22120.0123", "\u2013")
