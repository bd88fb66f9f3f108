"""Fits of a few rows that record every step, for plots."""

from __future__ import annotations

import tensorflow as tf

from ..pool.rows import Batch, Pool, new_rows
from ..results.fit_result import Trace
from ..results.status import RUNNING, Status
from ..rowwise.axes import row_count
from ..rowwise.loops import loop
from ..rowwise.tables import select_rows
from ..search.multistart import begin
from ..search.saddles import leave_saddles
from ..settings import Settings
from .step import step_pool


def trace_rows(settings: Settings, batch: Batch) -> Trace:
    """Fit every row from its first start and record every accepted point.

    Args:
        settings: the problem and the method.
        batch: the checked input.

    Returns:
        A `Trace`; NaN in rows that could not be fitted.
    """
    rows = tf.range(row_count(batch.initial))
    new = new_rows(settings, batch, rows)
    # The first start gets all steps and the full tolerance.
    one = tf.ones_like(rows)
    task = new.task._replace(attempt=settings.starts * one, last=one)
    pool = begin(settings, new._replace(task=task))
    pool = pool._replace(status=tf.where(batch.cause == 0, RUNNING, int(Status.INVALID_INPUT)))
    kept = pool.state.point

    def history(tensor: tf.Tensor) -> tf.TensorArray:
        return tf.TensorArray(
            tensor.dtype, size=0, dynamic_size=True, element_shape=[None, *tensor.shape[1:]]
        )

    histories = tuple(history(x) for x in (kept.parameters, kept.eigenvalues, kept.loss))

    def unfinished(pool: Pool, turn: tf.Tensor, histories: tuple) -> tf.Tensor:
        del histories
        return tf.reduce_any(pool.status == RUNNING) | (turn == 0)

    def one_turn(pool: Pool, turn: tf.Tensor, histories: tuple) -> tuple[Pool, tf.Tensor, tuple]:
        status = pool.status
        pool = step_pool(settings, pool)
        point = pool.state.point
        values = (point.parameters, point.eigenvalues, point.loss)
        histories = tuple(h.write(turn, v) for h, v in zip(histories, values, strict=True))
        ended = (status == RUNNING) & (pool.status != RUNNING)
        return _restart_at_saddles(settings, pool, ended), turn + 1, histories

    pool, _, histories = loop(unfinished, one_turn, (pool, tf.constant(0), histories))
    nan = tf.constant(float("nan"), batch.initial.dtype)
    failed = (pool.status < 0)[:, None]
    structure = settings.model.structure(batch.data)
    parameters, eigenvalues, loss = (
        tf.transpose(h.stack(), [1, 0, *range(2, rank)])
        for h, rank in zip(histories, (3, 3, 2), strict=True)
    )
    return Trace(
        parameters=tf.where(failed[:, :, None], nan, parameters),
        eigenvalues=tf.where(failed[:, :, None], nan, structure.without_absent(eigenvalues)),
        loss=tf.where(failed, nan, loss),
        steps=tf.maximum(pool.steps, 0),  # -1 in an invalid row, which is never evaluated
        status=pool.status,
    )


def _restart_at_saddles(settings: Settings, pool: Pool, ended: tf.Tensor) -> Pool:
    """Restart rows that have just ended, `[R]` bool, at a saddle point from beside it."""
    lately = pool._replace(status=tf.where(ended, pool.status, RUNNING))
    lately, again = leave_saddles(settings, lately)
    pool = pool._replace(status=tf.where(ended, lately.status, pool.status))
    return tf.cond(
        tf.reduce_any(again),
        lambda: select_rows(again, begin(settings, lately.before_its_start()), pool),
        lambda: pool,
    )
