"""What several tests of the solver need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from eigenfit.solver import Parameterization
from eigenfit.solver.parameterizations.weighted_levels import WeightedLevels


def as_numpy(result: Any) -> Any:
    """The same named tuple with NumPy arrays."""
    return type(result)(*(np.asarray(field) for field in result))


def take(result: Any, rows: Any) -> Any:
    """Some of the rows of every field."""
    return type(result)(*(np.asarray(field)[rows] for field in result))


def assert_same(one: Any, other: Any, rtol: float = 0.0) -> None:
    """Every field equal, NaN to NaN; bit by bit unless a relative error is allowed."""
    assert one._fields == other._fields
    for name, a, b in zip(one._fields, one, other, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if rtol and a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-300, err_msg=name)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


def finite_differences(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: float = 1e-3
) -> np.ndarray:
    """`[p] -> [...]` to its derivatives `[..., p]`, by six-point central differences.

    With step h the error is of order `h^6` beside the rounding of `eps / h`.
    """
    x = np.asarray(x, dtype=float)
    columns = []
    for unit in np.eye(len(x)) * step:
        a, b, c = (function(x + k * unit) - function(x - k * unit) for k in (1, 2, 3))
        columns.append((45 * a - 9 * b + c) / (60 * step))
    return np.stack(columns, axis=-1)


def finite_differences_of_rows(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: float = 1e-3
) -> np.ndarray:
    """As `finite_differences`, with one call of a function of many points, `[k, p] -> [k, ...]`."""
    units = np.eye(len(x)) * step
    shifts = np.multiply.outer([1.0, 2.0, 3.0, -1.0, -2.0, -3.0], units).reshape(-1, len(x))
    values = function(np.asarray(x) + shifts)
    values = values.reshape(2, 3, len(x), *values.shape[1:])
    a, b, c = values[0] - values[1]
    return np.moveaxis((45 * a - 9 * b + c) / (60 * step), 0, -1)


def tape_jacobian(function: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray) -> np.ndarray:
    """`[k, p]` for a function `[B, p] -> [B, k]` at one point, by one tape.

    Not by `GradientTape.jacobian`: in TensorFlow 2.21 its vectorization crashes the process when
    Python collects garbage at the wrong moment, with any compiled function that multiplies
    matrices.
    """
    count = function(tf.constant(x[None])).shape[1]
    points = tf.constant(np.tile(x, (count, 1)))
    with tf.GradientTape() as tape:
        tape.watch(points)
        chosen = tf.linalg.trace(function(points))
    return tape.gradient(chosen, points).numpy()


def tape_hessians(
    function: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray, count: int
) -> np.ndarray:
    """`[k, p, p]` for a function `[B, p] -> [B, k]` at one point, by one tape in another.

    A row for each value and each of its slopes, so that the function is called once.

    Args:
        function: of `B = k p` rows.
        x: `[p]`.
        count: k.
    """
    size = len(x)
    points = tf.constant(np.tile(x, (count * size, 1)))
    value = np.repeat(np.eye(count, dtype=x.dtype), size, axis=0)
    slope = np.tile(np.eye(size, dtype=x.dtype), (count, 1))
    with tf.GradientTape() as outer:
        outer.watch(points)
        with tf.GradientTape() as inner:
            inner.watch(points)
            values = tf.reduce_sum(function(points) * value)
        chosen = tf.reduce_sum(inner.gradient(values, points) * slope)
    return outer.gradient(chosen, points).numpy().reshape(count, size, size)


def tape_hessian(function: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray) -> np.ndarray:
    """`[p, p]` for a function `[B, p] -> [B]` at one point, by a tape in a tape."""
    return tape_hessians(lambda points: function(points)[:, None], x, 1)[0]


def assert_rows_of_structure_are_independent(structure: Parameterization, x: np.ndarray) -> None:
    """Levels, first and second derivatives of 37 rows, to the last bit, in one small graph."""
    assert len(x) == 37
    spec = tf.TensorSpec([None, structure.num_parameters], tf.as_dtype(x.dtype))

    @tf.function(input_signature=[spec], autograph=False)
    def everything(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        values, vectors, finite = structure.eigensystem(rows)
        slopes = structure.level_jacobian(rows, vectors)
        weights = WeightedLevels(values, tf.reduce_sum(slopes, 2))
        spectrum = structure.spectrum(rows)
        return {
            "values": values,
            "finite": finite,
            "slopes": slopes,
            "second": structure.level_curvature(rows, vectors, weights),
            "spectrum": spectrum,
            "gradient": tf.gradients(spectrum, rows)[0],
        }

    together = everything(tf.constant(x))
    assert together["finite"].numpy().any()
    for rows in ([0], [36], [3, 4], list(range(5, 36))):
        alone = everything(tf.constant(x[rows]))
        for name, found in together.items():
            np.testing.assert_array_equal(alone[name], found.numpy()[rows], err_msg=name)
