"""Loops in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

_NO = tf.compat.v1.AttrValue(b=False)


def loop(
    condition: Callable[..., tf.Tensor],
    body: Callable[..., Any],
    variables: Any,
    shape_invariants: Any = None,
) -> Any:
    """`tf.while_loop` with sequential iterations and a body that is not inlined.

    TensorFlow would inline the body into the surrounding graph, to run iterations in parallel, and
    optimize that graph as a whole. For a fit this doubles the time to the first answer and makes
    each iteration a little slower.

    Args:
        condition: maps the variables to a bool scalar, whether to go on.
        body: maps the variables to their new values.
        variables: a structure of tensors.
        shape_invariants: the structure of their shapes, where these change.

    Returns:
        The variables after the last iteration.
    """
    found = tf.while_loop(
        condition, body, variables, shape_invariants=shape_invariants, parallel_iterations=1
    )
    if tf.executing_eagerly():
        return found
    operation = tf.nest.flatten(found)[0].op
    while operation.type == "Identity":
        operation = operation.inputs[0].op
    # The attribute that requests inlining; tf.while_loop has no argument for it.
    operation._set_attr("_lower_using_switch_merge", _NO)
    return found
