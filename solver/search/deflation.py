"""A way to another minimum: Gauss-Newton steps on a residual that grows near known minima.

The residual times `mu(x) = prod_k (1 / |x - x_k|^2 + 1)` keeps its zeros, but for the known points
`x_k`. With h the Gauss-Newton step of the residual and `e = grad log mu`, that of the product is
`h / (1 - e^T h)` (Bloor Riley, Webb & Baker, arXiv 2409.14438, the "good" deflated method; by
Sherman & Morrison): the same direction, but away from a known minimum where h leads to one. Where
such steps end, the method takes over without deflation.

Lengths are in units of a share of the levels: the smaller it is, the nearer deflation acts.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..methods.levenberg_marquardt import damped_step
from ..objective.evaluation import evaluate, known_effects
from ..objective.model import Data
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import over_root, reciprocal
from ..rowwise.loops import loop
from ..settings import Settings
from .basin_hopping import distance_from_mean

# The shares, in turn. Of the spin levels of Mn12 all four minima are found from one start with the
# first in five runs, and with ten times as much three of them in eight runs.
_SHARES = (0.01, 0.1, 0.001)
_MOST_STEPS = 40
# The longest step, as a share of the levels, and the shortest that is worth another.
_LONGEST, _SHORTEST = 0.3, 1e-6
# What keeps the system from being singular, relative to the squared scale of the parameters: so
# much, and so many rounding errors.
_DAMPING, _ROUNDING = 1e-10, 16.0


def deflated_walk(
    settings: Settings,
    data: Data,
    start: tf.Tensor,
    known: tf.Tensor,
    there: tf.Tensor,
    run: tf.Tensor,
    limit: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Where deflated steps lead.

    Args:
        settings: the problem.
        data: of `R` rows.
        start: `[R, p]`.
        known: `[R, K, p]`, finite, where minima are known.
        there: `[R, K]` bool, whether there is one in this place.
        run: scalar, int32, the number of the run, which chooses the unit of length.
        limit: `[R]`, int32, the most steps.

    Returns:
        `[R, p]`, and `[R]`, int32, how many steps were taken.
    """
    first = evaluate(settings.model, start, data)
    units = tf.maximum(known_effects(settings.model, data), first.column_norms)
    units = tf.where(units > 0, units, tf.ones_like(units))
    size = distance_from_mean(data)[:, 0]
    targets = tf.where(data.weights > 0, data.targets, tf.zeros_like(data.targets))
    size = tf.where(size > 0, size, tf.norm(targets, axis=-1))  # where all targets are equal
    size *= tf.reduce_max(data.weights, axis=-1)
    share = tf.gather(tf.constant(_SHARES, start.dtype), run % len(_SHARES))
    length = tf.where(size > 0, share * size, tf.ones_like(size))

    def slope(x: tf.Tensor) -> tf.Tensor:
        """The gradient of log mu in these units, `[R, p]`."""
        away = (new_axis(x, 1) - known) * new_axis(units, 1) / tf.reshape(length, [-1, 1, 1])
        square = tf.reduce_sum(away * away, axis=-1)
        # A known point itself has no direction away from it.
        apart = there & (square > 0)
        factor = reciprocal(tf.where(apart, square * (square + 1.0), tf.ones_like(square)))
        factor = tf.where(apart, -2.0 * factor, tf.zeros_like(factor))
        return tf.reduce_sum(tf.transpose(away * new_axis(factor, 2), [0, 2, 1]), -1)

    def unfinished(x: tf.Tensor, steps: tf.Tensor, moving: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
        del x, steps
        return tf.reduce_any(moving) & (turn < _MOST_STEPS)

    def one_step(x: tf.Tensor, steps: tf.Tensor, moving: tf.Tensor, turn: tf.Tensor) -> tuple:
        point = evaluate(settings.model, x, data)
        epsilon = np.finfo(x.dtype.as_numpy_dtype).eps
        # The columns of this Jacobian are at most 1 long.
        scales = tf.maximum(units, point.column_norms)
        jacobian, gradient = point.jacobian / new_axis(scales, 1), point.gradient / scales
        damping = tf.zeros_like(size) + max(_DAMPING, _ROUNDING * epsilon)
        step = damped_step(jacobian, point.residual, gradient, damping) * (units / scales)
        short = tf.norm(step, axis=-1) <= _SHORTEST * size
        # Slopes are in units of the length, steps in those of the levels.
        along = tf.reduce_sum(slope(x) * step, axis=-1) / length
        factor = 1.0 - along
        factor = tf.where(tf.abs(factor) > epsilon, factor, tf.constant(epsilon, x.dtype))
        step = step * new_axis(reciprocal(factor), 1)
        norm = tf.norm(step, axis=-1)
        usable = tf.math.is_finite(norm) & (point.loss < point.loss.dtype.max)
        long = usable & (norm > _LONGEST * size)
        limited = over_root(step * new_axis(_LONGEST * size, 1), new_axis(norm, 1))
        step = tf.where(new_axis(long, 1), limited, step)
        following = x + step / units
        if data.bounded:
            following = tf.maximum(tf.minimum(following, data.upper), data.lower)
        steps += tf.cast(moving, tf.int32)
        goes = moving & usable & ~short
        x = tf.where(new_axis(goes, 1), following, x)
        return x, steps, goes & (steps < limit), turn + 1

    begun = tf.zeros_like(start[:, 0], tf.int32)
    variables = (start, begun, limit > 0, tf.constant(0))
    end, steps, *_ = loop(unfinished, one_step, variables)
    return end, steps
