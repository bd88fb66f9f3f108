"""Many tensors of rows as a few wide ones.

A loop pays for every variable at every turn, and picking rows pays for every tensor: for a handful
of rows that costs more than the arithmetic. So what a row carries travels as one table of each
dtype.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf


class Layout:
    """Where each tensor of a structure stands in the tables.

    Args:
        example: a nested structure of tensors, or of their specs, `[R, ...]`; only the first
            dimension may be unknown.
    """

    def __init__(self, example: Any):
        flat = tf.nest.flatten(example)
        self._example = example
        self._shapes = [tensor.shape[1:].as_list() for tensor in flat]
        self._dtypes = [tensor.dtype for tensor in flat]
        self._kinds = list(dict.fromkeys(self._dtypes))

    def pack(self, structure: Any) -> tuple[tf.Tensor, ...]:
        """The tables `[R, K]`, one for each dtype, of a structure like the example."""
        flat = [
            tf.reshape(tensor, [-1, math.prod(shape)])
            for tensor, shape in zip(tf.nest.flatten(structure), self._shapes, strict=True)
        ]
        return tuple(
            tf.concat([t for t, dtype in zip(flat, self._dtypes, strict=True) if dtype == kind], 1)
            for kind in self._kinds
        )

    def unpack(self, tables: tuple[tf.Tensor, ...]) -> Any:
        """The structure in the tables."""
        flat: list[Any] = [None] * len(self._shapes)
        for kind, table in zip(self._kinds, tables, strict=True):
            places = [i for i, dtype in enumerate(self._dtypes) if dtype == kind]
            widths = [math.prod(self._shapes[i]) for i in places]
            for i, piece in zip(places, tf.split(table, widths, axis=1), strict=True):
                flat[i] = tf.reshape(piece, [-1, *self._shapes[i]])
        return tf.nest.pack_sequence_as(self._example, flat)
