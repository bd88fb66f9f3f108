"""L-BFGS, row by row: a quasi-Newton method with limited memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..linalg.graded import UNEVEN, minimum_norm_step
from ..objective.point import Point
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.tables import on_rows, select_rows
from .descent import Iteration, Method, MethodState, Proposal
from .line_search import armijo, cauchy_step, downhill

# c2 of Wolfe's curvature condition for quasi-Newton methods (Nocedal & Wright, section 3.1).
_WOLFE = 0.9


class Memory(NamedTuple):
    """The last pairs (s, y), newest first; an empty place has the weight 0.

    Attributes:
        moves: `[R, memory, p]`, s, differences of parameters.
        changes: `[R, memory, p]`, y, differences of gradients of half the loss.
        weights: `[R, memory]`, `1 / s^T y`.
    """

    moves: tf.Tensor
    changes: tf.Tensor
    weights: tf.Tensor


class LineSearch(NamedTuple):
    """What L-BFGS keeps.

    Attributes:
        length: `[R]`, the step length, as a multiple of the quasi-Newton step; it may exceed 1.
        pairs: the pairs (s, y) of earlier steps.
    """

    length: tf.Tensor
    pairs: Memory


def two_loops(gradient: tf.Tensor, memory: Memory, diagonal: tf.Tensor) -> tf.Tensor:
    """`H g` with the limited-memory approximation H of the inverse Hessian.

    The two-loop recursion, algorithm 7.4 of Nocedal & Wright, Numerical Optimization, 2006.

    Args:
        gradient: `[R, p]`, g.
        memory: the pairs (s, y).
        diagonal: `[R, p]`, the diagonal of the initial H.

    Returns:
        `[R, p]`.
    """
    pairs = list(
        zip(
            tf.unstack(memory.moves, axis=1),
            tf.unstack(memory.changes, axis=1),
            tf.unstack(memory.weights, axis=1),
            strict=True,
        )
    )
    shares = []
    for move, change, weight in pairs:
        share = weight * tf.reduce_sum(move * gradient, axis=-1)
        gradient -= new_axis(share, 1) * change
        shares.append(share)
    direction = diagonal * gradient
    for (move, change, weight), share in zip(reversed(pairs), reversed(shares), strict=True):
        other = weight * tf.reduce_sum(change * direction, axis=-1)
        direction += new_axis(share - other, 1) * move
    return direction


def remember(
    memory: Memory, point: Point, trial: Point, units: tf.Tensor, accepted: tf.Tensor
) -> Memory:
    """Put the pair (s, y) from `point` to `trial` first, if it satisfies the curvature condition.

    A pair with `s^T y <= eps |s| |y|` is skipped, as it would make H indefinite. The entries of a
    parameter that is held by a bound at either end are set to 0.
    """
    epsilon = np.finfo(units.dtype.as_numpy_dtype).eps
    tiny = np.finfo(units.dtype.as_numpy_dtype).tiny
    free = (point.column_norms > 0) & (trial.column_norms > 0)
    move = tf.where(free, trial.parameters - point.parameters, 0.0)
    change = tf.where(free, point.descent - trial.descent, 0.0)
    curvature = tf.reduce_sum(move * change, axis=-1)
    length = tf.sqrt(tf.reduce_sum((move * units) ** 2, axis=-1))
    size = tf.sqrt(tf.reduce_sum((change / units) ** 2, axis=-1))
    taken = accepted & (curvature > tf.maximum(epsilon * length * size, tiny))
    weight = reciprocal(tf.where(taken, curvature, tf.ones_like(curvature)))
    shifted = Memory(
        moves=tf.concat([new_axis(move, 1), memory.moves[:, :-1]], axis=1),
        changes=tf.concat([new_axis(change, 1), memory.changes[:, :-1]], axis=1),
        weights=tf.concat([new_axis(weight, 1), memory.weights[:, :-1]], axis=1),
    )
    return Memory(*(select_rows(taken, new, old) for new, old in zip(shifted, memory, strict=True)))


def initial_diagonal(point: Point, memory: Memory, units: tf.Tensor) -> tf.Tensor:
    """`gamma / units^2`, `[R, p]`, with gamma from the newest pair (Nocedal & Wright, eq. 7.20).

    Without a pair, gamma makes the first step the Cauchy step.
    """
    descent = point.descent / units
    steepest = tf.reduce_sum(descent * descent, axis=-1)
    along = cauchy_step(point, units) * point.descent
    some = steepest > 0
    start = tf.reduce_sum(along, axis=-1) / tf.where(some, steepest, tf.ones_like(steepest))
    change = memory.changes[:, 0] / units
    size = tf.reduce_sum(change * change, axis=-1)
    known = (memory.weights[:, 0] > 0) & (size > 0)
    product = tf.where(known, memory.weights[:, 0] * size, tf.ones_like(size))
    return new_axis(tf.where(known, reciprocal(product), start), 1) / (units * units)


def next_length(length: tf.Tensor, point: Point, trial: Point) -> tf.Tensor:
    """The initial step length of the next line search, `[R]`: 1, or twice the last if too short.

    A step is too short if it violates Wolfe's curvature condition (Nocedal & Wright, eq. 3.6b): the
    slope at its end is nearly as steep as at its start, and its pair (s, y) holds no information.
    """
    step = trial.parameters - point.parameters
    before = tf.reduce_sum(point.descent * step, axis=-1)
    after = tf.reduce_sum(trial.descent * step, axis=-1)
    steep = (before > 0) & (after > _WOLFE * before)
    return tf.where(steep, tf.maximum(2.0 * length, 1.0), tf.ones_like(length))


def interpolated_share(point: Point, trial: Point) -> tf.Tensor:
    """The factor by which to shorten a failed step: the minimum of the cubic interpolant, `[R]`.

    Nocedal & Wright, eq. 3.59, clipped to [1/10, 1/2]; 1/2 where the cubic has no minimum.
    """
    step = trial.parameters - point.parameters
    rise = trial.loss - point.loss
    start = -2.0 * tf.reduce_sum(point.descent * step, axis=-1)
    end = -2.0 * tf.reduce_sum(trial.descent * step, axis=-1)
    middle = start + end - 3.0 * rise
    square = middle * middle - start * end
    root = tf.sqrt(tf.maximum(square, 0.0))
    least = 1.0 - (end + root - middle) / (end - start + 2.0 * root)
    usable = tf.math.is_finite(least) & (square >= 0) & (trial.loss < trial.loss.dtype.max)
    return tf.where(usable, tf.clip_by_value(least, 0.1, 0.5), 0.5)


class LBFGS(Method):
    """Limited-memory BFGS (Liu & Nocedal, Math. Program. 45, 1989).

    For very many parameters: besides the evaluation, a step costs `memory * p` operations and
    solves no linear system. With fewer than a few hundred parameters `LevenbergMarquardt` takes far
    fewer steps.

    Rows whose weights differ by more than a factor of a thousand take Gauss-Newton directions
    instead: in the gradient, data of small weight are lost to rounding.

    Parameters are scaled by their effect on the levels. Each step makes one evaluation of a
    backtracking line search.

    Example:
        >>> solver = SpectralSolver(Toeplitz(2), LBFGS(memory=5))
        >>> solver.fit([[1.0, 3.0]], initial=[[0.0, 0.5]]).parameters.numpy().round(9).tolist()
        [[2.0, 1.0]]
    """

    default_max_steps = 2000

    def __init__(self, memory: int = 10):
        """Set the size of the memory.

        Args:
            memory: how many pairs (s, y) of steps and gradient differences are kept.

        Raises:
            ValueError: if it is not a whole number of at least 1.
        """
        self.memory = check_count("LBFGS", "memory", memory)

    def keeps(self, point: Point) -> LineSearch:
        """No pairs; see `Method.keeps`."""
        empty = tf.repeat(new_axis(tf.zeros_like(point.parameters), 1), self.memory, axis=1)
        return LineSearch(
            tf.ones_like(point.loss), Memory(empty, empty, tf.zeros_like(empty[:, :, 0]))
        )

    def falls_enough(self, state: MethodState, trial: Point, even: tf.Tensor) -> tf.Tensor:
        """Armijo's condition; see `Method.falls_enough`."""
        return even | armijo(state.point, trial)

    def propose(self, iteration: Iteration) -> Proposal:
        """A quasi-Newton step, or a shorter one after a failure; see `Method.propose`."""
        point, units, first = iteration.point, iteration.units, iteration.first
        before, trial = iteration.state.point, iteration.trial
        search: LineSearch = iteration.state.kept
        epsilon = np.finfo(trial.loss.dtype.as_numpy_dtype).eps
        memory = remember(search.pairs, before, trial, units, iteration.accepted & ~first)
        shorter = search.length * interpolated_share(before, trial)
        longer = next_length(search.length, before, trial)
        length = tf.where(iteration.accepted | first, longer, shorter)

        # After a failed line search, restart from the gradient direction with an empty memory.
        failed = length < epsilon
        direction = two_loops(point.descent, memory, initial_diagonal(point, memory, units))

        def with_light_data(
            jacobian: tf.Tensor, residual: tf.Tensor, units: tf.Tensor
        ) -> tf.Tensor:
            return minimum_norm_step(jacobian / new_axis(units, 1), residual) / units

        uneven, wanted = (
            iteration.data.weight_ratio < UNEVEN,
            (point.jacobian, point.residual, units),
        )
        direction = on_rows(uneven, direction, wanted, with_light_data)
        direction, falls = downhill(iteration.data, point, direction, units)
        forget = failed | ~falls
        alone = failed & (tf.reduce_max(memory.weights, axis=-1) == 0)
        weights = select_rows(forget, tf.zeros_like(memory.weights), memory.weights)
        steepest, _ = downhill(iteration.data, point, cauchy_step(point, units), units)
        direction = select_rows(forget, steepest, direction)
        length = tf.where(failed, tf.ones_like(length), length)
        return Proposal(
            trial=iteration.moved(new_axis(length, 1) * direction),
            kept=LineSearch(length, memory._replace(weights=weights)),
            stalled=alone,
        )
