"""Large constants, held once for all graphs that use them.

A constant in a graph is copied with it: into the graphs of loops and branches, into those that
TensorFlow optimizes, into gradients. A tensor from outside is captured: each graph has a reference.
A SavedModel stores it once, and it is no variable, so no checkpoint can overwrite it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

# Smaller ones stay in the graph, where TensorFlow computes beforehand what follows from them alone.
_SMALLEST_BYTES = 2**18

# Not in the owners, which thus can be copied and pickled as before; it ends with them.
_tensors: weakref.WeakKeyDictionary[Any, dict[Any, tf.Tensor]] = weakref.WeakKeyDictionary()


def is_large(numbers: int) -> bool:
    """Whether so many numbers are held outside of graphs."""
    return 8 * numbers >= _SMALLEST_BYTES


def held(
    owner: Any, name: str, dtype: tf.DType, make: Callable[[], np.ndarray] | np.ndarray
) -> tf.Tensor:
    """A constant of an object that does not change: in the graph if it is small, else captured.

    No gradient by it is computed.

    Args:
        owner: what it belongs to, compared by identity.
        name: tells it from the owner's other constants.
        dtype: of the tensor.
        make: the numbers, or a function without arguments that makes them when first needed.

    Returns:
        A tensor.

    Example:
        >>> class Owner:
        ...     pass
        >>> held(Owner(), "numbers", tf.float64, np.arange(3)).numpy().tolist()
        [0.0, 1.0, 2.0]
    """
    known = _tensors.get(owner, {}).get((name, dtype))
    if known is not None:
        return tf.stop_gradient(known)
    array = make() if callable(make) else make
    if not is_large(array.size):
        return tf.constant(array, dtype)
    with tf.init_scope():
        if not tf.executing_eagerly():  # a graph of TensorFlow 1, in which nothing is outside
            return tf.constant(array, dtype)
        known = tf.constant(array, dtype)
    _tensors.setdefault(owner, {})[name, dtype] = known
    return tf.stop_gradient(known)
