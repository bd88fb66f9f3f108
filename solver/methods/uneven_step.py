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
    initial: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """A step of Levenberg and Marquardt by the singular values of the Jacobian.

    What damps the heavy data hardly, freezes the light ones. So the damping may fall as far as the
    light data need it, and after a failure it is relative to the effect of the step that failed.

    Args:
        jacobian: `[R, M, p]`, at the accepted point, by scaled parameters.
        residual: `[R, M]`.
        spread: `[R]`, the smallest weight as a share of the largest.
        damping: `[R]`, mu as it follows from the gain of the step before.
        initial: `[R]` bool, whether there was none.

    Returns:
        The step `[R, p]`, in scaled parameters; `[R]`, the decrease of the loss that the linear
        model predicts; `[R]`, mu; and `[R]`, what mu is to be at least if the step fails.
    """
    epsilon = np.finfo(damping.dtype.as_numpy_dtype).eps
    square = spread * spread
    damping = tf.where(initial, damping * square, damping)
    damping = tf.maximum(damping, 16.0 * epsilon * square)
    graded = decompose(jacobian, residual)
    step, predicted, effect = damped(graded, damping)
    return step, predicted, damping, _DAMPING_AFTER_FAILURE * effect
