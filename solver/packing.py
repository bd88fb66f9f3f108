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

    A table begins with the numbers, tensors `[R]`, which one operation stacks and unstacks; vectors
    and what has more dimensions follow.

    Args:
        example: a nested structure of tensors, or of their specs, `[R, ...]`; only the first
            dimension may be unknown.
    """

    def __init__(self, example: Any):
        flat = tf.nest.flatten(example)
        self._example = example
        self._shapes = [tensor.shape[1:].as_list() for tensor in flat]
        self._tables: dict[tf.DType, tuple[list[int], list[int]]] = {}
        for place, tensor in enumerate(flat):
            numbers, others = self._tables.setdefault(tensor.dtype, ([], []))
            (others if self._shapes[place] else numbers).append(place)

    @property
    def width(self) -> int:
        """`K`, the columns of the table of a structure of one dtype."""
        return sum(math.prod(shape) for shape in self._shapes)

    def pack(self, structure: Any) -> tuple[tf.Tensor, ...]:
        """The tables `[R, K]`, one for each dtype, of a structure like the example."""
        flat = tf.nest.flatten(structure)
        return tuple(
            self._pack_table(flat, numbers, others) for numbers, others in self._tables.values()
        )

    def unpack(self, tables: tuple[tf.Tensor, ...]) -> Any:
        """The structure in the tables."""
        flat: list[Any] = [None] * len(self._shapes)
        for table, (numbers, others) in zip(tables, self._tables.values(), strict=True):
            widths = [math.prod(self._shapes[place]) for place in others]
            sizes = [len(numbers)] * bool(numbers) + widths
            blocks = tf.split(table, sizes, axis=1) if len(sizes) > 1 else [table]
            if numbers:
                for place, number in zip(numbers, tf.unstack(blocks.pop(0), axis=1), strict=True):
                    flat[place] = number
            for place, block in zip(others, blocks, strict=True):
                shape = self._shapes[place]
                flat[place] = block if len(shape) == 1 else tf.reshape(block, [-1, *shape])
        return tf.nest.pack_sequence_as(self._example, flat)

    def _pack_table(self, flat: list[Any], numbers: list[int], others: list[int]) -> tf.Tensor:
        blocks = [tf.stack([flat[place] for place in numbers], axis=1)] if numbers else []
        for place in others:
            shape = self._shapes[place]
            wide = (
                flat[place] if len(shape) == 1 else tf.reshape(flat[place], [-1, math.prod(shape)])
            )
            blocks.append(wide)
        return blocks[0] if len(blocks) == 1 else tf.concat(blocks, axis=1)


def gather_rows(structure: Any, index: tf.Tensor) -> Any:
    """The rows with these numbers, of every tensor `[R, ...]` of a structure."""
    layout = Layout(structure)
    return layout.unpack(tuple(tf.gather(table, index) for table in layout.pack(structure)))


def concatenate(one: Any, other: Any) -> Any:
    """The rows of both, of every tensor `[R, ...]` of two structures."""
    layout = Layout(one)
    tables = zip(layout.pack(one), layout.pack(other), strict=True)
    return layout.unpack(tuple(tf.concat(pair, axis=0) for pair in tables))


def select_rows(mask: tf.Tensor, yes: Any, no: Any) -> Any:
    """Row by row, `yes` where the mask `[R]` is true and `no` elsewhere."""
    layout = Layout(no)
    tables = zip(layout.pack(yes), layout.pack(no), strict=True)
    return layout.unpack(tuple(tf.where(mask[:, None], *pair) for pair in tables))
