"""The Gauss-Newton method: undamped minimum-norm steps, halved until the loss falls."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ..checks import check_count
from ..linalg.graded import minimum_norm_step
from ..objective.evaluation import Point, within_bounds
from ..rowwise.axes import new_axis
from ..rowwise.tables import select_rows
from .line_search import downhill, falls_enough


class GaussNewtonState(NamedTuple):
    """The loop variable.

    Attributes:
        point: the accepted point.
        trial: `[R, p]`, the parameters to evaluate next.
        stalled: `[R]`, bool.
        broken: `[R]`, bool.
        scales: `[R, p]`, the scale of each parameter: the largest column norm so far.
        length: `[R]`, the step length, as a fraction of the full step.
    """

    point: Point
    trial: tf.Tensor
    stalled: tf.Tensor
    broken: tf.Tensor
    scales: tf.Tensor
    length: tf.Tensor


class GaussNewton:
    """Undamped Gauss-Newton with minimum-norm steps `J^+ r` and Armijo backtracking.

    Converges quadratically to a spectrum that is matched exactly; with as many parameters as levels
    it is method I of Friedland, Nocedal & Overton (SIAM J. Numer. Anal. 24, 1987). With more
    parameters than levels it takes the minimum-norm step in scaled parameters, with the scales of
    `LevenbergMarquardt`. Where the Jacobian is nearly singular the steps are long and are halved
    many times; there, and far from the solution, `LevenbergMarquardt` is better.

    The step: Björck, Numerical Methods for Least Squares Problems, 1996, section 9.2.1. The
    backtracking: Nocedal & Wright, Numerical Optimization, 2006, algorithm 3.1.

    Example:
        >>> solver = SpectralSolver(Toeplitz(2), GaussNewton())
        >>> fit = solver.fit([[1.0, 3.0]], initial=[[0.0, 0.5]])
        >>> fit.parameters.numpy().round(9).tolist(), fit.steps.numpy().tolist()
        ([[2.0, 1.0]], [1])
    """

    default_max_steps = 200
    default_starts = 128
    needs_hessian = False

    def __init__(self, max_halvings: int = 30):
        """Set the limit of the backtracking.

        Args:
            max_halvings: how often a step is halved before the row counts as stalled.

        Raises:
            ValueError: if it is not a whole number of at least 1.
        """
        self.max_halvings = check_count("GaussNewton", "max_halvings", max_halvings)

    def init(self, start: tf.Tensor, point: Point, scales: tf.Tensor) -> GaussNewtonState:
        """The state before the first evaluation; see `Method.init`."""
        no = tf.zeros_like(point.loss, tf.bool)
        return GaussNewtonState(
            point=point,
            trial=start,
            stalled=no,
            broken=no,
            scales=scales,
            length=tf.ones_like(point.loss),
        )

    def step(self, state: GaussNewtonState, trial: Point, active: tf.Tensor) -> GaussNewtonState:
        """One step of every row; see `Method.step`."""
        first = state.point.loss == trial.loss.dtype.max
        accepted = active & falls_enough(state.point, trial, state.scales)
        length = tf.where(accepted | first, tf.ones_like(state.length), 0.5 * state.length)
        point = select_rows(accepted, trial, state.point)
        larger = tf.maximum(state.scales, trial.column_norms)
        scales = select_rows(accepted, larger, state.scales)
        units = tf.where(scales > 0, scales, 1.0)
        scaled = minimum_norm_step(point.jacobian / new_axis(units, 1), point.residual)
        direction, _ = downhill(point, scaled / units, units)
        next_trial = within_bounds(point, point.parameters + new_axis(length, 1) * direction)
        moved = tf.reduce_any(next_trial != point.parameters, axis=-1)
        usable = tf.reduce_all(tf.math.is_finite(next_trial), axis=-1)
        shortest = tf.constant(2.0**-self.max_halvings, length.dtype)
        return GaussNewtonState(
            point=point,
            trial=select_rows(usable, next_trial, point.parameters),
            stalled=~moved | ~usable | (length < shortest),
            broken=first & ~accepted,
            scales=scales,
            length=length,
        )
