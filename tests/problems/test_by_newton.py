"""Every claim of Newton and Gauss-Newton, and how they compare with the default."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from . import crystal_field as p7
from .claims import COMPARED, check_claim, claims_of
from .registry import fit_of


@pytest.mark.parametrize(("name", "method"), [*claims_of("GaussNewton", "Newton"), COMPARED])
def test_claim(name: str, method: str):
    check_claim(name, method)


def test_standard_errors_of_the_crystal_field():
    """P7, recomputed with SciPy: finite-difference Jacobian, unweighted, variance estimated."""
    seen = ~np.isnan(p7.TARGETS)

    def model(_: np.ndarray, *x: float) -> np.ndarray:
        return np.linalg.eigvalsh(np.tensordot(x, p7.BASIS, 1))[seen]

    best, covariance = curve_fit(
        model, np.arange(13), p7.TARGETS[seen], p0=p7.START, xtol=1e-12, ftol=1e-12
    )
    errors = np.sqrt(np.diag(covariance))
    residual = model(np.zeros(0), *best) - p7.TARGETS[seen]
    np.testing.assert_allclose(best, p7.SOLUTION, rtol=0, atol=2e-3)
    np.testing.assert_allclose(errors, p7.STANDARD_ERRORS, rtol=0, atol=2e-3)
    assert np.sqrt(np.mean(residual**2)) == pytest.approx(p7.RMS, abs=1e-4)
    fit = fit_of("crystal_field", "LevenbergMarquardt")
    np.testing.assert_allclose(fit.parameters[0], p7.SOLUTION, rtol=0, atol=2e-3)
    np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=1e-4)
    np.testing.assert_allclose(fit.standard_errors[0], p7.STANDARD_ERRORS, rtol=0, atol=2e-3)


def test_curvature_saves_steps_where_a_residual_is_left():
    """P7, measured levels, from the published parameters; Levenberg-Marquardt goes over to it."""
    methods = ("GaussNewton", "Newton", "LevenbergMarquardt")
    linear, newton, damped = (fit_of("crystal_field", method).steps[0] for method in methods)
    assert newton <= linear / 2
    assert damped <= newton + 2
