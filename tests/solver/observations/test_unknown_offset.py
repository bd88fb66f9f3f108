"""`Levels("mean")` against the same fit with the identity matrix among the basis."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, Levels, SpectralSolver, Status
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, finite_differences, take, tape_hessian, tape_jacobian

N = 6
A = random_hermitian(4, N, seed=61, complex_entries=True)
X = np.array([0.5, -0.8, 0.9])
EYE = np.eye(N)[None]
ROWS = 12


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(A[0] + np.tensordot(x, A[1:], 1))


@functools.cache
def centred(starts: int = 4, dtype: tf.DType = tf.float64) -> SpectralSolver:
    return SpectralSolver(
        Affine(A[0], A[1:]), observation=Levels("mean"), starts=starts, dtype=dtype
    )


def cold(rows: int) -> np.ndarray:
    """Starts that the solver is to choose."""
    return np.full((rows, 3), np.nan)


@functools.cache
def with_identity() -> SpectralSolver:
    return SpectralSolver(Affine(A[0], np.concatenate([A[1:], EYE])), starts=1)


@functools.cache
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets with offsets of many sizes, one level missing in some rows; weights; starts."""
    generator = np.random.default_rng(62)
    x = X + 0.2 * generator.normal(size=(ROWS, 3))
    targets = np.stack([levels_of(row) for row in x]) + 0.01 * generator.normal(size=(ROWS, N))
    targets += np.resize([0.0, 1.0, -30.0, 1000.0], ROWS)[:, None]
    targets[::3, 2] = np.nan
    targets[1, 0] = np.nan
    return targets, generator.uniform(0.2, 2.0, size=(ROWS, N)), x


def both_fits(weighted: bool) -> tuple[Any, Any]:
    targets, weights, x = data()
    weights = weights if weighted else np.ones_like(weights)
    offset = np.nanmean(targets, axis=1, keepdims=True)
    one = centred().fit(targets, x, weights, tolerance=1e-14)
    other = with_identity().fit(targets, np.append(x, offset, axis=1), weights, tolerance=1e-14)
    return as_numpy(one), as_numpy(other)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fit_is_that_with_an_identity_matrix(weighted: bool):
    one, other = both_fits(weighted)
    assert set(one.status) == set(other.status) == {Status.STATIONARY}
    np.testing.assert_allclose(one.parameters, other.parameters[:, :3], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-7)
    np.testing.assert_allclose(one.residuals, other.residuals, atol=1e-7)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors[:, :3], rtol=1e-5)
    # The spectrum is that of the matrix, without the offset.
    for row in range(ROWS):
        np.testing.assert_allclose(one.eigenvalues[row], levels_of(one.parameters[row]), atol=1e-11)


@pytest.mark.usefixtures("eagerly")
def test_the_gradients_are_those_with_an_identity_matrix():
    targets, weights, x = (tf.constant(array[:4]) for array in data())
    targets -= np.resize([0.0, 1.0, -30.0, 1000.0], 4)[:, None]
    found = []
    zero = tf.zeros([4, 1], tf.float64)
    factors = np.arange(1.0, 4 * N + 1).reshape(4, N)
    for solver, start in ((centred(), x), (with_identity(), tf.concat([x, zero], axis=1))):
        totals = []
        for field in ("parameters", "residuals", "loss"):
            with tf.GradientTape() as tape:
                tape.watch([targets, weights])
                fit = solver.fit(targets, start, weights, tolerance=1e-14)
                value = getattr(fit, field)
                value = value[:, :3] * [1.0, 2.0, 3.0] if field == "parameters" else value
                if field == "residuals":
                    value = tf.where(tf.math.is_nan(value), tf.zeros_like(value), value) * factors
                total = tf.reduce_sum(value)
            totals += tape.gradient(total, [targets, weights])
        found.append(totals)
    for place, (one, other) in enumerate(zip(*found, strict=True)):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7, err_msg=str(place))


@pytest.mark.usefixtures("eagerly")
def test_covariance_counts_the_offset():
    one, _ = both_fits(weighted=True)
    weights = np.where(np.isnan(data()[0]), 0.0, data()[1])
    found = centred().covariance(one.parameters, weights)
    other = centred().covariance(one.parameters, data()[1], data()[0])
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, rtol=1e-6)
    # The offset costs one degree of freedom beside the three parameters.
    freedom = (weights > 0).sum(axis=1) - 4
    expected = found.standard_errors * np.sqrt(one.loss / freedom)[:, None]
    np.testing.assert_allclose(one.standard_errors, expected, rtol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_the_loss_is_about_the_weighted_means_and_differentiates_twice():
    targets, weights = (array[0] for array in data()[:2])
    seen = ~np.isnan(targets)

    def loss(x: np.ndarray) -> np.ndarray:
        difference = (targets - levels_of(x))[seen]
        w = weights[seen]
        return np.sum(w**2 * (difference - np.average(difference, weights=w**2)) ** 2)

    def compiled(y: tf.Tensor) -> tf.Tensor:
        count = y.shape[0]
        return centred().loss(y, np.tile(targets, (count, 1)), np.tile(weights, (count, 1)))

    np.testing.assert_allclose(compiled(tf.constant(X[None]))[0], loss(X), rtol=1e-12)
    found = tape_jacobian(lambda y: compiled(y)[:, None], X)[0]
    np.testing.assert_allclose(found, finite_differences(loss, X), atol=1e-8)
    expected = finite_differences(lambda x: finite_differences(loss, x, 1e-2), X, 1e-2)
    np.testing.assert_allclose(tape_hessian(compiled, X), expected, atol=1e-4)


def test_a_cold_search_does_not_see_the_offset_and_rows_are_independent():
    targets = data()[0].copy()
    targets[5] = np.nan
    targets[6, 1] = np.inf
    fit = as_numpy(centred().fit(targets, cold(ROWS)))
    assert fit.status[[5, 6]].tolist() == [Status.INVALID_INPUT] * 2
    good = np.delete(np.arange(ROWS), [5, 6])
    assert (fit.status[good] > 0).all()
    for row in (0, 1, 11):
        assert_same(as_numpy(centred().fit(targets[[row]], cold(1))), take(fit, [row]))
    shifted = as_numpy(centred().fit(targets + 64.0, cold(ROWS)))
    np.testing.assert_array_equal(shifted.status, fit.status)
    np.testing.assert_allclose(shifted.loss[good], fit.loss[good], rtol=1e-6)
    assert centred().fit(targets[:0], cold(0)).parameters.shape == (0, 3)


@pytest.mark.usefixtures("eagerly")
def test_one_observed_level_says_nothing():
    """It is matched by the offset; every parameter stays where it was."""
    targets = np.full((1, N), np.nan)
    targets[0, 3] = 7.0
    fit = as_numpy(centred().fit(targets, X[None]))
    assert fit.status.tolist() == [Status.CONVERGED]
    np.testing.assert_array_equal(fit.parameters[0], X)
    assert np.isinf(fit.standard_errors).all()
    assert fit.residuals[0, 3] == 0.0


@pytest.mark.usefixtures("eagerly")
def test_no_level_to_spare_beside_parameters_and_offset():
    targets = levels_of(X)[None] + 5.0
    targets[0, [0, 4]] = np.nan
    fit = as_numpy(centred().fit(targets, X[None] + 0.02))
    assert fit.status.tolist() == [Status.CONVERGED]
    assert np.isinf(fit.standard_errors).all()


@pytest.mark.usefixtures("eagerly")
def test_a_parameter_that_only_shifts_has_no_effect():
    solver = SpectralSolver(
        Affine(A[0], np.concatenate([EYE, A[1:2]])),
        observation=Levels("mean", lowest=4),
        starts=1,
        absolute_sigma=True,
    )
    targets = levels_of(np.array([0.4, 0.0, 0.0]))[None, :4] + 3.0
    fit = as_numpy(solver.fit(targets, [[2.0, 0.3]]))
    assert fit.status.tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[2.0, 0.4]], atol=1e-8)
    assert np.isinf(fit.standard_errors[0, 0])
    assert np.isfinite(fit.standard_errors[0, 1])


@pytest.mark.usefixtures("eagerly")
def test_float32_with_an_offset():
    targets = (levels_of(X)[None] + 8.0).astype(np.float32)
    fit = centred(1, tf.float32).fit(targets, X[None] + 0.02)
    assert fit.parameters.dtype == tf.float32
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, X[None], atol=1e-3)


def test_a_robust_loss_is_one_clear_error():
    with pytest.raises(ValueError, match=r'relative_to="mean" needs loss="linear".* add the ident'):
        SpectralSolver(Affine(A[0], A[1:]), observation=Levels("mean"), loss="huber")
