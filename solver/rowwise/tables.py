"""Pack many tensors `[R, ...]` into a few wide tables, and operate on rows.

A loop has a cost for each variable and iteration, and gathering rows one for each tensor: for few
rows they exceed the arithmetic. So the scalars and vectors of a row are packed into one table for
each dtype. Matrices are not: for many rows copying them costs more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .axes import repeated

Tables = tuple[tf.Tensor, ...]


class Layout:
    """The columns of each tensor of a structure in the tables.

    There is one table for each dtype: first the scalars, tensors `[R]`, which one operation stacks
    and unstacks, then the vectors `[R, k]`. A tensor of higher rank is a table of its own.

    Args:
        example: a nested structure of tensors or `TensorSpec`s `[R, ...]`; only the first dimension
            may be unknown.
    """

    def __init__(self, example: Any):
        flat = tf.nest.flatten(example)
        self._example = example
        self._widths = [math.prod(tensor.shape[1:].as_list()) for tensor in flat]
        self._tables: dict[tf.DType, tuple[list[int], list[int]]] = {}
        self._alone = [place for place, tensor in enumerate(flat) if tensor.shape.rank > 2]
        for place, tensor in enumerate(flat):
            if tensor.shape.rank <= 2:
                numbers, vectors = self._tables.setdefault(tensor.dtype, ([], []))
                (vectors if tensor.shape.rank == 2 else numbers).append(place)

    def pack(self, structure: Any) -> Tables:
        """Pack a structure into tables: `[R, K]` for each dtype, then tensors of higher rank."""
        flat = tf.nest.flatten(structure)
        tables = [_join(flat, numbers, vectors) for numbers, vectors in self._tables.values()]
        return (*tables, *(flat[place] for place in self._alone))

    def no_rows(self) -> Tables:
        """The tables of a structure without rows."""
        flat = tf.nest.flatten(self._example)
        widths = [
            (dtype, [sum(self._widths[place] for places in found for place in places)])
            for dtype, found in self._tables.items()
        ]
        alone = [(flat[place].dtype, flat[place].shape[1:]) for place in self._alone]
        return tuple(tf.zeros([0, *shape], dtype) for dtype, shape in (*widths, *alone))

    def unpack(self, tables: Tables) -> Any:
        """Unpack the structure from its tables."""
        flat: list[Any] = [None] * len(self._widths)
        joined, alone = tables[: len(self._tables)], tables[len(self._tables) :]
        for table, (numbers, vectors) in zip(joined, self._tables.values(), strict=True):
            sizes = [len(numbers)] * bool(numbers) + [self._widths[place] for place in vectors]
            blocks = tf.split(table, sizes, axis=1) if len(sizes) > 1 else [table]
            if numbers:
                for place, number in zip(numbers, tf.unstack(blocks.pop(0), axis=1), strict=True):
                    flat[place] = number
            for place, block in zip(vectors, blocks, strict=True):
                flat[place] = block
        for place, table in zip(self._alone, alone, strict=True):
            flat[place] = table
        return tf.nest.pack_sequence_as(self._example, flat)


def _join(flat: list[Any], numbers: list[int], vectors: list[int]) -> tf.Tensor:
    """The table `[R, K]` of the scalars and vectors of one dtype."""
    blocks = [tf.stack([flat[place] for place in numbers], axis=1)] if numbers else []
    blocks += [flat[place] for place in vectors]
    return blocks[0] if len(blocks) == 1 else tf.concat(blocks, axis=1)


def zeros_like_specs(specs: Any, rows: tf.Tensor) -> Any:
    """Zeros with this number of rows for a structure of specs `[None, ...]` of one dtype."""
    flat = tf.nest.flatten(specs)
    by_shape = {tuple(spec.shape[1:]): spec.dtype for spec in flat}
    zeros = {shape: tf.zeros([rows, *shape], dtype) for shape, dtype in by_shape.items()}
    return tf.nest.map_structure(lambda spec: zeros[tuple(spec.shape[1:])], specs)


def gather_rows(structure: Any, index: tf.Tensor) -> Any:
    """`tf.gather` of rows from every tensor `[R, ...]` of a structure."""
    layout = Layout(structure)
    return layout.unpack(tuple(gather(table, index) for table in layout.pack(structure)))


def gather(table: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """`tf.gather` of rows in one operation, without a constant for the axis."""
    return tf.raw_ops.Gather(params=table, indices=index)


def repeat_rows(structure: Any, times: int) -> Any:
    """Every tensor `[R, ...]` of a structure with each row several times in a row."""
    layout = Layout(structure)
    return layout.unpack(tuple(repeated(table, times) for table in layout.pack(structure)))


def on_rows(mask: tf.Tensor, old: Any, wanted: Any, compute: Callable[..., Any]) -> Any:
    """Compute new values only in the rows of a mask; nothing runs if there are none.

    Args:
        mask: `[R]` bool.
        old: a structure of tensors `[R, ...]`.
        wanted: a tuple of structures of tensors `[R, ...]`, the arguments of `compute`.
        compute: maps the masked rows of the arguments to new rows of `old`.

    Returns:
        `old` with the new rows.
    """

    def some() -> Any:
        rows = tf.where(mask)
        new = compute(*gather_rows(wanted, tf.squeeze(rows, 1)))
        put = lambda one, other: tf.tensor_scatter_nd_update(one, rows, other)  # noqa: E731
        return tf.nest.map_structure(put, old, new)

    return tf.cond(tf.reduce_any(mask), some, lambda: old)


def row_numbers(mask: tf.Tensor) -> tf.Tensor:
    """The indices of the rows where the mask `[R]` is true, int32."""
    return tf.cast(tf.squeeze(tf.where(mask), 1), tf.int32)


def followed_by(one: Any, other: Any) -> Any:
    """Concatenate the rows of two structures, tensor by tensor."""
    return tf.nest.map_structure(lambda a, b: tf.concat([a, b], axis=0), one, other)


def select_rows(mask: tf.Tensor, yes: Any, no: Any) -> Any:
    """Rows of `yes` where the mask `[R]` is true, else of `no`, for every tensor."""
    # `tf.where` broadcasts the mask and is several times slower than copying whole rows.
    choose = lambda one, other: tf.raw_ops.Select(condition=mask, x=one, y=other)  # noqa: E731
    return tf.nest.map_structure(choose, yes, no)
