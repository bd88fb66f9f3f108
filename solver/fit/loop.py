"""The loop: one `tf.while_loop` that keeps only unfinished rows and hands finished ones out.

The rows of a batch wait in a queue. A pool of bounded size holds the rows that are being fitted.
In every turn of the loop the whole pool takes steps of the method until enough rows of it are done.
These are settled: finished rows are written out, rows whose start failed begin again from their
next start, those on a saddle from beside it, and rows from the queue fill the free places. So no
row waits for the slowest, a row that needs a second start costs no other row anything, and memory
does not grow with the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..objective.evaluation import Point, evaluate, evaluate_curved
from ..objective.model import Data
from ..pool.answers import Output, empty_output, unpack, write
from ..pool.pool_layout import PoolLayout, PoolTables
from ..pool.reach import stop_runaways
from ..pool.rows import Batch, Ended, Pool, Task, new_tasks, pool_specs
from ..results.fit_result import FitResult
from ..results.status import RUNNING
from ..rowwise.axes import row_count
from ..rowwise.loops import loop
from ..rowwise.tables import Layout, Tables, followed_by, gather_rows, on_rows, row_numbers
from ..search.multistart import begin, compare_starts, next_starts
from ..search.saddles import leave_saddles
from ..settings import Settings
from .convergence import certify
from .kinks import name_kinks

# Settle as soon as one row in this many is done: rarer settling lets done rows idle in the pool,
# more frequent settling moves the others too often.
_SETTLE_SHARE = 8
# How much larger than the targets the spectral scale may be.
_MOST_ABOVE_TARGETS = 10.0


def fit_rows(settings: Settings, batch: Batch) -> FitResult:
    """Fit every row of a batch.

    Args:
        settings: the problem and the method.
        batch: the checked input.

    Returns:
        A `FitResult`; rows that are not valid have the status INVALID_INPUT.
    """
    queue = row_numbers(batch.cause == 0)
    fields = batch._replace(cause=())
    batch_layout = Layout(fields)
    batch_tables = batch_layout.pack(fields)
    specs = pool_specs(settings, fields)
    task_layout, layout = Layout(specs.task), PoolLayout(specs)

    def admit(place: tf.Tensor) -> Tables:
        """Tasks for the rows in these places of the batch."""
        rows = batch_layout.unpack(tuple(tf.gather(table, place) for table in batch_tables))
        return task_layout.pack(new_tasks(settings, rows, place))

    def unfinished(left: tf.Tensor, *others: Any) -> tf.Tensor:
        del others
        return left > 0

    def turn(
        left: tf.Tensor, taken: tf.Tensor, again: Tables, kept: PoolTables, output: Output
    ) -> tuple[tf.Tensor, tf.Tensor, Tables, PoolTables, Output]:
        """Fill the pool, let its rows take steps, and settle those that are done.

        Args:
            left: how many rows have no answer yet.
            taken: how many rows of the queue have been in the pool.
            again: the tasks of rows that begin again.
            kept: the rows that stay in the pool.
            output: the answers so far.
        """
        waiting = tf.size(queue)
        capacity = settings.pool_rows if settings.compaction else waiting
        room = capacity - row_count(kept.fixed[0]) - row_count(again[0])
        upto = tf.minimum(taken + room, waiting)
        entering = followed_by(again, admit(queue[taken:upto]))
        new = layout.pack(begin(settings, task_layout.unpack(entering)))
        pool = kept.followed_by(new)
        pool = PoolTables(pool.fixed, step_until_ready(pool))
        running = layout.unpack(pool).status == RUNNING
        done = layout.unpack(pool.rows(row_numbers(~running)))
        retries, ended = settle(settings, done)
        again = task_layout.pack(retries)
        left -= tf.size(ended.status)
        kept = pool.rows(row_numbers(running))
        return left, upto, again, kept, write(settings, output, ended)

    def step_until_ready(pool: PoolTables) -> Tables:
        """Steps until enough rows are done. A loop of its own, which carries nothing but them."""
        size = row_count(pool.fixed[0])
        enough = (size + _SETTLE_SHARE - 1) // _SETTLE_SHARE if settings.compaction else size

        def too_few(moving: Tables, done: tf.Tensor) -> tf.Tensor:
            del moving
            return done < enough

        def step(moving: Tables, done: tf.Tensor) -> tuple[Tables, tf.Tensor]:
            stepped = step_pool(settings, layout.unpack(PoolTables(pool.fixed, moving)))
            done = tf.math.count_nonzero(stepped.status != RUNNING, dtype=tf.int32)
            return layout.pack_moving(stepped), done

        start = (pool.moving, tf.constant(0))
        moving, _ = loop(too_few, step, start)
        return moving

    variables = (
        tf.size(queue),
        tf.constant(0),
        task_layout.no_rows(),
        layout.no_rows(),
        empty_output(settings, batch),
    )
    # Row counts change from turn to turn.
    shapes = tf.nest.map_structure(
        lambda tensor: tf.TensorShape([None, *tensor.shape[1:]] if tensor.shape.rank else []),
        variables,
    )
    *_, output = loop(unfinished, turn, variables, shapes)
    return unpack(settings, output)


def step_pool(settings: Settings, pool: Pool) -> Pool:
    """One step of every row that is not done, and its new status."""
    task, state = pool.task, pool.state
    active = pool.status == RUNNING
    if _uses_curvature(settings):
        trial, curvature = evaluate_curved(settings.model, state.trial, task.data)
        method: Any = settings.method
        wanted = _wants_curvature(settings, task)
        state = method.step(state, trial, active, curvature=curvature, curved=wanted)
    else:
        trial = _evaluate_trial(settings, state, task.data)
        state = settings.method.step(state, trial, active)
    steps = task.steps + tf.cast(active, tf.int32)
    measured = spectral_scale(settings, task.data, trial.eigenvalues)
    # A matrix that is not finite has no levels to measure.
    known = (task.scale > 0) | (trial.loss == trial.loss.dtype.max)
    scale = tf.where(known, task.scale, measured)
    task = task._replace(steps=steps, scale=scale)
    found, cause = certify(settings, task, state)
    found = stop_runaways(settings, task, state.point, found)
    status = tf.where(active, found, pool.status)
    task = task._replace(cause=tf.where(active, cause, task.cause))
    if _follows_levels(settings):
        ended = active & (status != RUNNING)
        state, status, cause = _confirm(settings, task, state, status, ended)
        task = task._replace(cause=cause)
    return Pool(task, state, status)


def _uses_curvature(settings: Settings) -> bool:
    """Whether the method takes second derivatives where it wants them.

    Not where there are more parameters than data, for then a residual seldom stays; nor with robust
    losses, whose second derivatives change at once where a level becomes an outlier.
    """
    model = settings.model
    few_parameters = model.parameterization.num_parameters <= model.comparison.num_targets
    smooth = model.loss.is_linear and model.few is None
    return getattr(settings.method, "uses_curvature", False) and few_parameters and smooth


def _wants_curvature(settings: Settings, task: Task) -> tf.Tensor | None:
    """`[R]` bool, which rows follow a residual that stays to its end; None for all.

    With as many parameters as levels, a start that does not match its spectrum is better left for
    the next one.
    """
    spare = settings.parameterization.num_parameters < settings.model.comparison.num_targets
    return None if spare or settings.starts == 1 else task.attempt == settings.starts


def _follows_levels(settings: Settings) -> bool:
    """Whether few levels are found near those of the accepted point, without the others."""
    return settings.model.few is not None and not settings.method.needs_hessian


def _evaluate_trial(settings: Settings, state: Any, data: Data) -> Point:
    near = None
    if _follows_levels(settings):
        known = state.point.loss < state.point.loss.dtype.max
        nan = tf.constant(np.nan, state.point.eigenvalues.dtype)
        near = tf.where(known[:, None], state.point.eigenvalues, nan)
    return evaluate(settings.model, state.trial, data, settings.method.needs_hessian, near)


def _confirm(
    settings: Settings, task: Task, state: Any, status: tf.Tensor, ended: tf.Tensor
) -> tuple[Any, tf.Tensor, tf.Tensor]:
    """Evaluate where rows ended once more, with all levels, and ask again whether it is the end."""

    def confirmed(task: Task, state: Any) -> tuple[Point, tf.Tensor, tf.Tensor]:
        point = evaluate(settings.model, state.point.parameters, task.data)
        again, cause = certify(settings, task, state._replace(point=point))
        return point, stop_runaways(settings, task, point, again), cause

    old = (state.point, status, task.cause)
    point, status, cause = on_rows(ended, old, (task, state), confirmed)
    return state._replace(point=point), status, cause


def spectral_scale(settings: Settings, data: Data, levels: tf.Tensor) -> tf.Tensor:
    """`[R]`, the largest magnitude among the targets and the levels compared with them.

    But at most ten times that of targets that are not all 0: the levels of a start in another unit
    are no measure of how well a spectrum is matched.
    """
    comparison = settings.model.comparison
    assignment = comparison.assign(levels, data.targets, data.weights)
    observed = comparison.observe(levels, assignment)
    if comparison.centred:  # then a level that was not observed is 0 like any other number
        seen = data.weights > 0
        observed = tf.where(seen, comparison.centre(observed, data.weights), 0.0)
        targets = tf.where(seen, comparison.centre(data.targets, data.weights), 0.0)
    else:
        targets = data.targets
    wanted = tf.reduce_max(tf.abs(targets), axis=-1)
    scale = tf.maximum(wanted, tf.reduce_max(tf.abs(observed), axis=-1))
    return tf.where(wanted > 0, tf.minimum(scale, _MOST_ABOVE_TARGETS * wanted), scale)


def settle(settings: Settings, done: Pool) -> tuple[Task, Ended]:
    """The next tasks of those rows that begin again, and the rows whose end is the answer."""
    done, again = leave_saddles(settings, done)
    ended = Ended(done.task, done.state.point, done.status)
    if settings.starts > 1:
        ended, elsewhere = compare_starts(settings, ended)
        again |= elsewhere
    retries = gather_rows(ended.task, row_numbers(again))
    if settings.starts > 1:
        retries = next_starts(settings, retries)
    finished = ended._replace(task=ended.task._replace(best=()))
    return retries, name_kinks(settings, gather_rows(finished, row_numbers(~again)))
