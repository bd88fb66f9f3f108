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
    """`tf.while_loop`, one turn after the other, with a body that stays a function.

    TensorFlow would copy the body into the graph around the loop, to run several turns at once, and
    optimize that graph as a whole. For a fit this doubles the time before the first answer, and
    each turn takes a little longer.

    Args:
        condition: of the variables, whether there is another turn.
        body: of the variables, what they are after a turn.
        variables: a structure of tensors.
        shape_invariants: the structure of their shapes, where these change.

    Returns:
        The variables after the last turn.
    """
    found = tf.while_loop(
        condition, body, variables, shape_invariants=shape_invariants, parallel_iterations=1
    )
    if tf.executing_eagerly():
        return found
    operation = tf.nest.flatten(found)[0].op
    while operation.type == "Identity":
        operation = operation.inputs[0].op
    # The attribute by which TensorFlow knows what to copy; there is no argument for it.
    operation._set_attr("_lower_using_switch_merge", _NO)
    return found
