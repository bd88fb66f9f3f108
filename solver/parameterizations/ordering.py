"""Levels of several blocks in one ascending order, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from .meeting import Meeting


class SortedVectors(NamedTuple):
    """Eigenvectors of blocks, and the order `[B, n]` that makes all levels ascend; () for none."""

    blocks: tuple[Any, ...]
    order: Any


def ascending(levels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The levels `[B, n]` in ascending order, and where each of them was, `[B, n]` int32."""
    negative, order = tf.math.top_k(-levels, k=levels.shape[1])
    return -negative, order


def in_order(tensor: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """What belongs to the levels, `[B, n, ...]`, in this order."""
    return tf.gather(tensor, order, axis=1, batch_dims=1)


def back_in_blocks(
    order: tf.Tensor, values: tf.Tensor, weights: tf.Tensor, meeting: Meeting | None
) -> tuple[tf.Tensor, tf.Tensor, Meeting | None]:
    """What `level_curvature` gets for ascending levels, block after block.

    Args:
        order: `[B, n]`, as from `ascending`.
        values: `[B, n]`, the levels.
        weights: `[B, n]`, one for each.
        meeting: of these levels, or None.
    """
    back = tf.argsort(order, axis=1)
    if meeting is not None:
        meeting = Meeting(*(in_order(field, back) for field in meeting))
    return in_order(values, back), in_order(weights, back), meeting
