"""`SpectralSolver.covariance` against `curve_fit`, NumPy, and numbers known by hand."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import curve_fit

from eigenfit.solver import Affine, Covariance, Matched, SpectralSolver, Toeplitz
from eigenfit.solver.objective.covariance import standard_errors
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, take

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *_REST = random_hermitian(4, 7, seed=71)
BASIS = np.stack(_REST)
SOLUTION = np.array([0.5, -0.4, 0.8])
TARGETS = np.linalg.eigvalsh(CONSTANT + np.tensordot(SOLUTION, BASIS, 1)) + 0.05 * (
    np.random.default_rng(72).normal(size=7)
)
WEIGHTS = np.array([20.0, 10.0, 30.0, 20.0, 5.0, 20.0, 40.0])
POINTS = SOLUTION + np.array([[0.0, 0, 0], [0.1, -0.2, 0.1], [-0.3, 0.1, 0.4]])


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


def slopes_of(x: np.ndarray, basis: np.ndarray = BASIS) -> np.ndarray:
    _, vectors = np.linalg.eigh(CONSTANT + np.tensordot(x, basis, 1))
    return np.einsum("ak,jab,bk->kj", vectors, basis, vectors)


@functools.cache
def solver(absolute_sigma: bool = False) -> SpectralSolver:
    return SpectralSolver(Affine(CONSTANT, BASIS), starts=1, absolute_sigma=absolute_sigma)


def diagonal(slopes: np.ndarray, **options) -> SpectralSolver:
    """Levels `20 k + (slopes x)_k`: the Jacobian is known by hand, and exact."""
    zero = np.diag(20.0 * np.arange(len(slopes)))
    basis = np.stack([np.diag(column) for column in slopes.T])
    return SpectralSolver(Affine(zero, basis), starts=1, **options)


def covariance(of: SpectralSolver, x: list[float], weights: np.ndarray | None = None) -> Covariance:
    return take(of.covariance([x], 1.0 if weights is None else weights), 0)


def test_against_the_inverse_of_the_normal_matrix():
    weights = np.array([WEIGHTS, np.ones(7), 3 * WEIGHTS * (np.arange(7) != 2)])
    found = as_numpy(solver().covariance(POINTS, weights))
    for row, point in enumerate(POINTS):
        jacobian = weights[row][:, None] * slopes_of(point)
        expected = np.linalg.inv(jacobian.T @ jacobian)
        errors = np.sqrt(np.diag(expected))
        np.testing.assert_allclose(found.covariance[row], expected, rtol=1e-9)
        np.testing.assert_allclose(found.standard_errors[row], errors, rtol=1e-9)
        np.testing.assert_allclose(
            found.correlation[row], expected / np.outer(errors, errors), rtol=1e-9
        )
        scaled = jacobian / np.linalg.norm(jacobian, axis=0)
        assert found.rank[row] == np.linalg.matrix_rank(scaled)
        np.testing.assert_allclose(found.condition_number[row], np.linalg.cond(scaled), rtol=1e-9)


@eagerly
@pytest.mark.parametrize("absolute_sigma", [False, True])
def test_against_curve_fit(absolute_sigma: bool):
    best, expected = curve_fit(
        lambda _, *x: levels_of(np.array(x)),
        np.arange(7),
        TARGETS,
        p0=SOLUTION,
        jac=lambda _, *x: slopes_of(np.array(x)),
        sigma=1 / WEIGHTS,
        absolute_sigma=absolute_sigma,
        xtol=1e-14,
        ftol=1e-14,
    )
    fit = solver().fit([TARGETS], initial=[SOLUTION], weights=[WEIGHTS])
    np.testing.assert_allclose(fit.parameters[0], best, rtol=0, atol=1e-7)
    found = take(solver().covariance(fit.parameters, [WEIGHTS]), 0)
    variance = 1.0 if absolute_sigma else fit.loss[0].numpy() / (7 - 3)
    np.testing.assert_allclose(found.covariance * variance, expected, rtol=1e-5)
    if not absolute_sigma:
        np.testing.assert_allclose(
            found.standard_errors * np.sqrt(variance), fit.standard_errors[0], rtol=1e-9
        )


def test_targets_say_what_was_observed():
    gap = np.where(np.arange(7) == 3, np.nan, TARGETS)
    with_nan = solver(True).covariance(POINTS[:1], [WEIGHTS], [gap])
    with_zero = solver(True).covariance(POINTS[:1], WEIGHTS * ~np.isnan(gap))
    assert_same(with_nan, with_zero, rtol=1e-12)
    ones = solver(True).covariance(POINTS[:1], sigma=1.0)
    assert_same(solver(True).covariance(POINTS[:1], np.full((1, 7), np.nan)), ones)
    # What was observed does not matter otherwise: the model is linearized at the parameters.
    assert_same(solver(True).covariance(POINTS[:1], targets=[TARGETS]), ones, rtol=1e-12)
    # Unless the residual sets the scale.
    scaled = solver().covariance(POINTS[:1], [WEIGHTS], [gap])
    variance = np.nansum((WEIGHTS * (gap - levels_of(POINTS[0]))) ** 2) / (6 - 3)
    np.testing.assert_allclose(scaled.covariance, with_nan.covariance * variance, rtol=1e-9)
    np.testing.assert_array_equal(scaled.correlation, with_nan.correlation)


def test_rows_are_independent_and_bad_ones_are_nan():
    """NaN in a row that is not finite; nothing that looks like knowledge."""
    full = as_numpy(solver().covariance(POINTS, [WEIGHTS] * 3))
    for row in range(3):
        one = slice(row, row + 1)
        assert_same(as_numpy(solver().covariance(POINTS[one], [WEIGHTS])), take(full, one))
    points = np.concatenate([np.full((1, 3), np.nan), [[np.inf, 0, 0]], POINTS, POINTS[:2]])
    weights = np.array([WEIGHTS] * 7)
    weights[5, 1], weights[6, 1] = -1.0, np.inf
    found = as_numpy(solver().covariance(points, weights))
    assert_same(take(found, slice(2, 5)), full)
    for row in (0, 1, 5, 6):
        assert np.isnan(found.covariance[row]).all(), row
        assert np.isnan(found.standard_errors[row]).all(), row
        assert np.isnan(found.correlation[row]).all(), row
        assert np.isnan(found.condition_number[row]), row
        assert found.rank[row] == 0, row


def test_zero_rows_one_row_and_unknown_rows():
    empty = solver().covariance(np.zeros((0, 3)), 1.0)
    assert empty.covariance.shape == (0, 3, 3)
    assert empty.rank.shape == (0,)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float64)], autograph=False)
    def inside(points: tf.Tensor) -> Covariance:
        return solver().covariance(points, 1.0)

    assert_same(as_numpy(inside(tf.constant(POINTS))), as_numpy(solver().covariance(POINTS, 1.0)))
    assert inside(tf.zeros([0, 3], tf.float64)).rank.shape == (0,)


def test_nothing_observed_means_nothing_known():
    found = covariance(solver(), [0.5, -0.4, 0.8], np.zeros(7))
    assert found.rank == 0
    assert np.isinf(found.standard_errors).all()
    assert np.isinf(found.condition_number)
    np.testing.assert_array_equal(np.isinf(found.covariance), np.eye(3, dtype=bool))
    np.testing.assert_array_equal(np.isnan(found.covariance), ~np.eye(3, dtype=bool))


def assert_undetermined(found: Covariance, hidden: list[bool]) -> None:
    """inf on the diagonal, NaN off it, never a number; the others have numbers."""
    mask = np.array(hidden)
    either = mask[:, None] | mask[None, :]
    square = np.asarray(found.covariance)
    assert np.isinf(np.diag(square)[mask]).all()
    assert (np.diag(square)[mask] > 0).all()
    off = either & ~np.eye(len(mask), dtype=bool)
    assert np.isnan(square[off]).all()
    assert np.isfinite(square[~either]).all()
    assert np.isinf(np.asarray(found.standard_errors)[mask]).all()
    assert np.isfinite(np.asarray(found.standard_errors)[~mask]).all()
    assert np.isnan(np.asarray(found.correlation)[either]).all()
    assert np.isfinite(np.asarray(found.correlation)[~either]).all()
    assert np.isinf(found.condition_number)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
def test_twins_of_random_matrices(dtype: tf.DType):
    """x1 and x2 multiply the same matrix; the others are as sure as without x2."""
    basis = np.stack([BASIS[0], BASIS[1], -2 * BASIS[1], BASIS[2]])
    twins = SpectralSolver(Affine(CONSTANT, basis), starts=1, dtype=dtype)
    found = covariance(twins, [0.5, 0.4, 0.4, 0.8], WEIGHTS)
    assert_undetermined(found, [False, True, True, False])
    assert found.rank == 3
    jacobian = WEIGHTS[:, None] * slopes_of(SOLUTION)
    expected = np.linalg.inv(jacobian.T @ jacobian)[np.ix_([0, 2], [0, 2])]
    accuracy = 1e-7 if dtype == tf.float64 else 1e-2
    np.testing.assert_allclose(found.covariance[np.ix_([0, 3], [0, 3])], expected, rtol=accuracy)


def test_more_parameters_than_levels_by_hand():
    """Three levels, five parameters: `y0 = x0 + x1`, `y1 = 2 x2`, and nothing of x3 and x4."""
    slopes = np.array([[1.0, 1, 0, 0, 0], [0, 0, 2, 0, 0], [0, 0, 0, 0, 1e-3], [0, 0, 0, 1, 1]])
    found = covariance(diagonal(slopes), [1.0, 1, 1, 1, 1], np.array([3.0, 4.0, 0.0, 0.0]))
    assert_undetermined(found, [True, True, False, True, True])
    assert found.rank == 2
    np.testing.assert_allclose(found.covariance[2, 2], 1 / 8**2, rtol=1e-12)
    # With all levels: x4 from the third, x3 from the fourth, and of x0 and x1 only the sum.
    found = covariance(diagonal(slopes), [1.0, 1, 1, 1, 1])
    assert_undetermined(found, [True, True, False, False, False])
    assert found.rank == 4
    inverse = np.linalg.inv(slopes[1:, 2:].T @ slopes[1:, 2:])
    np.testing.assert_allclose(found.covariance[2:, 2:], inverse, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("angle", [1e-2, 1e-5, 1e-7])
def test_nearly_parallel_columns_by_hand(angle: float):
    """`J = [[1, 1], [0, a]]`: the inverse of the normal matrix is `[[1 + a^-2, -a^-2], ...]`."""
    found = covariance(diagonal(np.array([[1.0, 1.0], [0.0, angle]])), [0.0, 0.0])
    square = 1 / angle**2
    expected = np.array([[1 + square, -square], [-square, square]])
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-7)
    assert found.rank == 2
    np.testing.assert_allclose(found.condition_number, 2 / angle, rtol=2 * angle)
    np.testing.assert_allclose(found.correlation, [[1, -1], [-1, 1]], atol=angle)
    assert (np.abs(found.correlation) <= 1 + 1e-12).all()


def test_parameters_of_very_different_size_by_hand():
    scales = np.array([1e-8, 1.0, 1e8])
    found = covariance(diagonal(np.diag(scales)), [0.0, 0, 0], np.array([2.0, 4.0, 5.0]))
    np.testing.assert_allclose(found.standard_errors * scales, [0.5, 0.25, 0.2], rtol=1e-12)
    np.testing.assert_allclose(found.condition_number, 1.0, rtol=1e-12)
    assert found.rank == 3


@eagerly
def test_exact_data_and_no_datum_to_spare():
    """Absolute errors do not ask how well the fit is; estimated ones need a datum to spare."""
    exact = levels_of(SOLUTION)
    fit = solver().fit([exact], initial=[SOLUTION])
    found = solver().covariance(fit.parameters, 1.0)
    jacobian = slopes_of(SOLUTION)
    np.testing.assert_allclose(found.covariance[0], np.linalg.inv(jacobian.T @ jacobian), rtol=1e-6)
    assert (fit.standard_errors.numpy() < 1e-8).all()
    few = np.where(np.arange(7) < 3, exact, np.nan)
    fit = solver().fit([few], initial=[SOLUTION])
    assert np.isinf(fit.standard_errors).all()
    assert np.isinf(np.diagonal(fit.covariance().covariance[0])).all()
    found = take(solver(True).covariance(fit.parameters, targets=[few]), 0)
    expected = np.linalg.inv(jacobian[:3].T @ jacobian[:3])
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-6)
    assert found.rank == 3


def test_at_a_bound():
    """NaN for what is at the bound; the others as in a fit in which it is held."""
    bounds = ([-np.inf, -0.4, -np.inf], [0.5, np.inf, np.inf])
    model = Affine(CONSTANT, BASIS)
    bounded = SpectralSolver(model, starts=1, bounds=bounds, absolute_sigma=True)
    points = np.array([[0.5, -0.3, 0.8], [0.4, -0.3, 0.8], [0.5, -0.4, 0.8]])
    found = as_numpy(bounded.covariance(points, [WEIGHTS] * 3, [TARGETS] * 3))
    for row, held in enumerate(([0], [], [0, 1])):
        free = ~np.isin(np.arange(3), held)
        jacobian = WEIGHTS[:, None] * slopes_of(points[row])[:, free]
        expected = np.full((3, 3), np.nan)
        expected[np.ix_(free, free)] = np.linalg.inv(jacobian.T @ jacobian)
        np.testing.assert_allclose(found.covariance[row], expected, rtol=1e-9)
        np.testing.assert_allclose(
            found.standard_errors[row], np.sqrt(np.diag(expected)), rtol=1e-9
        )
        np.testing.assert_array_equal(np.isnan(found.correlation[row]), np.isnan(expected))
        scaled = jacobian / np.linalg.norm(jacobian, axis=0)
        assert found.rank[row] == free.sum()
        np.testing.assert_allclose(found.condition_number[row], np.linalg.cond(scaled), rtol=1e-9)


def test_everything_at_its_bound():
    bounded = SpectralSolver(Affine(CONSTANT, BASIS), starts=1, bounds=(0.0, 1.0))
    found = covariance(bounded, [0.0, 1.0, 1.0])
    assert np.isnan(found.covariance).all()
    assert np.isnan(found.standard_errors).all()
    assert np.isnan(found.condition_number)
    assert found.rank == 0


def test_priors_are_data():
    priors = ([0.0, 0.1, 0.2], [0.1, np.inf, 0.01])
    known = SpectralSolver(Affine(CONSTANT, BASIS), starts=1, priors=priors)
    jacobian = WEIGHTS[:, None] * slopes_of(SOLUTION)
    expected = np.linalg.inv(jacobian.T @ jacobian + np.diag([1e2, 0, 1e4]))
    found = covariance(known, SOLUTION.tolist(), WEIGHTS)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-9)
    nothing = covariance(known, SOLUTION.tolist(), np.zeros(7))
    assert_undetermined(nothing, [False, True, False])
    np.testing.assert_allclose(nothing.standard_errors[[0, 2]], [0.1, 0.01], rtol=1e-12)


def test_matched_levels_need_targets():
    """The level that a value belongs to decides what it says."""
    slopes = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    matched = diagonal(slopes, observation=Matched(2), absolute_sigma=True)
    with pytest.raises(ValueError, match="covariance: pass targets"):
        matched.covariance([[1.0, 1.0]])
    targets = [[1.1, 21.2], [1.1, 45.5], [np.nan, 44.0]]
    weights = [[1.0, 2.0]] * 3
    found = as_numpy(matched.covariance([[1.0, 1.0]] * 3, weights, targets))
    np.testing.assert_allclose(found.standard_errors[0], [1.0, 1 / 2], rtol=1e-12)
    np.testing.assert_allclose(found.standard_errors[1], [1.0, 1 / 10], rtol=1e-12)
    np.testing.assert_allclose(found.standard_errors[2], [np.inf, 1 / 10], rtol=1e-12)
    assert matched.assignment([[1.0, 1.0]] * 3, targets, weights).numpy().tolist() == [
        [0, 1],
        [0, 2],
        [-1, 2],
    ]


@pytest.mark.parametrize("shape", ["parameters", "weights", "targets"])
def test_other_rows_raise(shape: str):
    arguments = {"parameters": POINTS, "weights": [WEIGHTS] * 3, "targets": [TARGETS] * 3}
    arguments[shape] = arguments[shape][:2]
    with pytest.raises(ValueError, match="same number of rows"):
        solver().covariance(**arguments)


@eagerly
def test_bounds_and_priors_of_one_call():
    """The errors of a fit with bounds and priors of its own."""
    ladder = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones((3, 3)), np.eye(3)])
    own = SpectralSolver(ladder, starts=1, absolute_sigma=True)
    bounds, priors = ([0.5, -9.0], [2.0, 9.0]), ([0.0, 1.0], [np.inf, 0.05])
    targets, start = [[1.33, 4.44, 7.48]], [[0.6, 1.0]]
    fit = own.fit(targets, start, bounds=bounds, priors=priors)
    found = own.covariance(fit.parameters, 1.0, bounds=bounds, priors=priors)
    assert_same(fit.covariance(), found, rtol=1e-12)
    np.testing.assert_allclose(found.standard_errors, fit.standard_errors, rtol=1e-12)
    assert np.isnan(found.standard_errors[0, 0])


@eagerly
def test_undetermined_parameters_at_zero_residual():
    """Infinity times the root of zero is no error that means "at its bound"."""
    twins = Affine(None, [np.diag([0.0, 1.0, 0.0]), np.diag([0.0, 2.0, 0.0])])
    fit = SpectralSolver(twins, initial=[1.0, 0.0]).fit([[0.0, 0.0, 1.0]])
    assert np.isinf(fit.standard_errors).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standard_errors_at_any_condition(dtype):
    """Well-conditioned rows are taken from the normal matrix, the others from singular values."""
    rng = np.random.default_rng(3)
    left, _ = np.linalg.qr(rng.normal(size=(9, 12, 4)))
    right, _ = np.linalg.qr(rng.normal(size=(9, 4, 4)))
    conditions = np.logspace(0, 5 if dtype == np.float64 else 2.5, 9)
    singular = np.stack([conditions**-share for share in (0.0, 0.2, 0.5, 1.0)], axis=-1)
    jacobian = (left * singular[:, None, :] @ right).astype(dtype)
    units = np.array([1.0, 1024.0, 1 / 1024, 8.0])
    ones = tf.ones(9, dtype)
    held = np.array([False, True, False, False])
    for mask in (None, tf.constant([held] * 9)):
        free = ~held if mask is not None else ~np.zeros(4, bool)
        found = standard_errors(
            tf.constant(jacobian * units.astype(dtype)), mask, ones, 12 * ones, absolute_sigma=True
        )
        # The variances are the squared lengths of the rows of the pseudoinverse.
        inverse = np.linalg.pinv(jacobian[:, :, free].astype(float))
        expected = np.linalg.norm(inverse, axis=-1) / units[free]
        rtol = 10 * np.finfo(dtype).eps ** 0.625
        np.testing.assert_allclose(found.numpy()[:, free], expected, rtol=rtol)
        assert np.isnan(found.numpy()[:, ~free]).all()


def test_rows_are_independent_to_the_last_bit():
    solver = SpectralSolver(Toeplitz(4))
    x = np.random.default_rng(3).normal(size=(23, 4))
    together = as_numpy(solver.covariance(x, 1.0))
    for row in range(23):
        assert_same(as_numpy(solver.covariance(x[row : row + 1], 1.0)), take(together, [row]))


@eagerly
def test_its_derivative_by_parameters_is_right_and_nan_where_levels_meet():
    constant, basis = np.diag([0.0, 1.0, 3.0]), np.stack([np.ones([3, 3]), np.diag([1.0, 0, -1])])
    of = SpectralSolver(Affine(constant, basis), starts=1)
    points = np.array([[0.3, 0.2], [0.0, 1.0], [-0.2, 0.5]])  # diag(1, 1, 2) in the middle

    def errors(x: Any) -> tf.Tensor:
        return tf.reduce_sum(of.covariance(x, 1.0).standard_errors, axis=1)

    x = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(errors(x))
    found = tape.gradient(value, x).numpy()
    assert np.isnan(found[1]).all()
    for place in ((0, 0), (0, 1), (2, 0), (2, 1)):
        step = np.zeros_like(points)
        step[place] = 1e-5
        change = (errors(x + step) - errors(x - step))[place[0]] / 2e-5
        assert found[place] == pytest.approx(float(change), rel=1e-6)
