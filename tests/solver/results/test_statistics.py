"""Degrees of freedom, chi2 and its p-value, against SciPy and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from eigenfit.solver import Affine, FitResult, Levels, SpectralSolver
from eigenfit.solver.results.solution import Solution

pytestmark = pytest.mark.usefixtures("eagerly")

NAN = np.nan
ZERO = np.diag([0.0, 20.0, 40.0, 60.0])
# An offset of the lower two levels and one of the upper two.
BASIS = [np.diag([1.0, 1.0, 0.0, 0.0]), np.diag([0.0, 0.0, 1.0, 1.0])]


def fit(targets, **given) -> FitResult:
    observation = given.pop("observation", None)
    options = {"absolute_sigma": True, "starts": 1, **given}
    solver = SpectralSolver(Affine(ZERO, BASIS), observation=observation, **options)
    return solver.fit(targets, initial=np.zeros([len(targets), 2]))


def solutions(fit: FitResult) -> list[Solution]:
    return [row[0] for row in fit._solutions("test")]


def freedom(fit: FitResult) -> list[float]:
    return [float(one.statistics.degrees_of_freedom) for one in solutions(fit) if one.statistics]


def test_chi2_of_independent_data():
    """Pairs of levels at d / 2 from their mean each: chi2 is the sum of d^2 / 2 sigma^2."""
    targets = np.array(
        [[0.1, 19.9, 40.0, 60.4], [0.1, 19.9, NAN, 60.4], [NAN, 20.0, 40.0, NAN], [np.inf] * 4]
    )
    found = fit(targets, sigma=0.1)
    expected = [0.5 * (0.2**2 + 0.4**2) / 0.01, 0.5 * 0.2**2 / 0.01, 0.0, NAN]
    degrees = [2.0, 1.0, 0.0, NAN]
    np.testing.assert_equal(freedom(found), degrees)
    values = [one.statistics.chi2 for one in solutions(found) if one.statistics]
    np.testing.assert_allclose(values, expected, atol=1e-9)
    np.testing.assert_allclose(
        [one.statistics.p_value for one in solutions(found) if one.statistics],
        [float(chi2.sf(expected[0], 2)), float(chi2.sf(expected[1], 1)), NAN, NAN],
        rtol=1e-9,
    )


def test_weights_without_a_unit_have_no_p_value():
    (one,) = solutions(fit([[0.1, 19.9, 40.0, 60.4]], absolute_sigma=False))
    assert one.statistics is not None
    assert one.statistics.degrees_of_freedom == 2
    assert one.statistics.chi2 == pytest.approx(0.1)
    assert np.isnan(one.statistics.p_value)


def test_what_counts_as_a_datum():
    targets = [[0.1, 19.9, 40.0, 60.4]]
    # With the zero of the scale unknown, only the difference of the two offsets is determined. The
    # fitted mean costs a datum; the lowest level is none.
    assert freedom(fit(targets, observation=Levels(relative_to="mean"))) == [4 - 1 - 1]
    assert freedom(fit(targets, observation=Levels(relative_to="lowest"))) == [3 - 1]
    assert freedom(fit(targets, priors={"x0": (0.0, 1.0)})) == [5 - 2]
    # The first parameter would be 0; its bound holds it.
    assert freedom(fit(targets, bounds={"x0": (1.0, 2.0)})) == [4 - 1]
    # The last level is known to be below 60.4, and is: no datum.
    assert freedom(fit(targets, sides=["=", "=", "=", "<"])) == [3 - 2]
    # Nothing is known of the second parameter.
    assert freedom(fit([[0.1, 19.9, NAN, NAN]])) == [2 - 1]


def test_a_small_p_value_keeps_its_digits():
    (one,) = solutions(fit([[0.0, 22.0, 40.0, 60.0]], sigma=0.1))
    assert one.statistics is not None
    assert one.statistics.p_value == pytest.approx(chi2.sf(200.0, 2), rel=1e-9)
