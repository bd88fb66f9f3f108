"""The Levenberg-Marquardt method, row by row, with Nielsen's damping."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..checks import is_number
from ..linalg.eigh import identity
from ..linalg.graded import UNEVEN, UNEVEN_CURVATURE
from ..objective.point import Point
from ..rowwise.axes import new_axis
from ..rowwise.products import matmul_rows
from ..rowwise.tables import on_rows
from .descent import GRADIENT_TOLERANCE, Iteration, Method, Proposal
from .newton_step import curved_steps, residual_stays
from .uneven_step import light_steps

# Least mu after a failed step, relative to the squared scale of the parameters. Successful steps
# make mu tiny; growing from there would take many failures.
_DAMPING_AFTER_FAILURE = 3e-2
# Above this gain ratio the linear model is taken as accurate.
_GOOD_GAIN = 0.75
# A Newton step is short if its model predicts a decrease of the loss below this share of the loss
# per datum: a thousandth of a standard error.
_SHORT = 1e-6


class Damping(NamedTuple):
    """What a damped method keeps.

    Attributes:
        damping: `[R]`, mu.
        growth: `[R]`, nu, the factor of mu at the next failure.
        least: `[R]`, the least mu if the trial fails.
        predicted: `[R]`, the decrease of the loss that the model predicts for the trial.
        reference: `[R]`, the norm of the scaled gradient at the start, if mu is relative to it.
    """

    damping: tf.Tensor
    growth: tf.Tensor
    least: tf.Tensor
    predicted: tf.Tensor
    reference: Any = ()

    @classmethod
    def initial(cls, damping: float, point: Point) -> Damping:
        """Before the first step, with this mu."""
        rows = tf.zeros_like(point.loss)
        return cls(rows + tf.constant(damping, rows.dtype), rows + 2.0, rows, rows + 1.0)


def gain_ratio(iteration: Iteration, if_even: float) -> tf.Tensor:
    """`[R]`, the decrease of the loss over that predicted.

    `if_even` where the losses agree to within rounding and a smaller gradient was accepted.
    """
    state = iteration.state
    gain = (state.point.loss - iteration.trial.loss) / state.kept.predicted
    return tf.where(iteration.even, tf.constant(if_even, gain.dtype), gain)


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
    diagonal = tf.reshape(damping, [-1, 1, 1]) * identity(min(levels, count), jacobian.dtype)
    if count <= levels:
        normal = matmul_rows(jacobian, jacobian, transpose_a=True) + diagonal
        return tf.squeeze(tf.linalg.solve(normal, new_axis(gradient, 2)), 2)
    normal = matmul_rows(jacobian, jacobian, transpose_b=True) + diagonal
    multipliers = tf.squeeze(tf.linalg.solve(normal, new_axis(residual, 2)), 2)
    return tf.linalg.matvec(jacobian, multipliers, transpose_a=True)


def predicted_decrease(point: Point, step: tf.Tensor) -> tf.Tensor:
    """`2 g^T h - |J h|^2`, `[R]`: the decrease of the linear model for the step `h` `[R, p]`."""
    along = tf.linalg.matvec(point.jacobian, step)
    return 2.0 * tf.reduce_sum(point.descent * step, axis=-1) - tf.reduce_sum(along**2, axis=-1)


class LevenbergMarquardt(Method):
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
    with more parameters than data, or with such weights. Where the last of these steps is shorter
    than a thousandth of a standard error, the Hessian from which it came also tells that the end is
    a minimum.

    Example:
        >>> LevenbergMarquardt(initial_damping=1e-2).initial_damping
        0.01
    """

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

    def keeps(self, point: Point) -> Damping:
        """The first damping; see `Method.keeps`."""
        return Damping.initial(self.initial_damping, point)

    def propose(self, iteration: Iteration) -> Proposal:
        """A damped step, by Newton's Hessian or singular values if needed; see `Method.propose`."""
        state, trial, point = iteration.state, iteration.trial, iteration.point
        first, accepted, units = iteration.first, iteration.accepted, iteration.units
        old: Damping = state.kept
        epsilon = np.finfo(trial.loss.dtype.as_numpy_dtype).eps
        tiny = np.finfo(trial.loss.dtype.as_numpy_dtype).tiny

        # Where the losses agree to within rounding, a smaller gradient counts as a gain ratio of 1.
        gain = gain_ratio(iteration, 1.0)
        shrinkage = tf.sqrt(trial.loss / state.point.loss)
        raised, growth = next_damping(old.damping, old.growth, gain, accepted)
        followed = follow_residual(raised, old.damping, gain, accepted, shrinkage, old.least)
        followed = tf.where(first, old.damping, followed)
        damping = tf.maximum(followed, tf.constant(16.0 * epsilon, followed.dtype))
        growth = tf.where(first, old.growth, growth)
        # The least mu set by a failed Newton step holds until a step succeeds.
        least = tf.constant(_DAMPING_AFTER_FAILURE, damping.dtype)
        least = tf.where(first | accepted, least, old.least)

        descent = point.descent / units
        step = damped_step(point.jacobian / new_axis(units, 1), point.residual, descent, damping)
        predicted = tf.reduce_sum(step * (new_axis(damping, 1) * step + descent), axis=-1)
        curves_up = state.curves_up & ~accepted
        usual = (step, predicted, damping, least, curves_up)
        uneven = iteration.data.weight_ratio < UNEVEN
        slow = self._is_slow(iteration, uneven)

        def unusual() -> tuple[tf.Tensor, ...]:
            step, predicted, mu, least = light_steps(iteration, followed, usual[:4])
            found = (step, predicted, least, curves_up)
            if iteration.curvature is not None:
                ended = slow & _ended_by_a_short_step(iteration)
                found = (step, predicted, least, curves_up | ended)
                wanted = (
                    tf.range(tf.size(slow)),
                    iteration.data.weight_ratio,
                    units,
                    descent,
                    damping,
                )
                wanted = (*wanted, point.loss, point.column_norms)
                found = on_rows(slow & ~ended, found, wanted, functools.partial(_newton, iteration))
            step, predicted, least, curves = found
            return step, predicted, mu, least, curves

        step, predicted, damping, least, curves_up = tf.cond(
            tf.reduce_any(uneven | slow), unusual, lambda: usual
        )
        usable, following = tf.math.is_finite(predicted), iteration.moved(step / units)
        if iteration.data.bounded:
            # The linear model, for Newton steps too; this only makes their damping larger.
            predicted = predicted_decrease(point, following - point.parameters)
        return Proposal(
            trial=following,
            kept=Damping(damping, growth, least, tf.maximum(predicted, tiny)),
            stalled=damping * epsilon > 1.0,
            usable=usable,
            curves_up=curves_up,
        )

    def _is_slow(self, iteration: Iteration, uneven: tf.Tensor) -> tf.Tensor:
        """`[R]` bool, which rows take a Newton step, since their residual does not vanish."""
        if iteration.curvature is None:
            return tf.zeros_like(uneven)
        stays = residual_stays(iteration.state.point, iteration.trial, iteration.accepted)
        slow = ~iteration.first & ~uneven & stays
        return slow if iteration.curved is None else slow & iteration.curved


def _ended_by_a_short_step(iteration: Iteration) -> tf.Tensor:
    """`[R]` bool, whether an accepted step was short, and its end is a minimum.

    If the Hessian at the point before is known to be positive definite, so is that at the end,
    which is then not evaluated: the step is shorter than a thousandth of a standard error, measured
    by the Hessian itself. Where the curvature changes much over a standard error, standard errors
    mean nothing, and here it would have to change a thousand times as fast.
    """
    state, point = iteration.state, iteration.point
    short = state.kept.predicted <= _SHORT / point.residual.shape[1] * point.loss
    cosine = GRADIENT_TOLERANCE[point.loss.dtype]
    steepest = cosine * point.column_norms * new_axis(tf.sqrt(point.loss), 1)
    flat = tf.reduce_all(tf.abs(point.descent) <= steepest, axis=-1)
    return state.curves_up & short & flat


def _newton(
    iteration: Iteration, rows: tf.Tensor, weight_ratio: tf.Tensor, *others: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """`curved_steps` of these rows, which trusts the Hessian unless weights differ much."""
    assert iteration.curvature is not None
    with tf.name_scope("curved"):
        step, gains, lowest, curves = curved_steps(iteration.curvature.of_rows(rows), *others)
    return step, gains, lowest, curves & (weight_ratio >= UNEVEN_CURVATURE)
