"""Damped steps of rows with some very light data, which `J^T J` would lose."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..graded import damped, decompose

# A step that fails is damped at least so much the next time, relative to its own effect.
_DAMPING_AFTER_FAILURE = 3e-2


def uneven_step(
    jacobian: tf.Tensor,
    residual: tf.Tensor,
    spread: tf.Tensor,
    damping: tf.Tensor,
    before: tf.Tensor,
    predicted: tf.Tensor,
    moved: tf.Tensor,
    accepted: tf.Tensor,
    first: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A step of Levenberg and Marquardt by the singular values of the Jacobian.

    What damps the heavy data hardly, freezes the light ones. So the damping after a failure is
    relative to the effect of the step that failed, `|J h|^2 / |h|^2`, and it may fall as far as
    the light data need it.

    Args:
        jacobian: `[R, M, p]`, at the accepted point, by scaled parameters.
        residual: `[R, M]`.
        spread: `[R]`, the smallest weight as a share of the largest.
        damping: `[R]`, mu as it follows from the gain of the step before.
        before: `[R]`, mu of that step.
        predicted: `[R]`, the decrease of the loss that was predicted for it.
        moved: `[R, p]`, that step, in scaled parameters.
        accepted: `[R]` bool, whether it succeeded.
        first: `[R]` bool, whether there was none.

    Returns:
        The step `[R, p]`, in scaled parameters; `[R]`, the decrease of the loss that the linear
        model predicts; and `[R]`, mu.
    """
    epsilon = np.finfo(damping.dtype.as_numpy_dtype).eps
    square = spread * spread
    length = tf.reduce_sum(moved * moved, axis=-1)
    # |J h|^2 = g^T h - mu |h|^2, and g^T h + mu |h|^2 was predicted.
    effect = tf.math.divide_no_nan(predicted, length) - 2.0 * before
    least = _DAMPING_AFTER_FAILURE * tf.maximum(effect, 0.0)
    damping = tf.where(accepted, damping, tf.maximum(damping, least))
    damping = tf.where(first, before * square, damping)
    damping = tf.maximum(damping, 16.0 * epsilon * square)
    graded = decompose(jacobian, residual)
    return (*damped(graded, damping), damping)
