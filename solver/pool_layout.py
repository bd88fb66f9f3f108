"""The pool of rows as tables: the variables of the loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from .packing import Layout
from .rows import Pool, Task


class PoolTables(NamedTuple):
    """A `Pool` in tables.

    Attributes:
        fixed: what changes only when a row enters the pool.
        moving: what changes at every step.
    """

    fixed: tuple[tf.Tensor, ...]
    moving: tuple[tf.Tensor, ...]

    def rows(self, index: tf.Tensor) -> PoolTables:
        """The rows with these numbers."""
        return tf.nest.map_structure(lambda table: tf.gather(table, index), self)

    def followed_by(self, other: PoolTables) -> PoolTables:
        """These rows and those of another pool."""
        return tf.nest.map_structure(lambda a, b: tf.concat([a, b], axis=0), self, other)


class PoolLayout:
    """How a `Pool` is packed.

    Args:
        example: a pool.
    """

    def __init__(self, example: Pool):
        fixed, moving = _parts(example)
        self._fixed, self._moving = Layout(fixed), Layout(moving)

    def pack(self, pool: Pool) -> PoolTables:
        """The tables of a pool."""
        return PoolTables(self._fixed.pack(_parts(pool)[0]), self.pack_moving(pool))

    def pack_moving(self, pool: Pool) -> tuple[tf.Tensor, ...]:
        """Only the part that changes at every step."""
        return self._moving.pack(_parts(pool)[1])

    def unpack(self, tables: PoolTables) -> Pool:
        """The pool in the tables."""
        task = self._fixed.unpack(tables.fixed)
        state, status, steps, scale = self._moving.unpack(tables.moving)
        return Pool(task._replace(steps=steps, scale=scale), state, status)


def _parts(pool: Pool) -> tuple[Task, tuple[Any, ...]]:
    task = pool.task
    return task._replace(steps=(), scale=()), (pool.state, pool.status, task.steps, task.scale)
