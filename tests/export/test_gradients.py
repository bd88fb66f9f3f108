"""Derivatives through reloaded signatures."""

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture(scope="module")
def targets():
    return np.array([[-2.0, -0.5, 0.0, 1.0, 3.0], [0.0, 1.0, 2.0, 4.0, 5.0]])


@pytest.mark.parametrize("output", ["parameters", "eigenvalues"])
def test_fit_agrees_with_the_live_solver_and_finite_differences(model, targets, output):
    toeplitz = model("toeplitz")
    direction = np.random.default_rng(0).normal(size=targets.shape)

    def through(function):
        watched = tf.constant(targets)
        with tf.GradientTape() as tape:
            tape.watch(watched)
            value = tf.reduce_sum(function(watched) * direction)
        return tape.gradient(value, watched).numpy()

    def reloaded(values):
        return toeplitz.reloaded.signatures["serving_default"](targets=tf.constant(values))[output]

    got = through(lambda t: toeplitz.reloaded.signatures["serving_default"](targets=t)[output])
    live = through(lambda t: getattr(toeplitz.solver.fit(t), output))
    np.testing.assert_allclose(got, live, rtol=1e-12, atol=0)

    step = 1e-5
    for level in range(targets.shape[1]):
        shift = step * np.eye(targets.shape[1])[level]
        difference = (reloaded(targets + shift) - reloaded(targets - shift)).numpy()
        slope = np.sum(difference * direction, axis=-1) / (2 * step)
        np.testing.assert_allclose(got[:, level], slope, rtol=1e-5, atol=1e-7)


def test_spectrum_differentiates(model):
    toeplitz = model("toeplitz")
    parameters = tf.constant(np.random.default_rng(1).normal(size=(3, 5)))
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        levels = toeplitz.reloaded.signatures["spectrum"](parameters=parameters)["eigenvalues"]
    # The trace of a Toeplitz matrix is n times its first parameter.
    expected = np.tile([5.0, 0.0, 0.0, 0.0, 0.0], (3, 1))
    np.testing.assert_allclose(tape.gradient(levels, parameters), expected, atol=1e-13)


def test_loss_and_gradient_is_the_derivative(model, rows_for):
    wells = model("nonlinear")
    rows = rows_for(wells.solver, 4)
    parameters, levels = rows["parameters"], tf.constant(rows["targets"][::-1].copy())

    def answer(parameters):
        return wells.call("loss_and_gradient", parameters=tf.constant(parameters), targets=levels)

    got, step = answer(parameters)["gradient"], 1e-6
    for index in range(parameters.shape[1]):
        shift = step * np.eye(parameters.shape[1])[index]
        slope = (answer(parameters + shift)["loss"] - answer(parameters - shift)["loss"]) / (
            2 * step
        )
        np.testing.assert_allclose(got[:, index], slope, rtol=1e-6, atol=1e-7)


def test_the_gradient_differentiates_again(model, rows_for):
    wells = model("nonlinear")
    rows = rows_for(wells.solver, 3)
    parameters, levels = tf.constant(rows["parameters"]), tf.constant(rows["targets"][::-1].copy())
    direction = np.random.default_rng(2).normal(size=parameters.shape)

    def gradient(values):
        signature = wells.reloaded.signatures["loss_and_gradient"]
        return signature(parameters=values, targets=levels)["gradient"]

    with tf.GradientTape() as tape:
        tape.watch(parameters)
        slope = tf.reduce_sum(gradient(parameters) * direction)
    got = tape.gradient(slope, parameters)
    shift = 1e-6 * direction
    expected = (gradient(parameters + shift) - gradient(parameters - shift)) / 2e-6
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


def test_spectrum_differentiates_twice_and_no_third_time(model):
    spectrum = model("toeplitz").reloaded.signatures["spectrum"]
    parameters = tf.constant(np.random.default_rng(3).normal(size=(3, 5)))
    direction = np.random.default_rng(4).normal(size=(3, 5))

    def slope(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            lowest = spectrum(parameters=values)["eigenvalues"][:, 0]
        return tape.gradient(lowest, values)

    with tf.GradientTape() as outer:
        outer.watch(parameters)
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            along = tf.reduce_sum(slope(parameters) * direction)
        got = tape.gradient(along, parameters)
        again = tf.reduce_sum(got * direction)
    assert not np.isfinite(outer.gradient(again, parameters)).any()
    shift = 1e-6 * direction
    expected = (slope(parameters + shift) - slope(parameters - shift)) / 2e-6
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("output", ["parameters", "standard_errors"])
def test_what_has_no_right_derivative_is_nan_after_reload_too(model, targets, output):
    """Second derivatives of the answer, and first ones of its errors."""
    fit = model("toeplitz").reloaded.signatures["serving_default"]
    watched = tf.constant(targets)
    with tf.GradientTape() as outer:
        outer.watch(watched)
        with tf.GradientTape() as inner:
            inner.watch(watched)
            value = tf.reduce_sum(fit(targets=watched)[output][0])
        slope = inner.gradient(value, watched)
        first = tf.reduce_sum(slope[0, 1:3])
    found = slope if output == "standard_errors" else outer.gradient(first, watched)
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], 0.0)
