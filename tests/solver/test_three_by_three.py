"""P0, the 3 x 3 example: every published float32 number."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import LevenbergMarquardt, Nonlinear, SpectralSolver, Status, Symmetric
from tests.problems import three_by_three as p0

# The numbers were printed from float32: 24 bits, and a few roundings on the way.
PRINTED: Any = {"rtol": 2e-6, "atol": 3e-7}


@functools.cache
def solver_in(dtype: tf.DType) -> SpectralSolver:
    return SpectralSolver(Symmetric(3), LevenbergMarquardt(), dtype=dtype)


@pytest.fixture(scope="module")
def single() -> SpectralSolver:
    return solver_in(tf.float32)


def test_matrix_of_the_start(single: SpectralSolver):
    np.testing.assert_array_equal(single.matrix(p0.START[None])[0], p0.matrix(p0.START))


def test_eigenvalues_and_loss_of_the_start(single: SpectralSolver):
    np.testing.assert_allclose(single.spectrum(p0.START[None])[0], p0.START_LEVELS, **PRINTED)
    loss = single.loss(p0.START[None], np.ones((1, 3)))
    assert loss.dtype == tf.float32
    assert loss.numpy().item() == pytest.approx(p0.START_LOSS, rel=2e-7)


def test_gradient_of_the_start_and_one_step_of_keras(single: SpectralSolver):
    parameters = tf.Variable(p0.START[None])
    with tf.GradientTape() as tape:
        loss = single.loss(parameters, np.ones((1, 3), np.float32))
    gradient = tape.gradient(loss, parameters)
    np.testing.assert_allclose(gradient[0], p0.START_GRADIENT, **PRINTED)
    keras.optimizers.Adam().apply_gradients([(gradient, parameters)])
    np.testing.assert_allclose(parameters.numpy()[0], p0.ONE_ADAM_STEP, rtol=1e-7, atol=1e-8)


def test_eigenvalues_and_slope_of_m_by_tensorflow_alone():
    m = tf.constant(p0.M, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(m)
        values = tf.linalg.eigh(m)[0]
        lowest = values[0]
    np.testing.assert_allclose(values, p0.M_LEVELS, **PRINTED)
    np.testing.assert_allclose(tape.gradient(lowest, m), p0.M_SLOPE, **PRINTED)


def test_eigenvalues_and_slope_of_m_through_a_nonlinear_parameterization():
    """The function returns M as it is, not symmetric: its lower triangle is read."""
    entries = Nonlinear(lambda x: tf.reshape(x, [-1, 3, 3]), n=3, p=9)
    solver = SpectralSolver(entries, dtype=tf.float32)
    m = tf.constant(p0.M.reshape(1, 9), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(m)
        values = solver.spectrum(m)
        lowest = values[:, 0]
    np.testing.assert_allclose(values[0], p0.M_LEVELS, **PRINTED)
    slope = tf.reshape(tape.gradient(lowest, m), [3, 3])
    np.testing.assert_allclose(slope, p0.M_SLOPE, **PRINTED)
    np.testing.assert_array_equal(
        solver.matrix(m)[0],
        np.tril(p0.M.astype(np.float32)) + np.tril(m[0].numpy().reshape(3, 3), -1).T,
    )


@pytest.mark.parametrize(("dtype", "error"), [(tf.float64, 1e-9), (tf.float32, 5e-5)])
def test_a_thousand_random_starts_all_converge(
    dtype: tf.DType, error: float, rng: np.random.Generator
):
    starts = rng.uniform(size=(1000, 6)).astype(dtype.as_numpy_dtype)
    fit = solver_in(dtype).fit(np.ones((1000, 3)), initial=starts)
    assert (fit.status.numpy() == Status.CONVERGED).all()
    np.testing.assert_allclose(fit.eigenvalues, np.ones((1000, 3)), rtol=0, atol=error)
    spectra = np.linalg.eigvalsh([p0.matrix(r) for r in fit.parameters.numpy().astype(float)])
    np.testing.assert_allclose(spectra, np.ones((1000, 3)), rtol=0, atol=error)
