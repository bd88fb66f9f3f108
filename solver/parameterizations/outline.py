"""What a function of tensors returns, found out without running anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def outline(function: Callable[[tf.Tensor], Any], spec: tf.TensorSpec) -> tf.Tensor:
    """What the function returns for such a tensor: a tensor of a graph that is thrown away.

    A `tf.function` would do, but it starts TensorFlow's threads, and a process that is forked from
    one that has them hangs when it uses TensorFlow. A solver that was only made leaves it at that.

    Example:
        >>> outline(lambda x: x[:, :2], tf.TensorSpec([None, 3], tf.float64)).shape
        TensorShape([None, 2])
    """
    graph = tf.__internal__.FuncGraph("outline")
    with graph.as_default():
        return tf.convert_to_tensor(function(tf.compat.v1.placeholder(spec.dtype, spec.shape)))
