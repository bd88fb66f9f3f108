"""Pack the pool of rows into tables, the loop variables of the fit."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from ..rowwise.tables import Layout, Tables, followed_by
from .rows import Pool, Task


class PoolTables(NamedTuple):
    """A packed `Pool`.

    Attributes:
        fixed: tables that change only when a row enters the pool.
        moving: tables that change at every step.
    """

    fixed: Tables
    moving: Tables

    def rows(self, index: tf.Tensor) -> PoolTables:
        """The rows with these numbers."""
        return tf.nest.map_structure(lambda table: tf.gather(table, index), self)

    def followed_by(self, other: PoolTables) -> PoolTables:
        """Concatenate the rows of two pools."""
        return followed_by(self, other)


class PoolLayout:
    """Packs and unpacks a `Pool`.

    Args:
        example: a pool, or the specs of its tensors.
    """

    def __init__(self, example: Pool):
        fixed, moving = _parts(example)
        self._fixed, self._moving = Layout(fixed), Layout(moving)

    def no_rows(self) -> PoolTables:
        """The tables of an empty pool."""
        return PoolTables(self._fixed.no_rows(), self._moving.no_rows())

    def pack(self, pool: Pool) -> PoolTables:
        """Pack a pool."""
        return PoolTables(self._fixed.pack(_parts(pool)[0]), self.pack_moving(pool))

    def pack_moving(self, pool: Pool) -> Tables:
        """Pack only the part that changes at every step."""
        return self._moving.pack(_parts(pool)[1])

    def unpack(self, tables: PoolTables) -> Pool:
        """Unpack a pool."""
        task = self._fixed.unpack(tables.fixed)
        state, status, steps, scale, cause = self._moving.unpack(tables.moving)
        return Pool(task._replace(steps=steps, scale=scale, cause=cause), state, status)


def _parts(pool: Pool) -> tuple[Task, tuple[Any, ...]]:
    task = pool.task
    moving = (pool.state, pool.status, task.steps, task.scale, task.cause)
    return task._replace(steps=(), scale=(), cause=()), moving
