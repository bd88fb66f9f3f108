"""Newton's step where the Hessian may have negative eigenvalues."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..linalg.eigh import guarded_eigh
from ..rowwise.axes import new_axis

# Below this ratio of gradient to residual norm, a saddle is left along its negative curvature.
_FLAT = 1e-3
# Gradient component along the negative curvature at a saddle, in units of the residual norm.
_PUSH = 0.1


class ModifiedStep(NamedTuple):
    """A step `[R, p]`, and `[R]` bool, whether H has an eigenvalue negative beyond rounding."""

    step: tf.Tensor
    saddle: tf.Tensor


def modified_step(
    hessian: tf.Tensor, gradient: tf.Tensor, damping: tf.Tensor, residual: tf.Tensor
) -> ModifiedStep:
    """The step `Q (|Lambda| + mu I)^-1 Q^T g` with `H = Q Lambda Q^T`.

    Nocedal & Wright, Numerical Optimization, 2006, section 3.4 (eigenvalue modification). With the
    magnitudes of the eigenvalues every step is a descent direction and leads away from saddles. At
    a saddle, where the gradient nearly vanishes, the component of g along the eigenvector of the
    most negative eigenvalue is raised to at least 0.1 of the residual norm.

    Args:
        hessian: `[R, p, p]`, half the Hessian of the loss.
        gradient: `[R, p]`, minus half the gradient of the loss.
        damping: `[R]`, mu, positive.
        residual: `[R]`, the square root of the loss, the scale of the gradient.

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
