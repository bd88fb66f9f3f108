"""The loss: a sum of squared weighted residuals, differentiable twice, and its conventions."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, Levels, SpectralSolver
from tests.problems.given_matrices import random_hermitian

from ..helpers import finite_differences, tape_hessian, tape_jacobian

CONSTANT, *REST = random_hermitian(4, 5, seed=61, complex_entries=True)
BASIS = np.stack(REST)
TARGETS = np.array([-4.0, np.nan, 0.5, 2.0, 5.0])
WEIGHTS = np.array([1.0, 2.0, 0.0, np.nan, 0.25])
OBSERVATIONS = [None, "lowest"]


@functools.cache
def solver(relative_to: Any = None) -> SpectralSolver:
    return SpectralSolver(Affine(CONSTANT, BASIS), observation=Levels(relative_to=relative_to))


def numpy_loss(x: np.ndarray, relative_to: str | None) -> Any:
    levels, targets = np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1)), TARGETS
    if relative_to == "lowest":
        levels, targets = levels - levels[0], targets - targets[0]
        levels[0] = np.nan  # the zero of the scale is not a datum
    weights = np.where(np.isnan(WEIGHTS), 1.0, WEIGHTS)
    return np.nansum((weights * (targets - levels)) ** 2)


def loss_of(relative_to: str | None, x: tf.Tensor) -> tf.Tensor:
    rows = x.shape[0]
    return solver(relative_to).loss(x, [TARGETS] * rows, [WEIGHTS] * rows)


@pytest.mark.parametrize("relative_to", OBSERVATIONS)
def test_value(relative_to: str | None, rng: np.random.Generator):
    x = rng.normal(size=(6, 3))
    expected = [numpy_loss(row, relative_to) for row in x]
    np.testing.assert_allclose(loss_of(relative_to, tf.constant(x)), expected, rtol=1e-12)


@pytest.mark.parametrize("relative_to", OBSERVATIONS)
def test_gradient_and_hessian(
    relative_to: str | None, rng: np.random.Generator, request: pytest.FixtureRequest
):
    if relative_to == "lowest":  # one of them as a graph
        request.getfixturevalue("eagerly")
    x = rng.normal(size=3)
    gradient = tape_jacobian(lambda y: loss_of(relative_to, y)[:, None], x)
    hessian = tape_hessian(lambda y: loss_of(relative_to, y), x)

    def numpy_gradient(y: np.ndarray) -> np.ndarray:
        return finite_differences(lambda z: numpy_loss(z, relative_to), y, 3e-3)

    np.testing.assert_allclose(gradient[0], numpy_gradient(x), rtol=1e-8)
    expected = finite_differences(numpy_gradient, x, 3e-3)
    np.testing.assert_allclose(hessian, expected, rtol=1e-6, atol=1e-6)


def test_derivatives_by_targets_and_weights(rng: np.random.Generator):
    x = tf.constant(rng.normal(size=(1, 3)))
    targets, weights = tf.constant([TARGETS]), tf.constant([[1.0, 2.0, 0.0, 3.0, 0.25]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([targets, weights])
        loss = solver().loss(x, targets, weights)
    by_targets, by_weights = tape.gradient(loss, [targets, weights])
    residual = np.where(np.isnan(TARGETS), 0.0, TARGETS - solver().spectrum(x).numpy()[0])
    np.testing.assert_allclose(by_targets[0], 2 * weights[0].numpy() ** 2 * residual, rtol=1e-12)
    np.testing.assert_allclose(by_weights[0], 2 * weights[0].numpy() * residual**2, rtol=1e-12)


def test_weight_zero_is_a_target_that_was_not_observed(rng: np.random.Generator):
    x, targets = rng.normal(size=(4, 3)), np.sort(rng.normal(size=(4, 5)), axis=1)
    without = np.where(np.arange(5) == 2, np.nan, targets)
    weights = np.where(np.arange(5) == 2, 0.0, 1.0) * np.ones((4, 5))
    np.testing.assert_array_equal(solver().loss(x, targets, weights), solver().loss(x, without))


def test_nothing_observed_costs_nothing(rng: np.random.Generator):
    x = tf.constant(rng.normal(size=(2, 3)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = solver().loss(x, np.full((2, 5), np.nan))
    np.testing.assert_array_equal(loss, [0.0, 0.0])
    np.testing.assert_array_equal(tape.gradient(loss, x), np.zeros((2, 3)))


def test_minimize_with_keras_by_hand(rng: np.random.Generator):
    """The tutorial's way: a variable, a loss, an optimizer; the loss must fall."""
    import keras

    x = tf.Variable(rng.normal(size=(1, 3)))
    targets = np.linalg.eigvalsh(CONSTANT + np.tensordot([0.3, -0.2, 0.5], BASIS, 1))[None]
    optimizer = keras.optimizers.SGD(learning_rate=0.01)
    losses = []
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = solver().loss(x, targets)
        optimizer.apply_gradients([(tape.gradient(loss, x), x)])
        losses.append(loss.numpy().item())
    assert (np.diff(losses) < 0).all()
    assert losses[-1] < 0.2 * losses[0]
