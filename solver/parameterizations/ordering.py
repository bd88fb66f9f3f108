"""Sort the levels of several blocks into one ascending order, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from .weighted_levels import WeightedLevels


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


def back_in_blocks(order: tf.Tensor, levels: WeightedLevels) -> WeightedLevels:
    """Undo the sorting: the levels block after block.

    Args:
        order: `[B, n]`, from `ascending`.
        levels: the sorted levels.
    """
    back = tf.argsort(order, axis=1)
    return levels.each(lambda field: in_order(field, back))
