"""What has no right derivative is NaN in the rows that depend on it, and in no other.

The numbers that it was before were plausible, and wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, GaussNewton, SpectralSolver, Status
from eigenfit.solver.rowwise.once_only import once_only

TARGETS = np.array([[0.31, 3.42, 6.52], [0.4, 3.1, 6.9]])
START = np.full((2, 1), 0.3)


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(Affine(np.diag([0.0, 3.0, 6.0]), [np.ones([3, 3])]), GaussNewton())


def parameters(targets: tf.Tensor) -> tf.Tensor:
    return solver().fit(targets, np.full((targets.shape[0], 1), 0.3)).parameters


def gradient(function: Callable[[tf.Tensor], tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(targets)
        value = function(targets)
    return tape.gradient(value, targets)


def second(direction: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """The derivative of the slope along a direction, of a linear function of the answer."""

    def along(targets: tf.Tensor) -> tf.Tensor:
        slope = gradient(lambda x: tf.reduce_sum(parameters(x)), targets)
        return tf.reduce_sum(slope * direction)

    return lambda targets: gradient(along, targets)


@pytest.mark.parametrize("graph", [False, True])
def test_a_second_derivative_is_nan_in_the_rows_that_it_is_of(graph: bool):
    """Of two rows, in different directions; in the third nothing moves."""
    hessian = second(np.array([[1.0, 0.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]))
    targets = tf.constant(TARGETS[[0, 0, 1]])
    found = (tf.function(hessian, autograph=False) if graph else hessian)(targets)
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2], 0.0)


def test_forward_derivatives_are_right_once():
    targets = tf.constant(TARGETS)
    along = tf.constant([[1.0, -1.0, 0.0], [0.2, 0.3, 0.5]], tf.float64)
    slopes = gradient(parameters, targets)
    with tf.autodiff.ForwardAccumulator(targets, along) as forward:
        found = parameters(targets)
    once = forward.jvp(found)
    np.testing.assert_allclose(once[:, 0], np.sum(slopes * along, axis=1), rtol=1e-12)


def test_a_forward_derivative_of_a_derivative_is_nan():
    """By itself: through a whole fit it takes minutes to trace. The second row does not move."""
    targets = tf.constant(TARGETS)
    along = tf.constant([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]], tf.float64)

    @tf.custom_gradient
    def answer(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def slopes(upstream: tf.Tensor) -> tf.Tensor:
            return once_only([3.0 * upstream], [upstream], [x])[0]

        return 3.0 * tf.stop_gradient(x), slopes

    compiled = tf.function(answer, autograph=False)
    with tf.autodiff.ForwardAccumulator(targets, along) as forward:
        backward = gradient(lambda x: tf.reduce_sum(compiled(x)), targets)
    np.testing.assert_array_equal(backward, np.full([2, 3], 3.0))
    found = forward.jvp(backward)
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], 0.0)


def test_what_only_multiplies_the_answer_keeps_its_second_derivative():
    """As in the penalty of a gradient, by the weights of a layer behind the fit."""
    factor = tf.Variable(2.0, dtype=tf.float64)
    targets = tf.constant(TARGETS)
    with tf.GradientTape() as tape:
        slope = gradient(lambda x: factor**2 * tf.reduce_sum(parameters(x)), targets)
        penalty = tf.reduce_sum(slope**2)
    np.testing.assert_allclose(tape.gradient(penalty, factor), 4.0 * penalty / factor, rtol=1e-12)


@pytest.mark.parametrize("field", ["standard_errors", "gradient_norm"])
def test_fields_without_a_derivative(field: str):
    def first_row(targets: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(getattr(solver().fit(targets, START), field)[0])

    found = gradient(first_row, tf.constant(TARGETS))
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], 0.0)
    # The error does depend on the targets: in a fit with one parameter by the residual.
    step = 1e-4 * np.eye(3)[0]
    more, less = (solver().fit([TARGETS[0] + s], START[:1]).standard_errors for s in (step, -step))
    assert (more - less).numpy()[0, 0] / 2e-4 == pytest.approx(-0.345, abs=5e-4)


@pytest.mark.usefixtures("eagerly")
def test_the_way_to_an_answer_has_no_derivative():
    def end_of_first_row(targets: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(solver().trace(targets, START).parameters[0, -1])

    found = gradient(end_of_first_row, tf.constant(TARGETS))
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], 0.0)


def test_a_row_that_is_not_certified_passes_nothing_on():
    limits = np.array([1, 200])

    def value(targets: tf.Tensor) -> tf.Tensor:
        fit = solver().fit(targets, START, max_steps=limits)
        assert fit.status.numpy().tolist() == [Status.MAX_STEPS, Status.STATIONARY]
        return tf.reduce_sum(fit.parameters) + tf.reduce_sum(fit.loss + fit.gradient_norm[0])

    found = gradient(value, tf.constant(TARGETS))
    np.testing.assert_array_equal(found[0], 0.0)
    assert np.abs(found[1]).min() > 0.0


def test_there_is_no_derivative_by_where_a_fit_starts_and_when_it_stops():
    start, tolerance = tf.constant(START), tf.constant(1e-9, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([start, tolerance])
        value = solver().fit(TARGETS, start, tolerance=tolerance).parameters
    assert tape.gradient(value, [start, tolerance]) == [None, None]


@functools.cache
def bounded() -> SpectralSolver:
    basis = [np.ones([3, 3]), np.diag([1.0, -1.0, 0.5])]
    structure = Affine(np.diag([0.0, 3.0, 6.0]), basis)
    return SpectralSolver(structure, GaussNewton(), bounds=(-9.0, 9.0))


MOVING = ("parameters", "residuals", "loss")
PLACES = ((0, 0), (1, 0), (0, 1))


@functools.cache
def by_lower_bounds() -> tuple[np.ndarray, np.ndarray]:
    """The slopes `[3, 2, 2]` of the squares of the fields, and differences at the places, `[3, 3]`.

    One batch of pairs of rows: the same pair for each field, then with a bound moved up and down.
    """
    lower, step = np.array([[0.6, -9.0], [0.7, -8.0]]), 1e-5
    moves = [
        sign * step * np.eye(4)[2 * row + column] for row, column in PLACES for sign in (1, -1)
    ]
    pairs = np.concatenate([[lower] * len(MOVING), lower + np.reshape(moves, [-1, 2, 2])])
    bounds, count = tf.constant(pairs.reshape(-1, 2)), len(pairs)
    upper = tf.constant([[9.0, 9.0], [0.7, 9.0]] * count, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(bounds)
        equal = tf.where(upper < 9.0, bounds, upper)  # of the second row
        targets, start = np.tile(TARGETS, (count, 1)), [[0.8, 0.1]] * 2 * count
        fit = bounded().fit(targets, start, bounds=(bounds, equal))
        squares = [tf.reshape(getattr(fit, field) ** 2, [count, -1]) for field in MOVING]
        values = tf.stack([tf.reduce_sum(square, axis=1) for square in squares], axis=1)
        total = tf.linalg.trace(values[: len(MOVING)])
    slopes = tf.reshape(tape.gradient(total, bounds), [count, 2, 2])[: len(MOVING)].numpy()
    up, down = values[len(MOVING) :: 2].numpy(), values[len(MOVING) + 1 :: 2].numpy()
    return slopes, ((up - down) / (2 * step)).T


@pytest.mark.parametrize("number", range(3), ids=MOVING)
def test_a_parameter_at_its_bound_moves_with_it(number: int):
    slopes, differences = by_lower_bounds()
    for place, difference in zip(PLACES, differences[number], strict=True):
        assert slopes[number][place] == pytest.approx(difference, rel=1e-6, abs=1e-8)
    assert abs(slopes[number][0, 0]) > 0.1
