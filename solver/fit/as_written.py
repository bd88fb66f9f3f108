"""Methods that run as they are written in the graphs of callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

Function = TypeVar("Function", bound=Callable[..., Any])


def as_written(method: Function) -> Function:
    """Keep AutoGraph from rewriting a method, and all functions that it calls.

    A caller's `tf.function` and `tf.data.Dataset.map` use AutoGraph by default. Nothing in a solver
    needs it: conditions on tensors are operations. Rewriting a fit takes more than two seconds, as
    long as building its graph.
    """
    # The mark alone, as doctest does not find the examples of a wrapped method.
    marked = vars(tf.autograph.experimental.do_not_convert(method))
    for name in marked.keys() - {"__wrapped__"}:
        setattr(method, name, marked[name])
    return method
