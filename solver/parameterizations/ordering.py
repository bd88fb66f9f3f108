"""Sort the levels of several blocks into one ascending order, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from .meeting import Meeting


class SortedVectors(NamedTuple):
    """The eigenvectors of each block, and the order `[B, n]` that sorts the levels; () for none."""

    blocks: tuple[Any, ...]
    order: Any


def ascending(levels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The levels `[B, n]` in ascending order, and the sorting permutation, `[B, n]` int32."""
    negative, order = tf.math.top_k(-levels, k=levels.shape[1])
    return -negative, order


def in_order(tensor: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Permute a field of the levels, `[B, n, ...]`, by `order` `[B, n]`."""
    return tf.gather(tensor, order, axis=1, batch_dims=1)


def back_in_blocks(
    order: tf.Tensor, values: tf.Tensor, weights: tf.Tensor, meeting: Meeting | None
) -> tuple[tf.Tensor, tf.Tensor, Meeting | None]:
    """Undo the sorting of the arguments of `level_curvature`: block after block.

    Args:
        order: `[B, n]`, from `ascending`.
        values: `[B, n]`, the sorted levels.
        weights: `[B, n]`, one for each sorted level.
        meeting: the `Meeting` of the sorted levels, or None.

    Returns:
        Values, weights and meeting in the order of the blocks.
    """
    back = tf.argsort(order, axis=1)
    if meeting is not None:
        meeting = Meeting(*(in_order(field, back) for field in meeting))
    return in_order(values, back), in_order(weights, back), meeting
