"""The loop: one `tf.while_loop` that keeps only unfinished rows and hands finished ones out.

The rows of a batch wait in a queue. A pool of bounded size holds the rows that are being fitted.
In every turn of the loop the whole pool takes steps of the method until enough rows of it are done.
These are settled: finished rows are written out, rows whose start failed begin again from their
next start, and rows from the queue fill the free places. So no row waits for the slowest, a row
that needs a second start costs no other row anything, and memory does not grow with the batch.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from .certify import certify
from .evaluation import Point, evaluate, evaluate_curved
from .model import Data
from .output import Output, empty_output, unpack, write
from .packing import Layout, concatenate, gather_rows
from .pool_layout import PoolLayout, PoolTables
from .result import FitResult
from .rows import Batch, Pool, Task, new_tasks, row_numbers
from .search import begin, compare_starts, next_starts
from .settings import Settings
from .status import RUNNING

# Settle as soon as one row in this many is done: rarer settling lets done rows idle in the pool,
# more frequent settling moves the others too often.
_SETTLE_SHARE = 8


def fit_rows(settings: Settings, batch: Batch) -> FitResult:
    """Fit every row of a batch.

    Args:
        settings: the problem and the method.
        batch: the checked input.

    Returns:
        A `FitResult`; rows that are not valid have the status INVALID_INPUT.
    """
    queue = tf.cast(tf.where(batch.valid)[:, 0], tf.int32)
    waiting = tf.shape(queue)[0]
    capacity = tf.constant(settings.pool_rows) if settings.compaction else waiting
    fields = batch._replace(valid=())
    batch_layout = Layout(fields)
    batch_tables = batch_layout.pack(fields)

    def admit(taken: tf.Tensor, room: tf.Tensor) -> tuple[Task, tf.Tensor]:
        """The next rows of the queue."""
        upto = tf.minimum(taken + room, waiting)
        place = queue[taken:upto]
        rows = batch_layout.unpack(tuple(tf.gather(table, place) for table in batch_tables))
        return new_tasks(settings, rows, place), upto

    # Traced once for both places: it is a quarter of the graph.
    enter = tf.function(functools.partial(begin, settings), autograph=False, reduce_retracing=True)
    first, taken = admit(tf.constant(0), capacity)
    pool = enter(first)
    layout = PoolLayout(pool)

    def unfinished(tables: PoolTables, taken: tf.Tensor, output: Output) -> tf.Tensor:
        del taken, output
        return tf.shape(tables.fixed[0])[0] > 0

    def turn(
        tables: PoolTables, taken: tf.Tensor, output: Output
    ) -> tuple[PoolTables, tf.Tensor, Output]:
        tables = PoolTables(tables.fixed, step_until_ready(tables))
        running = layout.unpack(tables).status == RUNNING
        kept = tables.rows(row_numbers(running))
        ended = layout.unpack(tables.rows(row_numbers(~running)))
        retries, output = settle_rows(settings, ended, output)
        used = tf.shape(kept.fixed[0])[0]
        if retries is None:
            entering, taken = admit(taken, capacity - used)
        else:
            new, taken = admit(taken, capacity - used - tf.shape(retries.place)[0])
            entering = concatenate(retries, new)
        return kept.followed_by(layout.pack(enter(entering))), taken, output

    def step_until_ready(tables: PoolTables) -> tuple[tf.Tensor, ...]:
        """Steps until enough rows are done. A loop of its own, which carries nothing but them."""
        size = tf.shape(tables.fixed[0])[0]
        enough = (size + _SETTLE_SHARE - 1) // _SETTLE_SHARE if settings.compaction else size

        def too_few(moving: tuple[tf.Tensor, ...], done: tf.Tensor) -> tf.Tensor:
            del moving
            return done < enough

        def step(
            moving: tuple[tf.Tensor, ...], done: tf.Tensor
        ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
            pool = step_pool(settings, layout.unpack(PoolTables(tables.fixed, moving)))
            done = tf.math.count_nonzero(pool.status != RUNNING, dtype=tf.int32)
            return layout.pack_moving(pool), done

        start = (tables.moving, tf.constant(0))
        moving, _ = tf.while_loop(too_few, step, start, parallel_iterations=1)
        return moving

    variables = (layout.pack(pool), taken, empty_output(settings, batch))
    # Row counts change from turn to turn.
    shapes = tf.nest.map_structure(
        lambda tensor: tf.TensorShape([None, *tensor.shape[1:]] if tensor.shape.rank else []),
        variables,
    )
    _, _, output = tf.while_loop(
        unfinished, turn, variables, shape_invariants=shapes, parallel_iterations=1
    )
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
    status = tf.where(active, certify(settings, task, state), pool.status)
    if _follows_levels(settings):
        ended = active & (status != RUNNING)
        state, status = _confirm(settings, task, state, status, ended)
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
) -> tuple[Any, tf.Tensor]:
    """Evaluate where rows ended once more, with all levels, and ask again whether it is the end."""

    def confirmed() -> tuple[Any, tf.Tensor]:
        rows = tf.where(ended)
        some = gather_rows((task, state), rows[:, 0])
        point = evaluate(settings.model, some[1].point.parameters, some[0].data)
        again = certify(settings, some[0], some[1]._replace(point=point))
        update = tf.tensor_scatter_nd_update
        points = tf.nest.map_structure(lambda a, b: update(a, rows, b), state.point, point)
        return state._replace(point=points), update(status, rows, again)

    return tf.cond(tf.reduce_any(ended), confirmed, lambda: (state, status))


def spectral_scale(settings: Settings, data: Data, levels: tf.Tensor) -> tf.Tensor:
    """`[R]`, the largest magnitude among the targets and the levels compared with them."""
    comparison = settings.model.comparison
    assignment = comparison.assign(levels, data.targets, data.weights)
    observed = comparison.observe(levels, assignment)
    if comparison.centred:  # then a level that was not observed is 0 like any other number
        seen = data.weights > 0
        observed = tf.where(seen, comparison.centre(observed, data.weights), 0.0)
        targets = tf.where(seen, comparison.centre(data.targets, data.weights), 0.0)
    else:
        targets = data.targets
    return tf.maximum(
        tf.reduce_max(tf.abs(targets), axis=-1), tf.reduce_max(tf.abs(observed), axis=-1)
    )


def settle_rows(settings: Settings, ended: Pool, output: Output) -> tuple[Task | None, Output]:
    """Write rows out that are finished.

    Args:
        settings: the problem.
        ended: rows that are done with their start.
        output: the answers so far.

    Returns:
        The tasks of the rows that start again (None where each row has but one start), and the
        output.
    """
    task, point, status = ended.task, ended.state.point, ended.status
    if settings.starts == 1:
        return None, write(settings, output, task, point, status)
    task, status, again = compare_starts(settings, task, point, status)
    retries = next_starts(settings, gather_rows(task, row_numbers(again)))
    finished = gather_rows((task._replace(best=()), point, status), row_numbers(~again))
    return retries, write(settings, output, *finished)
