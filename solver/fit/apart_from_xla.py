"""Operations that XLA leaves alone where TensorFlow clusters operations for it (auto-jit)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

_NEVER = tf.compat.v1.AttrValue(b=False)


def apart_from_xla(function: Callable) -> Callable:
    """The function, none of whose operations is to be clustered by XLA.

    The loop takes in and leaves out rows, so its tensors change their shapes, which XLA's may not:
    under `TF_XLA_FLAGS=--tf_xla_auto_jit=2` fits would fail.
    """

    def apart(*tensors: tf.Tensor) -> Any:
        # A device function is the one way that reaches into the graphs of loops and branches.
        with tf.compat.v1.get_default_graph().device(_mark):
            return function(*tensors)

    return apart


def _mark(operation: tf.Operation) -> str:
    operation._set_attr("_XlaCompile", _NEVER)
    return operation.device
