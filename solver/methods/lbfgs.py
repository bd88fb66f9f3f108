"""L-BFGS, row by row: second derivatives learned from the last few gradients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..linalg.graded import UNEVEN, minimum_norm_step
from ..objective.evaluation import Point, within_bounds
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.tables import on_rows, select_rows
from .line_search import cauchy_step, downhill, falls_enough

# Wolfe's constant for quasi-Newton methods: the share of the slope that may be left.
_STEEP = 0.9


class Memory(NamedTuple):
    """The last pairs, newest first; an empty place has the weight 0.

    Attributes:
        moves: `[R, memory, p]`, s, differences of parameters.
        changes: `[R, memory, p]`, y, differences of gradients (of half the loss).
        weights: `[R, memory]`, `1 / s^T y`.
    """

    moves: tf.Tensor
    changes: tf.Tensor
    weights: tf.Tensor


class LBFGSState(NamedTuple):
    """The loop variable.

    Attributes:
        point: the accepted point.
        trial: `[R, p]`, the parameters to evaluate next.
        stalled: `[R]`, bool.
        broken: `[R]`, bool.
        scales: `[R, p]`, the scale of each parameter: the largest column norm so far.
        length: `[R]`, the share of the step that the trial takes; above 1 where steps are short.
        memory: what earlier steps have taught.
    """

    point: Point
    trial: tf.Tensor
    stalled: tf.Tensor
    broken: tf.Tensor
    scales: tf.Tensor
    length: tf.Tensor
    memory: Memory


def two_loops(gradient: tf.Tensor, memory: Memory, diagonal: tf.Tensor) -> tf.Tensor:
    """`H g` with the inverse Hessian H that the memory describes.

    Algorithm 7.4 of Nocedal & Wright, Numerical Optimization, 2006.

    Args:
        gradient: `[R, p]`.
        memory: the pairs.
        diagonal: `[R, p]`, the diagonal matrix that H is built on.

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
    """The memory with the pair from `point` to `trial` put in front, where it shows curvature.

    A pair with `s^T y <= eps |s| |y|` would make H indefinite and is left out. A parameter that a
    bound holds at either end does not count.
    """
    epsilon = np.finfo(units.dtype.as_numpy_dtype).eps
    tiny = np.finfo(units.dtype.as_numpy_dtype).tiny
    free = (point.column_norms > 0) & (trial.column_norms > 0)
    move = tf.where(free, trial.parameters - point.parameters, 0.0)
    change = tf.where(free, point.gradient - trial.gradient, 0.0)
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

    Without a pair, gamma makes the first step that of the linear model along the gradient.
    """
    gradient = point.gradient / units
    steepest = tf.reduce_sum(gradient * gradient, axis=-1)
    along = cauchy_step(point, units) * point.gradient
    some = steepest > 0
    start = tf.reduce_sum(along, axis=-1) / tf.where(some, steepest, tf.ones_like(steepest))
    change = memory.changes[:, 0] / units
    size = tf.reduce_sum(change * change, axis=-1)
    known = (memory.weights[:, 0] > 0) & (size > 0)
    product = tf.where(known, memory.weights[:, 0] * size, tf.ones_like(size))
    return new_axis(tf.where(known, reciprocal(product), start), 1) / (units * units)


def next_length(state: LBFGSState, trial: Point) -> tf.Tensor:
    """The share of the next step to try first, `[R]`: 1, or more where the last was too short.

    A step that ends on nearly as steep a slope (against Wolfe's condition, Nocedal & Wright, eq.
    3.6b) has taught the memory nothing; the next one is twice as long.
    """
    step = trial.parameters - state.point.parameters
    before = tf.reduce_sum(state.point.gradient * step, axis=-1)
    after = tf.reduce_sum(trial.gradient * step, axis=-1)
    steep = (before > 0) & (after > _STEEP * before)
    return tf.where(steep, tf.maximum(2.0 * state.length, 1.0), tf.ones_like(state.length))


def interpolated_share(point: Point, trial: Point) -> tf.Tensor:
    """Where the cubic through both ends is least, as a share of the step that failed: `[R]`.

    Nocedal & Wright, eq. 3.59; between 1/10 and 1/2, and 1/2 where there is no such place.
    """
    step = trial.parameters - point.parameters
    rise = trial.loss - point.loss
    start = -2.0 * tf.reduce_sum(point.gradient * step, axis=-1)
    end = -2.0 * tf.reduce_sum(trial.gradient * step, axis=-1)
    middle = start + end - 3.0 * rise
    square = middle * middle - start * end
    root = tf.sqrt(tf.maximum(square, 0.0))
    least = 1.0 - (end + root - middle) / (end - start + 2.0 * root)
    usable = tf.math.is_finite(least) & (square >= 0) & (trial.loss < trial.loss.dtype.max)
    return tf.where(usable, tf.clip_by_value(least, 0.1, 0.5), 0.5)


class LBFGS:
    """Quasi-Newton steps from gradients alone, with memory for the last few.

    For very many parameters: a step costs `memory * p` operations beside the evaluation, and solves
    no system. With fewer than some hundred parameters `LevenbergMarquardt` takes far fewer steps.

    Rows with weights that differ by more than a thousand take Gauss-Newton directions instead: in
    gradients light data are lost.

    The limited-memory BFGS method of Liu & Nocedal (Math. Program. 45, 1989), in units of the
    parameters' effect, with a backtracking line search of one evaluation in each step.

    Example:
        >>> solver = SpectralSolver(Toeplitz(2), LBFGS(memory=5))
        >>> solver.fit([[1.0, 3.0]], initial=[[0.0, 0.5]]).parameters.numpy().round(9).tolist()
        [[2.0, 1.0]]
    """

    default_max_steps = 2000
    default_starts = 128
    needs_hessian = False

    def __init__(self, memory: int = 10):
        """Set the size of the memory.

        Args:
            memory: how many pairs of steps and changes of the gradient are kept.

        Raises:
            ValueError: if it is not a whole number of at least 1.
        """
        self.memory = check_count("LBFGS", "memory", memory)

    def init(self, start: tf.Tensor, point: Point, scales: tf.Tensor) -> LBFGSState:
        """The state before the first evaluation; see `Method.init`."""
        no = tf.zeros_like(point.loss, tf.bool)
        empty = tf.repeat(new_axis(tf.zeros_like(start), 1), self.memory, axis=1)
        return LBFGSState(
            point=point,
            trial=start,
            stalled=no,
            broken=no,
            scales=scales,
            length=tf.ones_like(point.loss),
            memory=Memory(empty, empty, tf.zeros_like(empty[:, :, 0])),
        )

    def step(self, state: LBFGSState, trial: Point, active: tf.Tensor) -> LBFGSState:
        """One step of every row; see `Method.step`."""
        epsilon = np.finfo(trial.loss.dtype.as_numpy_dtype).eps
        first = state.point.loss == trial.loss.dtype.max
        accepted = active & falls_enough(state.point, trial, state.scales)
        larger = tf.maximum(state.scales, trial.column_norms)
        scales = select_rows(accepted, larger, state.scales)
        units = tf.where(scales > 0, scales, 1.0)
        memory = remember(state.memory, state.point, trial, units, accepted & ~first)
        shorter = state.length * interpolated_share(state.point, trial)
        length = tf.where(accepted | first, next_length(state, trial), shorter)
        point = select_rows(accepted, trial, state.point)

        # A search that failed starts again along the gradient.
        failed = length < epsilon
        direction = two_loops(point.gradient, memory, initial_diagonal(point, memory, units))
        uneven = point.spread < UNEVEN

        def with_light_data(
            jacobian: tf.Tensor, residual: tf.Tensor, units: tf.Tensor
        ) -> tf.Tensor:
            return minimum_norm_step(jacobian / new_axis(units, 1), residual) / units

        wanted = (point.jacobian, point.residual, units)
        direction = on_rows(uneven, direction, wanted, with_light_data)
        direction, kept = downhill(point, direction, units)
        forget = failed | ~kept
        alone = failed & (tf.reduce_max(memory.weights, axis=-1) == 0)
        memory = memory._replace(
            weights=select_rows(forget, tf.zeros_like(memory.weights), memory[2])
        )
        direction = select_rows(
            forget, downhill(point, cauchy_step(point, units), units)[0], direction
        )
        length = tf.where(failed, tf.ones_like(length), length)
        next_trial = within_bounds(point, point.parameters + new_axis(length, 1) * direction)
        moved = tf.reduce_any(next_trial != point.parameters, axis=-1)
        usable = tf.reduce_all(tf.math.is_finite(next_trial), axis=-1)
        return LBFGSState(
            point=point,
            trial=select_rows(usable, next_trial, point.parameters),
            stalled=~moved | ~usable | alone,
            broken=first & ~accepted,
            scales=scales,
            length=length,
            memory=memory,
        )
