"""Multistart: where each start of a row begins, which end is the best, and when to stop.

A row without a starting point of its own is fitted from one start after the other, each with a
coarse tolerance and a share of the steps, until its spectrum is matched. If no start matches it,
the best end is refined with the full tolerance and returned.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from ..objective.bounds import into_bounds
from ..objective.model import Data, count_data
from ..objective.scaling import known_effects
from ..pool.rows import Best, Ended, Pool, Task, empty_point
from ..pool.unseen import are_enough
from ..results.status import Status
from ..rowwise.axes import new_axis
from ..rowwise.tables import on_rows, select_rows
from ..settings import Settings
from .basin_hopping import hop, is_hop
from .proposals import choose_start

# A search ends early if this many starts other than hops agree on the best minimum and `are_enough`
# holds. Not with as many parameters as data, where a nonzero residual is rarely the global minimum.
# (Agreement alone is not enough: for the hyperfine lines of CsF 33 % of the starts lead to a
# minimum with 21 times the least rms residual, 6 % to the least.)
_AGREEING_STARTS = 12
# Largest relative difference of the losses of two starts that ended in the same minimum.
_SAME_LOSS = 1e-3


def begin(settings: Settings, waiting: Pool) -> Pool:
    """Put rows at their starting points, before the first evaluation."""
    task = waiting.task
    empty = empty_point(settings, task.data)
    start = task.initial
    if not settings.given:
        wanted = tf.math.is_nan(task.initial)

        def chosen() -> tf.Tensor:
            return tf.where(wanted, default_starts(settings, task), task.initial)

        start = tf.cond(tf.reduce_any(wanted), chosen, lambda: task.initial)
    if task.data.bounded:
        start = into_bounds(task.data.lower, task.data.upper, start)
    scales = known_effects(settings.model, task.data)
    if task.data.has_priors:
        # A prior may outweigh the levels, or be the only datum: the scale is then unknown.
        scales = tf.where(task.data.prior_weight > 0, tf.zeros_like(scales), scales)
    state = settings.method.init(start, empty, scales)
    running = tf.zeros_like(waiting.steps)
    return Pool(
        task=_set_limits(settings, task, waiting.steps),
        steps=waiting.steps - 1,  # the evaluation of the start itself is no step
        scale=waiting.scale,
        state=state,
        status=running,
        cause=running,
    )


def _set_limits(settings: Settings, task: Task, steps: tf.Tensor) -> Task:
    """Set the step limit and the gradient tolerance of this start."""
    share = tf.maximum(task.max_steps // (settings.starts + 1) + 1, settings.steps_of_a_start)
    dtype = task.initial.dtype
    fine = tf.constant(settings.gradient_tolerance, dtype)
    coarse = tf.constant(settings.survey_tolerance, dtype)
    return task._replace(
        limit=tf.where(task.refining, task.max_steps, tf.minimum(task.max_steps, steps + share)),
        cosine=tf.where(task.refining, fine, coarse),
    )


def default_starts(settings: Settings, task: Task) -> tf.Tensor:
    """The starting point of each attempt: a user's point, a proposal or a hop.

    Returns:
        `[R, p]`.
    """
    attempt = (task.attempt + task.offset) % settings.starts
    if settings.starts == 1:
        return starts_anywhere(settings, task.data, attempt)
    near = is_hop(settings, attempt) & (task.best.loss < task.best.loss.dtype.max)
    hopped = hop(settings, task.data, task.best, attempt)
    anywhere = functools.partial(starts_anywhere, settings)
    return on_rows(~near, hopped, (task.data, attempt), anywhere)


def starts_anywhere(settings: Settings, data: Data, attempt: tf.Tensor) -> tf.Tensor:
    """The user's starting points in turn, then proposals: `[R, p]`."""
    known = len(settings.initial)
    if known == 0:
        return choose_start(settings, data, attempt, settings.starts)
    given = tf.constant(settings.initial, data.targets.dtype)
    if known == settings.starts:
        return tf.gather(given, attempt)
    number = tf.maximum(attempt - known, 0)
    proposed = choose_start(settings, data, number, settings.starts - known)
    given = tf.gather(given, tf.minimum(attempt, known - 1))
    return tf.where((attempt < known)[:, None], given, proposed)


def compare_starts(settings: Settings, ended: Ended) -> tuple[Ended, tf.Tensor]:
    """Update the best end of each row, and decide which rows make another start.

    Args:
        settings: the problem.
        ended: `R` rows whose start has ended.

    Returns:
        The rows, with the best end in their task and the status to return if this end is the
        answer; and `[R]` bool, which rows begin again. For the others this end is the answer.
    """
    task, point, status = ended.task, ended.point, ended.status
    best = task.best.loss
    refining = task.refining
    matched = status == Status.CONVERGED
    some = best < best.dtype.max
    same = some & (tf.abs(point.loss - best) <= _SAME_LOSS * best)
    elsewhere = ~is_hop(settings, task.attempt)  # hops often return to the best end: not counted
    better = point.loss < best
    none = ~some & ~better  # no start has given a finite matrix yet
    spent = ended.steps >= task.max_steps
    # A row that is out of steps returns to its better end, which is evaluated once more.
    more = tf.where(none, ~spent & (task.attempt + 1 < settings.starts), ~spent | ~better)
    again = ~refining & ~matched & more
    # Out of steps before the refinement: not a certified minimum.
    cut = ~refining & (status == Status.STATIONARY)
    minimum = ~refining & (status == Status.STATIONARY)
    ends = Best(
        *select_rows(better, (point.parameters, point.loss, point.column_norms), task.best[:3]),
        minima=_with_new_minimum(task.best.minima, point.loss, minimum),
        arrived=task.best.arrived + tf.cast(minimum & elsewhere, tf.int32),
    )
    # The refinement does not count as a start of its own, unless it leads to another minimum.
    one_more = task.agreeing + tf.cast(~refining & elsewhere, tf.int32)
    agreeing = tf.where(same, one_more, tf.where(better, 1, task.agreeing))
    task = task._replace(best=ends, agreeing=agreeing)
    status = tf.where(cut, int(Status.MAX_STEPS), status)
    return ended._replace(task=task, status=status), again


def _with_new_minimum(minima: tf.Tensor, loss: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    """Append a loss `[R]` to those of the distinct minima `[R, K]`, if found, `[R]`, and new."""
    known = tf.abs(minima - new_axis(loss, 1)) <= _SAME_LOSS * new_axis(loss, 1)
    new = found & ~tf.reduce_any(known, axis=-1)
    place = tf.constant(np.arange(minima.shape[1]), tf.int32) == new_axis(_count_minima(minima), 1)
    return tf.where(place & new_axis(new, 1), new_axis(loss, 1), minima)


def _count_minima(minima: tf.Tensor) -> tf.Tensor:
    """The number of distinct minima, `[R]` int32."""
    return tf.reduce_sum(tf.cast(minima < minima.dtype.max, tf.int32), axis=-1)


def next_starts(settings: Settings, waiting: Pool) -> Pool:
    """Rows that begin again: at the next start, or at the best end to refine it."""
    task = waiting.task
    settled = (task.agreeing >= _AGREEING_STARTS) & settings.end_early
    settled &= are_enough(_count_minima(task.best.minima), task.best.arrived)
    settled &= count_data(settings.model, task.data) > settings.parameterization.num_parameters
    spent = waiting.steps >= task.max_steps
    refining = task.refining  # these continue from beside a saddle point
    attempt = tf.where(refining | settled | spent, settings.starts, task.attempt + 1)
    last = attempt == settings.starts
    refine = ~refining & last
    task = task._replace(
        attempt=attempt,
        last=tf.cast(last, tf.int32),
        started=task.started + tf.cast(~refine & ~refining, tf.int32),
        initial=tf.where(new_axis(refine, 1), task.best.parameters, task.initial),
    )
    return waiting._replace(task=task)
