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

import tensorflow as tf

from ..pool.answers import unanswered, write
from ..pool.rows import Batch, Ended, Pool, new_rows, pool_specs
from ..results.fit_result import FitResult
from ..results.status import RUNNING
from ..rowwise.axes import row_count
from ..rowwise.loops import loop
from ..rowwise.tables import Layout, Tables, followed_by, gather, gather_rows, row_numbers
from ..search.multistart import begin, compare_starts, next_starts
from ..search.saddles import leave_saddles
from ..settings import Settings
from .kinks import name_kinks
from .step import step_pool

# The tasks of the rows in the pool, and what every step changes.
PoolTables = tuple[Tables, Tables]

# Remove done rows from the pool when one in this many is done. Larger: rows are copied more often;
# smaller: more done rows idle in the pool.
_SETTLE_SHARE = 8


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
        rows = batch_layout.unpack(tuple(gather(table, place) for table in batch_tables))
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
    return tf.nest.map_structure(lambda table: gather(table, numbers), pool)


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
