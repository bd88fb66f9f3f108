"""Deflation: Gauss-Newton steps on a residual that diverges at the known minima.

The deflated residual is `mu(x) r(x)` with `mu(x) = prod_k (1 / |x - x_k|^2 + 1)`; it has the zeros
of r except the known points `x_k`. With h the Gauss-Newton step of r and `e = grad log mu`, the
step of the product is `h / (1 - e^T h)` (Bloor Riley, Webb & Baker, arXiv 2409.14438, the "good"
deflated method, by the Sherman-Morrison formula): the same direction, reversed where h leads to a
known minimum. From the end of these steps the method continues without deflation.

Distances are measured in a fraction of the spread of the levels; a smaller one makes deflation act
at shorter range.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..methods.levenberg_marquardt import damped_step
from ..objective.evaluation import evaluate
from ..objective.model import Data
from ..objective.scaling import known_effects
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import over_root, reciprocal
from ..rowwise.loops import loop
from ..settings import Settings
from .basin_hopping import weighted_spread

# The unit of length relative to the spread of the levels, in turn from run to run. On the spin
# levels of Mn12, from one start, 0.01 finds all four minima in five runs, 0.1 three in eight runs.
_SHARES = (0.01, 0.1, 0.001)
_MOST_STEPS = 40
# Longest step, and the length of the last one, relative to the spread of the levels.
_LONGEST, _SHORTEST = 0.3, 1e-6
# Damping of `J^T J + mu I` (columns of J at most 1 long), mu = max(_DAMPING, _ROUNDING * epsilon).
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
    """Take deflated Gauss-Newton steps until they are short.

    Args:
        settings: the problem.
        data: of `R` rows.
        start: `[R, p]`.
        known: `[R, K, p]`, finite, the known minima.
        there: `[R, K]` bool, which entries of `known` are minima; the others are ignored.
        run: scalar, int32, the number of the run, which chooses the unit of length.
        limit: `[R]`, int32, the largest number of steps.

    Returns:
        `[R, p]`, the end; and `[R]`, int32, the number of steps taken.
    """
    first = evaluate(settings.model, start, data)
    units = tf.maximum(known_effects(settings.model, data), first.column_norms)
    units = tf.where(units > 0, units, tf.ones_like(units))
    size = weighted_spread(settings, data)[:, 0]
    equal = tf.norm(data.weights * data.targets, axis=-1)  # if all targets are equal
    size = tf.where(size > 0, size, equal)
    share = tf.gather(tf.constant(_SHARES, start.dtype), run % len(_SHARES))
    length = tf.where(size > 0, share * size, tf.ones_like(size))

    def slope(x: tf.Tensor) -> tf.Tensor:
        """The gradient of `log mu`, `-2 d / (|d|^2 (|d|^2 + 1))` summed over k, `[R, p]`.

        `d = (x - x_k) * units / length`.
        """
        away = (new_axis(x, 1) - known) * new_axis(units, 1) / tf.reshape(length, [-1, 1, 1])
        square = tf.reduce_sum(away * away, axis=-1)
        # At a known minimum itself the gradient is undefined: 0.
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
        # Scaled so that the columns of the Jacobian have norms of at most 1.
        scales = tf.maximum(units, point.column_norms)
        jacobian, descent = point.jacobian / new_axis(scales, 1), point.descent / scales
        damping = tf.zeros_like(size) + max(_DAMPING, _ROUNDING * epsilon)
        step = damped_step(jacobian, point.residual, descent, damping) * (units / scales)
        short = tf.norm(step, axis=-1) <= _SHORTEST * size
        # The slope is per unit of length, the step in the unit of the weighted levels.
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
