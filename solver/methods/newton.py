"""Newton's method on the loss, with exact second derivatives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..checks import is_number
from ..linalg.graded import UNEVEN
from ..objective.evaluation import Point, within_bounds
from ..rowwise.axes import new_axis
from ..rowwise.tables import on_rows, select_rows
from .levenberg_marquardt import compare, next_damping
from .modified_step import modified_step
from .uneven_step import led_back, uneven_step


class NewtonState(NamedTuple):
    """The loop variable.

    Attributes:
        point: the accepted point.
        trial: `[R, p]`, the parameters to evaluate next.
        stalled: `[R]`, bool.
        broken: `[R]`, bool.
        saddle: `[R]`, bool, whether the Hessian at the point has a negative eigenvalue, so that a
            vanishing gradient is not a minimum.
        scales: `[R, p]`, the scale of each parameter: the largest column norm so far.
        damping: `[R]`, mu before its scaling by the gradient's norm relative to `reference`.
        growth: `[R]`, nu, the factor of mu at the next failure.
        least: `[R]`, the least mu if the trial fails.
        predicted: `[R]`, the decrease of the loss that the quadratic model predicts for the trial.
        reference: `[R]`, the norm of the scaled gradient at the start.
    """

    point: Point
    trial: tf.Tensor
    stalled: tf.Tensor
    broken: tf.Tensor
    saddle: tf.Tensor
    scales: tf.Tensor
    damping: tf.Tensor
    growth: tf.Tensor
    least: tf.Tensor
    predicted: tf.Tensor
    reference: tf.Tensor


def predicted_decrease(point: Point, step: tf.Tensor) -> tf.Tensor:
    """`2 g^T h - h^T H h`, `[R]`: the decrease of the quadratic model for the step `h` `[R, p]`."""
    along = tf.linalg.matvec(point.hessian, step)
    return tf.reduce_sum((2.0 * point.gradient - along) * step, axis=-1)


class Newton:
    """Regularized Newton's method with the exact Hessian of the loss.

    Converges quadratically also with a nonzero residual, and to degenerate targets, where the
    Hessian has the terms of method I of Friedland, Nocedal & Overton (SIAM J. Numer. Anal. 24,
    1987) for multiple eigenvalues. Saddles are left along their negative curvature. A step costs
    more than that of `LevenbergMarquardt`: `n^2 p^2` operations for the second derivatives, and
    `p^3` for the eigendecomposition of the Hessian.

    Rows whose weights differ by more than a factor of a thousand take the damped Gauss-Newton steps
    of `LevenbergMarquardt`: in the Hessian, data of small weight are lost to rounding.

    The damping is proportional to the norm of the gradient (Li, Fukushima, Qi & Yamashita, Comput.
    Optim. Appl. 28, 2004); its factor follows Nielsen's gain ratio.

    Example:
        >>> solver = SpectralSolver(Toeplitz(2), Newton())
        >>> solver.fit([[1.0, 3.0]], initial=[[0.0, 0.5]]).parameters.numpy().round(9).tolist()
        [[2.0, 1.0]]
    """

    default_max_steps = 200
    default_starts = 128
    needs_hessian = True

    def __init__(self, initial_damping: float = 1e-3):
        """Set the damping of the first step.

        Args:
            initial_damping: mu at the start, relative to the squared scale of the parameters.

        Raises:
            ValueError: if it is not positive and finite.
        """
        if not is_number(initial_damping) or not 0 < initial_damping < np.inf:
            raise ValueError(
                f"Newton: initial_damping must be a positive number, got {initial_damping!r}; "
                "1e-3 is usual."
            )
        self.initial_damping = float(initial_damping)

    def init(self, start: tf.Tensor, point: Point, scales: tf.Tensor) -> NewtonState:
        """The state before the first evaluation; see `Method.init`."""
        rows = tf.zeros_like(point.loss)
        no = tf.zeros_like(point.loss, tf.bool)
        return NewtonState(
            point=point,
            trial=start,
            stalled=no,
            broken=no,
            saddle=no,
            scales=scales,
            damping=rows + tf.constant(self.initial_damping, rows.dtype),
            growth=rows + 2.0,
            least=rows,
            predicted=rows + 1.0,
            reference=rows,
        )

    def step(self, state: NewtonState, trial: Point, active: tf.Tensor) -> NewtonState:
        """One step of every row; see `Method.step`."""
        epsilon = np.finfo(trial.loss.dtype.as_numpy_dtype).eps
        tiny = np.finfo(trial.loss.dtype.as_numpy_dtype).tiny
        first = state.point.loss == trial.loss.dtype.max
        better, even = compare(state.point, trial, state.scales)
        accepted = active & better
        gain = (state.point.loss - trial.loss) / state.predicted
        # Where the losses agree to within rounding, a gain ratio of 1/2 keeps mu unchanged.
        gain = tf.where(even, tf.constant(0.5, gain.dtype), gain)
        raised, growth = next_damping(state.damping, state.growth, gain, accepted)
        floor = tf.constant(16.0 * epsilon, raised.dtype)
        damping = tf.maximum(tf.where(first, state.damping, raised), floor)
        growth = tf.where(first, state.growth, growth)
        point = select_rows(accepted, trial, state.point)
        larger = tf.maximum(state.scales, trial.column_norms)
        scales = select_rows(accepted, larger, state.scales)

        units = tf.where(scales > 0, scales, 1.0)
        gradient = point.gradient / units
        size = tf.sqrt(tf.reduce_sum(gradient * gradient, axis=-1))
        reference = tf.where(first, size, state.reference)
        shrink = tf.where(size < reference, size / tf.maximum(reference, tiny), 1.0)
        found = modified_step(
            point.hessian / (new_axis(units, 2) * new_axis(units, 1)),
            gradient,
            tf.maximum(damping * shrink, floor),
            tf.sqrt(point.loss),
        )
        next_trial = within_bounds(point, point.parameters + found.step / units)
        predicted = predicted_decrease(point, next_trial - point.parameters)
        uneven = point.spread < UNEVEN

        def with_light_data(
            point: Point, units: tf.Tensor, raised: tf.Tensor, least: tf.Tensor, *rest: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            accepted, first, initial = rest
            followed = tf.where(accepted, raised, tf.maximum(raised, least))
            followed = tf.where(first, initial, followed)
            jacobian = point.jacobian / new_axis(units, 1)
            wanted = (jacobian, point.residual, point.spread, followed, first, accepted)
            step, *others = uneven_step(*wanted)
            return within_bounds(point, point.parameters + step / units), *others

        def unusual() -> tuple[tf.Tensor, ...]:
            wanted = (point, units, raised, state.least, accepted, first, state.damping)
            found = on_rows(uneven, usual, wanted, with_light_data)
            failed = uneven & active & ~accepted & ~first
            back, step = led_back(state.point, trial, units, state.growth, failed)
            there = within_bounds(state.point, state.point.parameters + step / units)
            return select_rows(back, (there, state.predicted, state.damping, state.least), found)

        usual = (next_trial, predicted, damping, tf.zeros_like(damping))
        next_trial, predicted, damping, least = tf.cond(
            tf.reduce_any(uneven), unusual, lambda: usual
        )
        moved = tf.reduce_any(next_trial != point.parameters, axis=-1)
        usable = tf.reduce_all(tf.math.is_finite(next_trial), axis=-1)
        return NewtonState(
            point=point,
            trial=select_rows(usable, next_trial, point.parameters),
            stalled=~moved | ~usable | (damping * epsilon > 1.0),
            broken=first & ~accepted,
            saddle=found.saddle,
            scales=scales,
            damping=damping,
            growth=growth,
            least=least,
            predicted=tf.maximum(predicted, tiny),
            reference=reference,
        )
