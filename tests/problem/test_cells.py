"""Numbers in cells, as people write them."""

import datetime
import math

import pytest

from eigenfit.problem.cells import is_missing, is_numeric, read_value, tidied


@pytest.mark.parametrize(
    ("cell", "number", "sigma", "side"),
    [
        ("12.1", 12.1, None, 0),
        ("12.1(3)", 12.1, 0.3, 0),
        ("12.10(12)", 12.1, 0.12, 0),
        ("1210(30)", 1210, 30, 0),
        ("12.1(0.25)", 12.1, 0.25, 0),
        ("1.21(3)e2", 121, 3, 0),
        ("12.1 ± 0.3", 12.1, 0.3, 0),
        ("12.1+/-0.3", 12.1, 0.3, 0),
        ("1.2e1±0.3", 12, 0.3, 0),
        ("−0.5", -0.5, None, 0),  # the minus of Unicode
        ("–0.5(1)", -0.5, 0.1, 0),  # a dash
        ("+.5", 0.5, None, 0),
        ("5.", 5.0, None, 0),
        ("1.5D+02", 150, None, 0),
        ("> 3.5", 3.5, None, 1),
        ("<3.5(2)", 3.5, 0.2, -1),
        (7, 7, None, 0),
        (7.25, 7.25, None, 0),
        ("0.1", 0.1, None, 0),
    ],
)
def test_a_number_with_error_and_side(cell, number, sigma, side):
    value = read_value(tidied(cell))
    assert value.number == number  # rounded once, as Python rounds the text
    assert math.isnan(value.sigma) if sigma is None else value.sigma == pytest.approx(sigma)
    assert value.side == side


def test_decimal_commas():
    value = read_value("−1,25(5)", ",")  # the minus of Unicode
    assert (value.number, value.sigma) == (-1.25, pytest.approx(0.05))


@pytest.mark.parametrize(
    ("cell", "decimal", "message"),
    [
        ("1_0", ".", "not a number"),
        ("12,1", ".", 'decimal = ","'),
        ("1.5", ",", r'decimal = "\."'),
        ("1,234.5", ".", "without signs between groups of digits"),
        ("1.234.567", ".", "without signs between groups of digits"),
        ("inf", ".", "infinite"),
        ("1e999", ".", "too large"),
        (math.inf, ".", "infinite"),
        ("12.1 cm", ".", "not a number"),
        ("١٢", ".", "not a number"),
        ("0x10", ".", "not a number"),
        ("1 2", ".", "not a number"),
        ("1" * 100, ".", "not a number"),
        (True, ".", "not a number"),
        (datetime.date(2024, 1, 12), ".", "is a date, not a number; format the cell"),
        (["1"], ".", "is a list, not a number"),
        ("1±2±3", ".", "not a number"),
    ],
)
def test_what_is_no_number_says_what_would_be_right(cell, decimal, message):
    with pytest.raises(ValueError, match=message):
        read_value(cell, decimal)
    assert not is_numeric(cell, decimal)


@pytest.mark.parametrize(
    "cell", ["", " ", "NA", "n/a", "N/A", "-", "\N{EN DASH}", "nan", None, math.nan]
)
def test_nothing_was_measured(cell):
    assert is_missing(tidied(cell))


def test_more_words_for_nothing():
    assert not is_missing("n.o.")
    assert is_missing("n.o.", ["n.o."])
    assert not is_missing(0)
    assert not is_missing("0")
