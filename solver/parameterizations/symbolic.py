"""Shape inference: trace a function of a tensor without running it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def symbolic(function: Callable[..., Any], *specs: tf.TensorSpec) -> tf.Tensor:
    """The symbolic result of a function, with its shape and dtype, in a temporary graph.

    Not `tf.function`: that starts TensorFlow's threads, and a process forked after that hangs when
    it uses TensorFlow. So constructing a solver does not start them.

    Args:
        function: maps tensors to a tensor.
        *specs: shape and dtype of each argument.

    Returns:
        A symbolic tensor.

    Example:
        >>> symbolic(lambda x: x[:, :2], tf.TensorSpec([None, 3], tf.float64)).shape
        TensorShape([None, 2])
    """
    graph = tf.__internal__.FuncGraph("symbolic")
    with graph.as_default():
        given = [tf.compat.v1.placeholder(spec.dtype, spec.shape) for spec in specs]
        return tf.convert_to_tensor(function(*given))
