"""Keep operations out of XLA's automatic clustering (auto-jit)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_NEVER = tf.compat.v1.AttrValue(b=False)


def apart_from_xla(function: Callable) -> Callable:
    """Mark every operation of a function as not to be clustered by XLA.

    The number of rows in the loop changes from turn to turn, and XLA needs fixed shapes: under
    `TF_XLA_FLAGS=--tf_xla_auto_jit=2` fits would fail.
    """
    # A partial, and no nested function: TensorFlow counts how often functions of the same code are
    # traced, and would warn of the different functions of a solver as of one that is traced again.
    return functools.partial(_apart, function)


def _apart(function: Callable, *tensors: tf.Tensor) -> Any:
    # Only a device function reaches into the graphs of loops and branches.
    with tf.compat.v1.get_default_graph().device(_mark):
        return function(*tensors)


def _mark(operation: tf.Operation) -> str:
    operation._set_attr("_XlaCompile", _NEVER)
    return operation.device
