"""Newton's step where the Hessian may have negative eigenvalues, and where least squares take it.

With a nonzero residual the Hessian is not `J^T J`: Gauss-Newton steps then converge linearly, or
hardly at all where the second-order terms have the opposite sign. A row whose loss decreases only
slightly takes a step with the exact Hessian instead (the hybrid method of Fletcher & Xu, IMA J.
Numer. Anal. 7 (1987) 371, with Newton's step in place of BFGS).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..linalg.eigh import guarded_eigh
from ..objective.hessian import Curvature
from ..objective.point import Point
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.traced_once import traced_once

# Below this ratio of gradient to residual norm, a saddle is left along its negative curvature.
_FLAT = 1e-3
# Gradient component along the negative curvature at a saddle, in units of the residual norm.
_PUSH = 0.1
# A relative decrease of the loss below this indicates a nonzero residual at the minimum.
_LEAST_DECREASE = 0.2
# A loss counts as nonzero if its rounding error is below this share of it.
_ROUNDING = 1e-3


class ModifiedStep(NamedTuple):
    """A step, and what is known of the Hessian.

    Attributes:
        step: `[R, p]`.
        saddle: `[R]` bool, whether H has an eigenvalue that is negative beyond rounding.
        convex: `[R]` bool, whether H is positive definite beyond rounding.
    """

    step: tf.Tensor
    saddle: tf.Tensor
    convex: tf.Tensor


@traced_once
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
    lowest = tf.reduce_min(values, axis=-1)
    largest = tf.reduce_max(tf.abs(values), axis=-1)
    clear = largest * np.cbrt(epsilon)
    saddle, convex = finite & (lowest < -clear), finite & (lowest > clear)
    flat = tf.reduce_sum(gradient * gradient, axis=-1) <= (_FLAT * residual) ** 2
    along, *others = tf.unstack(share, axis=1)
    push = tf.maximum(tf.abs(along), _PUSH * residual)
    push = tf.where(along < 0, -push, push)
    push = tf.where(saddle & flat, push, along)
    share = tf.stack([push, *others], axis=1)
    step = tf.linalg.matvec(vectors, share / (tf.abs(values) + new_axis(damping, 1)))
    return ModifiedStep(step, saddle, convex)


def residual_stays(point: Point, trial: Point, accepted: tf.Tensor) -> tf.Tensor:
    """`[R]` bool, whether an accepted step lowered the loss only slightly (Fletcher & Xu, 2.5).

    False where the loss is not clearly above its rounding error.
    """
    little = trial.loss > (1.0 - _LEAST_DECREASE) * point.loss
    return accepted & little & (trial.noise < _ROUNDING * trial.loss)


def curved_steps(
    curvature: Curvature,
    units: tf.Tensor,
    gradient: tf.Tensor,
    damping: tf.Tensor,
    loss: tf.Tensor,
    norms: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Modified Newton steps in scaled parameters (`modified_step`).

    Args:
        curvature: at the accepted points.
        units: `[S, p]`, the scale of each parameter.
        gradient: `[S, p]`, minus half the gradient of the loss, by scaled parameters.
        damping: `[S]`, mu.
        loss: `[S]`.
        norms: `[S, p]`, the column norms of the Jacobian; 0 for a parameter without effect or held
            by its bound, which does not move.

    Returns:
        The step `[S, p]`; the decrease of the loss that the quadratic model predicts, `[S]`; the
        curvature along the step, `|h^T H h| / h^T h`, `[S]`, the least mu if the step fails; and
        `[S]` bool, whether the Hessian is positive definite beyond rounding and every column norm
        is positive.
    """
    inverse = tf.where(norms > 0, reciprocal(units), 0.0)
    hessian = curvature.hessian() * new_axis(inverse, 2) * new_axis(inverse, 1)
    step, _, convex = modified_step(hessian, gradient, damping, tf.sqrt(loss))
    bend = tf.linalg.matvec(hessian, step)
    # A zero column of the Jacobian proves nothing: the parameter may act to second order.
    curves_up = convex & tf.reduce_all(norms > 0, axis=-1)
    predicted = tf.reduce_sum((2.0 * gradient - bend) * step, axis=-1)
    length = tf.reduce_sum(step * step, axis=-1)
    along = tf.math.divide_no_nan(tf.abs(tf.reduce_sum(bend * step, axis=-1)), length)
    return step, predicted, along, curves_up
