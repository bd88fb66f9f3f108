"""The Levenberg-Marquardt method, row by row, with Nielsen's damping."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..checks import is_number
from ..linalg.graded import UNEVEN, UNEVEN_CURVATURE
from ..objective.evaluation import Point, within_bounds
from ..objective.hessian import Curvature
from ..rowwise.axes import new_axis
from ..rowwise.products import matmul_rows
from ..rowwise.tables import on_rows, select_rows
from .curved_steps import curved_steps, residual_stays
from .uneven_step import led_back, uneven_step

# Least mu after a failed step, relative to the squared scale of the parameters. Successful steps
# make mu tiny; growing from there would take many failures.
_DAMPING_AFTER_FAILURE = 3e-2
# Above this gain ratio the linear model is taken as accurate.
_GOOD_GAIN = 0.75


class LevenbergMarquardtState(NamedTuple):
    """The loop variable.

    Attributes:
        point: the accepted point.
        trial: `[R, p]`, the parameters to evaluate next.
        stalled: `[R]`, bool.
        broken: `[R]`, bool.
        scales: `[R, p]`, the scale of each parameter: the largest column norm so far.
        damping: `[R]`, mu.
        growth: `[R]`, nu, the factor of mu at the next failure.
        least: `[R]`, the least mu if the trial fails.
        predicted: `[R]`, the decrease of the loss that the model predicts for the trial.
        curves_up: `[R]`, bool, whether the Hessian at the accepted point is known to have no
            negative eigenvalue.
    """

    point: Point
    trial: tf.Tensor
    stalled: tf.Tensor
    broken: tf.Tensor
    scales: tf.Tensor
    damping: tf.Tensor
    growth: tf.Tensor
    least: tf.Tensor
    predicted: tf.Tensor
    curves_up: tf.Tensor


def next_damping(
    damping: tf.Tensor, growth: tf.Tensor, gain: tf.Tensor, accepted: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Nielsen's update of mu and nu (Damping Parameter in Marquardt's Method, 1999, eq. 2.5).

    After success `mu max(1/3, 1 - (2 gain - 1)^3)` and `nu = 2`; after failure `mu nu` and `2 nu`.
    All arguments and results are `[R]`.
    """
    centred = 2.0 * gain - 1.0
    success = damping * tf.maximum(1.0 - centred * centred * centred, 1.0 / 3.0)
    return (
        tf.where(accepted, success, damping * growth),
        tf.where(accepted, tf.constant(2.0, growth.dtype), 2.0 * growth),
    )


def follow_residual(
    damping: tf.Tensor,
    before: tf.Tensor,
    gain: tf.Tensor,
    accepted: tf.Tensor,
    shrinkage: tf.Tensor,
    least: tf.Tensor | float = _DAMPING_AFTER_FAILURE,
) -> tf.Tensor:
    """Shrink mu with the residual while the gain ratio exceeds 0.75; keep a minimum after failure.

    Mu then decreases at least as fast as the residual, which makes the convergence quadratic
    (Yamashita & Fukushima, Computing Suppl. 15 (2001) 239).

    Args:
        damping: `[R]`, Nielsen's mu.
        before: `[R]`, mu of the step that was taken.
        gain: `[R]`, the gain ratio of that step.
        accepted: `[R]`, bool, whether it succeeded.
        shrinkage: `[R]`, the norm of the residual after the step over that before.
        least: `[R]`, the least mu after a failure, 3e-2 by default.

    Returns:
        `[R]`, mu.
    """
    quick = tf.minimum(damping, before * shrinkage)
    success = tf.where(gain > _GOOD_GAIN, quick, damping)
    return tf.where(accepted, success, tf.maximum(damping, least))


def compare(point: Point, trial: Point, scales: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Whether the trial is better, and whether the losses agree to within rounding.

    Near a minimum with nonzero residual the decrease of the loss falls below its rounding error
    long before the gradient vanishes. There the point with the smaller scaled gradient is better.

    Args:
        point: the accepted point.
        trial: the evaluated trial.
        scales: `[R, p]`, the scale of each parameter.

    Returns:
        Whether the trial is better, `[R]` bool, and whether the losses agree, `[R]` bool.
    """
    units = tf.where(scales > 0, scales, 1.0)
    before = tf.reduce_sum((point.gradient / units) ** 2, axis=-1)
    after = tf.reduce_sum((trial.gradient / units) ** 2, axis=-1)
    started = point.loss < point.loss.dtype.max
    even = started & (tf.abs(trial.loss - point.loss) <= point.noise)
    return tf.where(even, after < before, trial.loss < point.loss), even


def damped_step(
    jacobian: tf.Tensor, residual: tf.Tensor, gradient: tf.Tensor, damping: tf.Tensor
) -> tf.Tensor:
    """The Levenberg-Marquardt step `(J^T J + mu I)^-1 J^T r`.

    With more parameters than levels the equal but smaller form `J^T (J J^T + mu I)^-1 r` is solved.

    Args:
        jacobian: `[R, m, p]`.
        residual: `[R, m]`.
        gradient: `[R, p]`, `J^T r`.
        damping: `[R]`, positive, so that the system is never singular.

    Returns:
        `[R, p]`.
    """
    levels, count = jacobian.shape[1:]
    diagonal = tf.reshape(damping, [-1, 1, 1]) * tf.eye(min(levels, count), dtype=jacobian.dtype)
    if count <= levels:
        normal = matmul_rows(jacobian, jacobian, transpose_a=True) + diagonal
        return tf.squeeze(tf.linalg.solve(normal, new_axis(gradient, 2)), 2)
    normal = matmul_rows(jacobian, jacobian, transpose_b=True) + diagonal
    multipliers = tf.squeeze(tf.linalg.solve(normal, new_axis(residual, 2)), 2)
    return tf.linalg.matvec(jacobian, multipliers, transpose_a=True)


def predicted_decrease(point: Point, step: tf.Tensor) -> tf.Tensor:
    """`2 g^T h - |J h|^2`, `[R]`: the decrease of the linear model for the step `h` `[R, p]`."""
    along = tf.linalg.matvec(point.jacobian, step)
    return 2.0 * tf.reduce_sum(point.gradient * step, axis=-1) - tf.reduce_sum(along**2, axis=-1)


class LevenbergMarquardt:
    """Levenberg-Marquardt: damped Gauss-Newton steps; the default method.

    Parameters are scaled by their effect on the matrix: the Frobenius norm of dA/dx for affine
    structures, else Marquardt's running maximum of the Jacobian's column norms. So parameters of
    very different size need no scaling by the user. The first step is almost undamped; the damping
    follows Nielsen's gain ratio from the first step that fails.

    Rows whose weights differ by more than a factor of a thousand are solved by singular values,
    which keep the information in data of small weight, and the damping may fall as far as those
    data require. Data of large weight make the valley of the loss narrow: a step that leaves it
    gets a second-order correction before it counts as failed.

    A row whose loss decreases only slightly has a nonzero residual at the minimum. It continues
    with Newton steps, with exact second derivatives, so that it converges quadratically too; not
    with more parameters than data, or with such weights.

    Example:
        >>> LevenbergMarquardt(initial_damping=1e-2).initial_damping
        0.01
    """

    default_max_steps = 200
    default_starts = 128
    needs_hessian = False
    uses_curvature = True

    def __init__(self, initial_damping: float = 1e-10):
        """Set the damping of the first step.

        Args:
            initial_damping: mu at the start, relative to the squared scale of the parameters.

        Raises:
            ValueError: if it is not positive and finite.
        """
        if not is_number(initial_damping) or not 0 < initial_damping < np.inf:
            raise ValueError(
                "LevenbergMarquardt: initial_damping must be a positive number, "
                f"got {initial_damping!r}."
            )
        self.initial_damping = float(initial_damping)

    def init(self, start: tf.Tensor, point: Point, scales: tf.Tensor) -> LevenbergMarquardtState:
        """The state before the first evaluation; see `Method.init`."""
        rows = tf.zeros_like(point.loss)
        no = tf.zeros_like(point.loss, tf.bool)
        return LevenbergMarquardtState(
            point=point,
            trial=start,
            stalled=no,
            broken=no,
            scales=scales,
            damping=rows + tf.constant(self.initial_damping, rows.dtype),
            growth=rows + 2.0,
            least=rows,
            predicted=rows + 1.0,
            curves_up=no,
        )

    def step(
        self,
        state: LevenbergMarquardtState,
        trial: Point,
        active: tf.Tensor,
        curvature: Curvature | None = None,
        curved: tf.Tensor | None = None,
    ) -> LevenbergMarquardtState:
        """One step of every row; see `Method.step`."""
        epsilon = np.finfo(trial.loss.dtype.as_numpy_dtype).eps
        first = state.point.loss == trial.loss.dtype.max
        better, even = compare(state.point, trial, state.scales)
        accepted = active & better
        gain = (state.point.loss - trial.loss) / state.predicted
        # Where the losses agree to within rounding, a smaller gradient counts as a gain ratio of 1.
        gain = tf.where(even, tf.constant(1.0, gain.dtype), gain)
        shrinkage = tf.sqrt(trial.loss / state.point.loss)
        raised, growth = next_damping(state.damping, state.growth, gain, accepted)
        followed = follow_residual(raised, state.damping, gain, accepted, shrinkage, state.least)
        followed = tf.where(first, state.damping, followed)
        damping = tf.maximum(followed, tf.constant(16.0 * epsilon, followed.dtype))
        growth = tf.where(first, state.growth, growth)
        point = select_rows(accepted, trial, state.point)
        larger = tf.maximum(state.scales, trial.column_norms)
        scales = select_rows(accepted, larger, state.scales)

        units = tf.where(scales > 0, scales, 1.0)
        jacobian = point.jacobian / new_axis(units, 1)
        gradient = point.gradient / units
        scaled = damped_step(jacobian, point.residual, gradient, damping)
        predicted = tf.reduce_sum(scaled * (new_axis(damping, 1) * scaled + gradient), axis=-1)
        curves_up = state.curves_up & ~accepted
        uneven = point.spread < UNEVEN
        slow = tf.zeros_like(uneven)
        if curvature is not None:
            slow = ~first & ~uneven & residual_stays(state.point, trial, accepted)
            slow = slow if curved is None else slow & curved
        # The least mu set by a failed Newton step holds until a step succeeds.
        usually = tf.constant(_DAMPING_AFTER_FAILURE, damping.dtype)
        least = tf.where(first | accepted, usually, state.least)
        usual = (scaled, predicted, damping, least, curves_up)

        def with_curvature(
            rows: tf.Tensor, spread: tf.Tensor, *others: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            assert curvature is not None
            with tf.name_scope("curved"):
                step, gains, lowest, curves = curved_steps(curvature.of_rows(rows), *others)
            return step, gains, lowest, curves & (spread >= UNEVEN_CURVATURE)

        def unusual() -> tuple[tf.Tensor, ...]:
            wanted = (jacobian, point.residual, point.spread, followed, first, accepted)
            found = on_rows(uneven, usual[:4], wanted, uneven_step)
            failed = uneven & active & ~accepted & ~first
            back, step = led_back(state.point, trial, units, state.growth, failed)
            kept = (step, state.predicted, state.damping, state.least)
            step, gains, mu, lowest = select_rows(back, kept, found)
            found = (step, gains, lowest, curves_up)
            if curvature is not None:
                rows = tf.range(tf.size(slow))
                others = (units, gradient, damping, point.loss, point.column_norms)
                found = on_rows(slow, found, (rows, point.spread, *others), with_curvature)
            step, gains, lowest, curves = found
            return step, gains, mu, lowest, curves

        scaled, predicted, damping, least, curves_up = tf.cond(
            tf.reduce_any(uneven | slow), unusual, lambda: usual
        )
        next_trial = point.parameters + scaled / units
        usable = tf.math.is_finite(predicted)
        if point.bounded:
            next_trial = within_bounds(point, next_trial)
            # The linear model, for Newton steps too; this only makes their damping larger.
            predicted = predicted_decrease(point, next_trial - point.parameters)
        moved = tf.reduce_any(next_trial != point.parameters, axis=-1)
        return LevenbergMarquardtState(
            point=point,
            trial=select_rows(usable, next_trial, point.parameters),
            stalled=~(moved & usable) | (damping * epsilon > 1.0),
            broken=first & ~accepted,
            scales=scales,
            damping=damping,
            growth=growth,
            least=least,
            predicted=tf.maximum(predicted, np.finfo(predicted.dtype.as_numpy_dtype).tiny),
            curves_up=curves_up,
        )
