"""Robust losses against `scipy.optimize.least_squares` and `curve_fit` with `loss=`."""

# Wrong types are part of the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import curve_fit, least_squares

from eigenfit.solver import Affine, FitResult, Levels, SpectralSolver, Status, Toeplitz
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, finite_differences, take

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *_REST = random_hermitian(4, 8, seed=71)
BASIS = np.stack(_REST)
SOLUTION = np.array([0.5, -0.4, 0.8])
EXACT = np.linalg.eigvalsh(CONSTANT + np.tensordot(SOLUTION, BASIS, 1))
NOISE = 0.05 * np.random.default_rng(72).normal(size=(4, 8))
# One wrong level in the first rows, the highest so that the order stays; none in the last.
TARGETS = EXACT + NOISE + np.outer([2.0, 0.7, 0.3, 0.0], np.eye(8)[7])
WEIGHTS = np.array([1.5, 1.0, 2.0, 1.0, 0.5, 1.0, 2.0, 1.0])
WEIGHTS_OF_ROWS = np.array([WEIGHTS, np.ones(8), WEIGHTS, WEIGHTS])
LOSSES = ("soft_l1", "huber", "cauchy")
F_SCALE = 0.1


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


def slopes_of(x: np.ndarray) -> np.ndarray:
    _, vectors = np.linalg.eigh(CONSTANT + np.tensordot(x, BASIS, 1))
    return np.einsum("ak,jab,bk->kj", vectors, BASIS, vectors)


def scipy_fit(row: int, loss: str, start: np.ndarray = SOLUTION, f_scale: float = F_SCALE) -> Any:
    weights = WEIGHTS_OF_ROWS[row]
    return least_squares(
        lambda x: weights * (levels_of(x) - TARGETS[row]),
        start,
        jac=lambda x: weights[:, None] * slopes_of(x),
        loss=loss,
        f_scale=f_scale,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-13,
        max_nfev=5000,
    )


@functools.cache
def solver(loss: str, absolute_sigma: bool = False) -> SpectralSolver:
    return SpectralSolver(
        Affine(CONSTANT, BASIS),
        starts=1,
        loss=loss,
        f_scale=F_SCALE,
        absolute_sigma=absolute_sigma,
    )


@functools.cache
def fit_of(loss: str) -> FitResult:
    return as_numpy(solver(loss).fit(TARGETS, [SOLUTION] * 4, WEIGHTS_OF_ROWS))


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("loss", LOSSES)
def test_against_scipy(loss: str, row: int):
    found, expected = take(fit_of(loss), row), scipy_fit(row, loss)
    assert found.status == Status.STATIONARY
    np.testing.assert_allclose(found.parameters, expected.x, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.loss, 2 * expected.cost, rtol=1e-9)
    assert found.gradient_norm < 1e-7
    residuals = TARGETS[row] - levels_of(found.parameters)
    np.testing.assert_allclose(found.residuals, residuals, rtol=0, atol=1e-12)
    # Rows with a wrong level do have one beyond the scale.
    if row < 3:
        assert (np.abs(WEIGHTS_OF_ROWS[row] * residuals) > F_SCALE).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_on_the_way(loss: str):
    """After two steps: loss and gradient norm are those of SciPy's cost there."""
    start = SOLUTION + np.array([0.3, -0.3, 0.3])
    fit = as_numpy(solver(loss).fit(TARGETS, [start] * 4, WEIGHTS_OF_ROWS, max_steps=2))
    assert fit.status.tolist() == [Status.MAX_STEPS] * 4
    for row in range(4):
        weights = WEIGHTS_OF_ROWS[row]
        there = least_squares(
            lambda x, w=weights, t=TARGETS[row]: w * (levels_of(x) - t),
            fit.parameters[row],
            jac=lambda x, w=weights: w[:, None] * slopes_of(x),
            loss=loss,
            f_scale=F_SCALE,
            max_nfev=1,
        )
        np.testing.assert_allclose(fit.loss[row], 2 * there.cost, rtol=1e-9)
        if there.nfev == 1 and np.array_equal(there.x, fit.parameters[row]):
            expected = 2 * np.linalg.norm(there.grad)
            np.testing.assert_allclose(fit.gradient_norm[row], expected, rtol=1e-7)

        def value(x: np.ndarray, row: int = row) -> np.ndarray:
            return solver(loss).loss(x[None], TARGETS[[row]], WEIGHTS_OF_ROWS[[row]]).numpy()[0]

        slope = finite_differences(value, fit.parameters[row], step=1e-4)
        np.testing.assert_allclose(fit.gradient_norm[row], np.linalg.norm(slope), rtol=1e-6)
        np.testing.assert_allclose(value(fit.parameters[row]), fit.loss[row], rtol=1e-12)


@eagerly
@pytest.mark.parametrize("absolute_sigma", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_errors_and_covariance_against_curve_fit(loss: str, absolute_sigma: bool):
    """`curve_fit(loss=)` takes the Jacobian as the loss scales it, and 2 cost as chi squared."""
    fit = fit_of(loss)
    found = solver(loss).covariance(fit.parameters, WEIGHTS_OF_ROWS, TARGETS)
    for row in range(4):
        sigma = 1 / WEIGHTS_OF_ROWS[row]
        _, expected = curve_fit(
            lambda _, *x: levels_of(np.array(x)),
            np.arange(8),
            TARGETS[row],
            p0=fit.parameters[row],
            jac=lambda _, *x: slopes_of(np.array(x)),
            sigma=sigma,
            absolute_sigma=absolute_sigma,
            method="trf",
            loss=loss,
            f_scale=F_SCALE,
            xtol=1e-13,
            ftol=1e-13,
            gtol=1e-13,
        )
        factor = 1.0 / (fit.loss[row] / 5) if absolute_sigma else 1.0
        np.testing.assert_allclose(found.covariance[row] * factor, expected, rtol=1e-4, atol=1e-9)
        errors = (found if absolute_sigma else fit).standard_errors[row] * np.sqrt(factor)
        np.testing.assert_allclose(errors, np.sqrt(np.diag(expected)), rtol=1e-4)


def test_covariance_says_that_it_needs_targets():
    with pytest.raises(ValueError, match=r"covariance: pass targets"):
        solver("huber").covariance([SOLUTION])
    assert solver("huber").covariance_needs_targets
    assert not SpectralSolver(Toeplitz(2)).covariance_needs_targets


@eagerly
@pytest.mark.parametrize("loss", LOSSES)
def test_one_wrong_level_does_less_harm(loss: str):
    linear = fit_of("linear")
    harm = np.linalg.norm(linear.parameters[:2] - SOLUTION, axis=1)
    with_loss = np.linalg.norm(fit_of(loss).parameters[:2] - SOLUTION, axis=1)
    assert (with_loss < harm / 2.5).all()
    assert np.abs(fit_of(loss).residuals[0]).argmax() == 7


@pytest.mark.parametrize("loss", LOSSES)
def test_alone_and_in_a_batch_bit_by_bit(loss: str):
    for row in range(4):
        one = slice(row, row + 1)
        alone = solver(loss).fit(TARGETS[one], [SOLUTION], WEIGHTS_OF_ROWS[one])
        assert_same(as_numpy(alone), take(fit_of(loss), one))


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_residual_counts_the_same_in_every_batch(loss: str, dtype: tf.DType):
    """Functions of single numbers, which TensorFlow computes otherwise at the end of a batch."""
    robust = SpectralSolver(Toeplitz(5), loss=loss, f_scale=F_SCALE, dtype=dtype)
    count = robust._settings.model.loss.count
    compiled = tf.function(count, input_signature=[tf.TensorSpec([None, 5], dtype)])
    residuals = 0.2 * np.random.default_rng(9).normal(size=(61, 5)).astype(dtype.as_numpy_dtype)
    together = compiled(residuals)
    for rows in (*([row] for row in range(61)), range(30, 37), range(11, 59)):
        chosen = list(rows)
        assert_same(compiled(residuals[chosen]), take(together, chosen))


@pytest.mark.parametrize("loss", LOSSES)
def test_levels_not_observed(loss: str):
    """NaN, and weight 0 with nonsense for a target, are the same as the level not being there."""
    gap, nonsense = TARGETS.copy(), TARGETS.copy()
    gap[:, 7], nonsense[:, 7] = np.nan, 1e9
    zero = WEIGHTS_OF_ROWS * (np.arange(8) != 7)
    one = as_numpy(solver(loss).fit(gap, [SOLUTION] * 4, WEIGHTS_OF_ROWS))
    assert_same(as_numpy(solver(loss).fit(nonsense, [SOLUTION] * 4, zero)), one)
    expected = least_squares(
        lambda x: WEIGHTS[:7] * (levels_of(x)[:7] - TARGETS[0, :7]),
        SOLUTION,
        loss=loss,
        f_scale=F_SCALE,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-13,
    )
    np.testing.assert_allclose(one.parameters[0], expected.x, rtol=0, atol=1e-6)
    np.testing.assert_allclose(one.loss[0], 2 * expected.cost, rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_from_far_away_where_every_level_is_an_outlier(loss: str):
    """A minimum, and not the start: SciPy finds nothing better nearby."""
    starts = SOLUTION + 2.0 * np.random.default_rng(5).normal(size=(6, 3))
    rows = [1] * 6
    fit = as_numpy(solver(loss).fit(TARGETS[rows], starts, WEIGHTS_OF_ROWS[rows]))
    assert (fit.status == Status.STATIONARY).all()
    for row in range(6):
        polished = scipy_fit(1, loss, fit.parameters[row])
        np.testing.assert_allclose(fit.loss[row], 2 * polished.cost, rtol=1e-9)
        np.testing.assert_allclose(fit.parameters[row], polished.x, rtol=0, atol=1e-5)


def test_a_very_small_scale_is_least_absolute_deviations():
    """Every level is an outlier; SciPy from the same start ends no lower."""
    tiny = SpectralSolver(Affine(CONSTANT, BASIS), starts=1, loss="soft_l1", f_scale=1e-4)
    fit = as_numpy(tiny.fit(TARGETS, [SOLUTION] * 4, WEIGHTS_OF_ROWS))
    for row in range(4):
        expected = scipy_fit(row, "soft_l1", f_scale=1e-4)
        assert fit.loss[row] <= 2 * expected.cost * (1 + 1e-3)


@eagerly
def test_a_very_large_scale_is_least_squares():
    wide = SpectralSolver(Affine(CONSTANT, BASIS), starts=1, loss="cauchy", f_scale=1e6)
    fit = as_numpy(wide.fit(TARGETS, [SOLUTION] * 4, WEIGHTS_OF_ROWS))
    linear = fit_of("linear")
    np.testing.assert_allclose(fit.parameters, linear.parameters, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fit.loss, linear.loss, rtol=1e-6)
    np.testing.assert_allclose(fit.standard_errors, linear.standard_errors, rtol=1e-5)


def test_a_search_with_a_wrong_level_in_single_precision():
    """Without a starting point: the best of the minima is close to the truth."""
    search = SpectralSolver(
        Affine(CONSTANT, BASIS), starts=8, loss="cauchy", f_scale=F_SCALE, dtype=tf.float32
    )
    fit = as_numpy(search.fit(TARGETS, weights=WEIGHTS_OF_ROWS))
    assert fit.parameters.dtype == np.float32
    for row in range(4):
        alone = search.fit(TARGETS[[row]], weights=WEIGHTS_OF_ROWS[[row]])
        assert_same(as_numpy(alone), take(fit, [row]))
        assert fit.loss[row] <= 2 * scipy_fit(row, "cauchy").cost * (1 + 1e-3)
    assert (fit.status == Status.STATIONARY).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "l1"}, "loss must be one of linear, soft_l1, huber, cauchy, got 'l1'"),
        ({"loss": None}, "loss must be one of"),
        ({"loss": "huber", "f_scale": 0.0}, "f_scale must be a positive number"),
        ({"loss": "huber", "f_scale": -1.0}, "f_scale must be a positive number"),
        ({"loss": "huber", "f_scale": np.nan}, "f_scale must be a positive number"),
        ({"loss": "huber", "f_scale": np.inf}, "f_scale must be a positive number"),
        ({"loss": "huber", "f_scale": [1.0]}, "f_scale must be a positive number"),
        ({"loss": "huber", "observation": Levels(relative_to="mean")}, 'needs loss="linear"'),
        ({"loss": ["huber"]}, "loss must be one of"),
    ],
)
def test_wrong_losses_have_a_message(arguments: dict, message: str):
    with pytest.raises(ValueError, match=f"SpectralSolver: .*{message}"):
        SpectralSolver(Toeplitz(3), **arguments)
