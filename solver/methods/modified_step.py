"""Newton's step where the Hessian may have negative eigenvalues."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..linalg.eigh import guarded_eigh
from ..rowwise.axes import new_axis

# At a gradient below this share of the residual, negative curvature shows the way.
_FLAT = 1e-3
# The length of the step off a saddle, in units of the residual.
_PUSH = 0.1


class ModifiedStep(NamedTuple):
    """A step `[R, p]`, and `[R]` bool, whether the curvature is clearly negative somewhere."""

    step: tf.Tensor
    saddle: tf.Tensor


def modified_step(
    hessian: tf.Tensor, gradient: tf.Tensor, damping: tf.Tensor, residual: tf.Tensor
) -> ModifiedStep:
    """`Q (|Lambda| + mu I)^-1 Q^T g` with `H = Q Lambda Q^T`.

    Nocedal & Wright, Numerical Optimization, 2006, section 3.4 (eigenvalue modification). With
    magnitudes instead of eigenvalues each step leads downhill, and away from saddles. On a saddle
    itself, where the gradient has nearly no component along the direction of the most negative
    curvature, it is given one (section 3.4 there, directions of negative curvature).

    Args:
        hessian: `[R, p, p]`, half of that of the loss.
        gradient: `[R, p]`, minus half of that of the loss.
        damping: `[R]`, mu, positive.
        residual: `[R]`, the root of the loss: the size that a gradient may have here.

    Returns:
        The `ModifiedStep`.
    """
    epsilon = np.finfo(hessian.dtype.as_numpy_dtype).eps
    values, vectors, finite = guarded_eigh(hessian)
    share = tf.linalg.matvec(vectors, gradient, transpose_a=True)
    lowest = values[:, 0]
    clear = tf.reduce_max(tf.abs(values), axis=-1) * np.cbrt(epsilon)
    saddle = finite & (lowest < -clear)
    flat = tf.reduce_sum(gradient * gradient, axis=-1) <= (_FLAT * residual) ** 2
    push = tf.maximum(tf.abs(share[:, 0]), _PUSH * residual)
    push = tf.where(share[:, 0] < 0, -push, push)
    push = tf.where(saddle & flat, push, share[:, 0])
    share = tf.concat([new_axis(push, 1), share[:, 1:]], axis=1)
    step = tf.linalg.matvec(vectors, share / (tf.abs(values) + new_axis(damping, 1)))
    return ModifiedStep(step, saddle)
