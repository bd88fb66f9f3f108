"""The Gauss-Newton method: undamped minimum-norm steps, halved until the loss falls."""

from __future__ import annotations

import tensorflow as tf

from ..checks import check_count
from ..linalg.graded import minimum_norm_step
from ..objective.point import Point
from ..rowwise.axes import new_axis
from .descent import Iteration, Method, MethodState, Proposal
from .line_search import armijo, downhill


class GaussNewton(Method):
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

    def __init__(self, max_halvings: int = 30):
        """Set the limit of the backtracking.

        Args:
            max_halvings: how often a step is halved before the row counts as stalled.

        Raises:
            ValueError: if it is not a whole number of at least 1.
        """
        self.max_halvings = check_count("GaussNewton", "max_halvings", max_halvings)

    def keeps(self, point: Point) -> tf.Tensor:
        """`[R]`, the step length, as a fraction of the full step; see `Method.keeps`."""
        return tf.ones_like(point.loss)

    def falls_enough(self, state: MethodState, trial: Point, even: tf.Tensor) -> tf.Tensor:
        """Armijo's condition; see `Method.falls_enough`."""
        return even | armijo(state.point, trial)

    def propose(self, iteration: Iteration) -> Proposal:
        """A full step, or a shorter one after a failure; see `Method.propose`."""
        point, units, length = iteration.point, iteration.units, iteration.state.kept
        fresh = iteration.accepted | iteration.first
        length = tf.where(fresh, tf.ones_like(length), 0.5 * length)
        scaled = minimum_norm_step(point.jacobian / new_axis(units, 1), point.residual)
        direction, _ = downhill(iteration.data, point, scaled / units, units)
        shortest = tf.constant(2.0**-self.max_halvings, length.dtype)
        trial = iteration.moved(new_axis(length, 1) * direction)
        return Proposal(trial, length, stalled=length < shortest)
