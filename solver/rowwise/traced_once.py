"""Functions that many graphs use and that are traced only once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .apart_from_xla import apart_from_xla


def traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of rows as a graph of its own, which other graphs call.

    TensorFlow builds graphs slowly, about half a millisecond for each operation. A function that a
    fit needs in several places, or that many solvers need, is built once for each size of its
    arguments. A call takes some microseconds longer than the operations themselves, so this is for
    functions of many operations that are run rarely or take long.

    Args:
        function: of tensors `[R, ...]` whose other sizes are known, without a derivative.

    Returns:
        The function; its results have no derivative.
    """

    @functools.cache
    def built(*specs: tf.TensorSpec) -> Any:
        graph = tf.function(apart_from_xla(function), input_signature=specs, autograph=False)
        with tf.init_scope():
            return graph.get_concrete_function()

    @functools.wraps(function)
    def call(*tensors: tf.Tensor) -> Any:
        stopped = [tf.stop_gradient(one) for one in tensors]
        if tf.executing_eagerly():
            return function(*stopped)
        return built(*(tf.TensorSpec([None, *one.shape[1:]], one.dtype) for one in stopped))(
            *stopped
        )

    return call
