"""Large constants, stored once and captured by all graphs that use them.

A constant in a graph is copied with the graph: into the bodies of loops and branches, into
optimized graphs, into gradients. A tensor from outside is captured by reference. A SavedModel
stores it once, and as it is no variable, no checkpoint can overwrite it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

# Smaller constants stay in the graph, where TensorFlow can fold them.
_SMALLEST_BYTES = 2**18

# Not attributes of the owners, so that these can be copied and pickled; freed with the owners.
_tensors: weakref.WeakKeyDictionary[Any, dict[Any, tf.Tensor]] = weakref.WeakKeyDictionary()


def is_large(numbers: int) -> bool:
    """Whether a constant with this many float64 numbers is stored outside of graphs."""
    return 8 * numbers >= _SMALLEST_BYTES


def matching(dtype: tf.DType, is_complex: bool) -> tf.DType:
    """The real dtype, or the complex one of the same precision."""
    if not is_complex:
        return dtype
    return tf.complex64 if dtype == tf.float32 else tf.complex128


def captured(
    owner: Any, name: str, dtype: tf.DType, make: Callable[[], np.ndarray] | np.ndarray
) -> tf.Tensor:
    """A constant of an immutable object: in the graph if it is small, else captured.

    Gradients stop at it.

    Args:
        owner: the object, a key by identity.
        name: the key among the constants of the owner.
        dtype: of the tensor.
        make: the array, or a function that returns it when first needed.

    Returns:
        A tensor of the shape of the array.

    Example:
        >>> class Owner:
        ...     pass
        >>> captured(Owner(), "numbers", tf.float64, np.arange(3)).numpy().tolist()
        [0.0, 1.0, 2.0]
    """
    known = _tensors.get(owner, {}).get((name, dtype))
    if known is not None:
        return tf.stop_gradient(known)
    array = make() if callable(make) else make
    if not is_large(array.size):
        return tf.constant(array, dtype)
    with tf.init_scope():
        if not tf.executing_eagerly():  # a TensorFlow 1 graph cannot capture
            return tf.constant(array, dtype)
        known = tf.constant(array, dtype)
    _tensors.setdefault(owner, {})[name, dtype] = known
    return tf.stop_gradient(known)
