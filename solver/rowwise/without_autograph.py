"""Keep AutoGraph from rewriting what a caller's `tf.function` calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

Method = TypeVar("Method", bound=Callable[..., Any])


def without_autograph(method: Method) -> Method:
    """The method, called as it is inside a `tf.function` that AutoGraph rewrites.

    By default `tf.function` rewrites the Python code of every function on the way, which takes
    three seconds for a fit and changes nothing: the loops and branches here are TensorFlow's.
    """
    return tf.autograph.experimental.do_not_convert(method)
