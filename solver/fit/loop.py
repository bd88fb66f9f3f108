"""The fit of a batch: one `tf.while_loop` over a pool of unfinished rows.

The rows of a batch wait in a queue; a pool of bounded size holds the rows being fitted. In every
turn of the loop the pool takes steps of the method until one row in eight is done. Finished rows
are then written out, rows whose start failed begin again from their next start, rows at a saddle
point from a point beside it, and rows from the queue fill the free places. No row waits for the
slowest one, further starts of a row cost the others nothing, and memory does not grow with the
batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..methods import MethodState
from ..objective.evaluation import Point, evaluate, evaluate_curved
from ..objective.model import Data
from ..pool.answers import unanswered, write
from ..pool.reach import stop_runaways
from ..pool.rows import Batch, Ended, Pool, Task, new_rows, pool_specs
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

# The tasks of the rows in the pool, and what every step changes.
PoolTables = tuple[Tables, Tables]

# Remove done rows from the pool when one in this many is done. Larger: rows are copied more often;
# smaller: more done rows idle in the pool.
_SETTLE_SHARE = 8
# Upper limit of the spectral scale, relative to the largest target.
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
    waiting_layout = Layout(specs.before_its_start())
    task_layout, moving_layout = Layout(specs.task), Layout(specs._replace(task=()))
    no_answers = unanswered(settings, batch)
    answer_layout = Layout(no_answers)

    def admit(place: tf.Tensor) -> Tables:
        """The rows at these places of the batch, packed."""
        rows = batch_layout.unpack(tuple(tf.gather(table, place) for table in batch_tables))
        return waiting_layout.pack(new_rows(settings, rows, place))

    def unfinished(left: tf.Tensor, *others: Any) -> tf.Tensor:
        del others
        return left > 0

    def turn(
        left: tf.Tensor, taken: tf.Tensor, again: Tables, kept: PoolTables, answers: Tables
    ) -> tuple[tf.Tensor, tf.Tensor, Tables, PoolTables, Tables]:
        """Fill the pool, take steps, and remove the rows that are done.

        Args:
            left: int32 scalar, the number of rows without an answer.
            taken: int32 scalar, how many rows of the queue have entered the pool.
            again: the rows that begin again.
            kept: the rows that stay in the pool.
            answers: those so far.
        """
        waiting = tf.size(queue)
        capacity = settings.pool_rows if settings.compaction else waiting
        room = capacity - row_count(kept[0][0]) - row_count(again[0])
        upto = tf.minimum(taken + room, waiting)
        entering = followed_by(again, admit(queue[taken:upto]))
        new = pack(begin(settings, waiting_layout.unpack(entering)))
        tasks, moving = followed_by(kept, new)
        pool = (tasks, step_until_ready(tasks, moving))
        running = unpack(*pool).status == RUNNING
        retries, ended = settle(settings, unpack(*_rows(pool, row_numbers(~running))))
        again = waiting_layout.pack(retries)
        left -= tf.size(ended.status)
        kept = _rows(pool, row_numbers(running))
        return left, upto, again, kept, write(settings, answer_layout, answers, ended)

    def pack(pool: Pool) -> PoolTables:
        return task_layout.pack(pool.task), moving_layout.pack(pool._replace(task=()))

    def unpack(tasks: Tables, moving: Tables) -> Pool:
        return moving_layout.unpack(moving)._replace(task=task_layout.unpack(tasks))

    def step_until_ready(tasks: Tables, moving: Tables) -> Tables:
        """Take steps until enough rows are done, in an inner loop that carries `moving` only."""
        size = row_count(tasks[0])
        enough = (size + _SETTLE_SHARE - 1) // _SETTLE_SHARE if settings.compaction else size

        def too_few(moving: Tables, done: tf.Tensor) -> tf.Tensor:
            del moving
            return done < enough

        def step(moving: Tables, done: tf.Tensor) -> tuple[Tables, tf.Tensor]:
            stepped = step_pool(settings, unpack(tasks, moving))
            done = tf.math.count_nonzero(stepped.status != RUNNING, dtype=tf.int32)
            return moving_layout.pack(stepped._replace(task=())), done

        moving, _ = loop(too_few, step, (moving, tf.constant(0)))
        return moving

    variables = (
        tf.size(queue),
        tf.constant(0),
        waiting_layout.no_rows(),
        (task_layout.no_rows(), moving_layout.no_rows()),
        answer_layout.pack(no_answers),
    )
    # Row counts change from turn to turn.
    shapes = tf.nest.map_structure(
        lambda tensor: tf.TensorShape([None, *tensor.shape[1:]] if tensor.shape.rank else []),
        variables,
    )
    *_, answers = loop(unfinished, turn, variables, shapes)
    return answer_layout.unpack(answers)


def _rows(pool: PoolTables, numbers: tf.Tensor) -> PoolTables:
    return tf.nest.map_structure(lambda table: tf.gather(table, numbers), pool)


def step_pool(settings: Settings, pool: Pool) -> Pool:
    """Take one step in every running row and update its status."""
    task, state = pool.task, pool.state
    active = pool.status == RUNNING
    if _uses_curvature(settings):
        trial, curvature = evaluate_curved(settings.model, state.trial, task.data)
        curved = _wants_curvature(settings, task)
        state = settings.method.step(state, trial, active, task.data, curvature, curved)
    else:
        trial = _evaluate_trial(settings, state, task.data)
        state = settings.method.step(state, trial, active, task.data)
    measured = spectral_scale(settings, task.data, trial.eigenvalues)
    # The scale is measured at the first finite matrix.
    known = (pool.scale > 0) | (trial.loss == trial.loss.dtype.max)
    pool = pool._replace(
        state=state,
        steps=pool.steps + tf.cast(active, tf.int32),
        scale=tf.where(known, pool.scale, measured),
    )
    status, cause = _ends(settings, pool)
    pool = pool._replace(
        status=tf.where(active, status, pool.status), cause=tf.where(active, cause, pool.cause)
    )
    if _follows_levels(settings):
        pool = _evaluate_again(settings, pool, active & (pool.status != RUNNING))
    return pool


def _ends(settings: Settings, pool: Pool) -> tuple[tf.Tensor, tf.Tensor]:
    """Status and cause of each row at its accepted point, `[R]` int32."""
    status, cause = certify(settings, pool)
    return stop_runaways(settings, pool, status), cause


def _uses_curvature(settings: Settings) -> bool:
    """Whether the method may use second derivatives of the levels.

    Not with more parameters than targets, where the residual mostly vanishes; nor with robust
    losses, whose second derivative jumps where a level becomes an outlier; nor where only a few
    levels are computed.
    """
    model = settings.model
    few_parameters = model.parameterization.num_parameters <= model.comparison.num_targets
    smooth = model.loss.is_linear and model.few is None
    return settings.method.uses_curvature and few_parameters and smooth


def _wants_curvature(settings: Settings, task: Task) -> tf.Tensor | None:
    """`[R]` bool, in which rows the method may use second derivatives; None for all.

    With as many parameters as targets, only in the refinement: a start whose residual does not
    vanish is better abandoned for the next one.
    """
    spare = settings.parameterization.num_parameters < settings.model.comparison.num_targets
    return None if spare or settings.starts == 1 else task.refining


def _follows_levels(settings: Settings) -> bool:
    """Whether only a few levels are computed, starting from those of the accepted point."""
    return settings.model.few is not None and not settings.method.needs_hessian


def _evaluate_trial(settings: Settings, state: MethodState, data: Data) -> Point:
    near = None
    if _follows_levels(settings):
        known = state.point.loss < state.point.loss.dtype.max
        nan = tf.constant(np.nan, state.point.eigenvalues.dtype)
        near = tf.where(known[:, None], state.point.eigenvalues, nan)
    return evaluate(settings.model, state.trial, data, settings.method.needs_hessian, near)


def _evaluate_again(settings: Settings, pool: Pool, ended: tf.Tensor) -> Pool:
    """Evaluate the points of ended rows again with all levels, and repeat the convergence test."""

    def confirmed(pool: Pool) -> tuple[Point, tf.Tensor, tf.Tensor]:
        point = evaluate(settings.model, pool.state.point.parameters, pool.task.data)
        return point, *_ends(settings, pool._replace(state=pool.state._replace(point=point)))

    old = (pool.state.point, pool.status, pool.cause)
    point, status, cause = on_rows(ended, old, (pool,), confirmed)
    return pool._replace(state=pool.state._replace(point=point), status=status, cause=cause)


def spectral_scale(settings: Settings, data: Data, levels: tf.Tensor) -> tf.Tensor:
    """`[R]`, `min(max(|t|, |f(x)|), 10 max |t|)`, in the unit of the levels; `max |f|` if t = 0.

    The limit guards against a start far from the targets, for instance in another unit, whose
    levels would make the tolerance meaningless.

    Args:
        settings: the problem.
        data: of `R` rows.
        levels: `[R, n]`, at the first start.
    """
    comparison = settings.model.comparison
    assignment = comparison.assign(levels, data.targets, data.weights)
    observed = comparison.observe(levels, assignment)
    if comparison.centred:  # centring makes unobserved entries nonzero
        seen = data.weights > 0
        observed = tf.where(seen, comparison.centre(observed, data.weights), 0.0)
        targets = tf.where(seen, comparison.centre(data.targets, data.weights), 0.0)
    else:
        targets = data.targets
    wanted = tf.reduce_max(tf.abs(targets), axis=-1)
    scale = tf.maximum(wanted, tf.reduce_max(tf.abs(observed), axis=-1))
    return tf.where(wanted > 0, tf.minimum(scale, _MOST_ABOVE_TARGETS * wanted), scale)


def settle(settings: Settings, done: Pool) -> tuple[Pool, Ended]:
    """Divide done rows into those that begin again and those that have their answer."""
    done, again = leave_saddles(settings, done)
    ended = Ended(done.task, done.steps, done.state.point, done.status, done.cause)
    if settings.starts > 1:
        ended, elsewhere = compare_starts(settings, ended)
        again |= elsewhere
    retries = gather_rows(Pool(ended.task, ended.steps, done.scale), row_numbers(again))
    if settings.starts > 1:
        retries = next_starts(settings, retries)
    finished = ended._replace(task=ended.task._replace(best=()))
    return retries, name_kinks(settings, gather_rows(finished, row_numbers(~again)))
