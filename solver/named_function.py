"""Functions of parameters that users write: called by parameter name, or on all of them at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .checks import is_number, show
from .rowwise.axes import new_axis
from .rowwise.elementwise import in_row_packets

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def names_asked_for(
    owner: str, function: Callable[..., Any], names: Sequence[str], missing: Sequence[str] = ()
) -> tuple[str, ...] | None:
    """The parameters that a function takes by name; None if it takes all as one tensor.

    Args:
        owner: the method named in error messages.
        function: either its arguments are names of parameters (all of them with `**`), or it has
            one argument of another name.
        names: of the parameters.
        missing: names that could be parameters too, for the message.

    Raises:
        ValueError: for anything that is no function, or for other arguments.

    Example:
        >>> names_asked_for("derived", lambda a, c: a * c, ["a", "b", "c"])
        ('a', 'c')
        >>> names_asked_for("derived", lambda x: x[:, 0], ["a", "b", "c"]) is None
        True
    """
    if not callable(function):
        raise ValueError(
            f"{owner}: function must be a function of TensorFlow operations, such as "
            f"lambda {names[0]}: tf.exp({names[0]}), got {function!r}."
        )
    try:
        plain = getattr(function, "python_function", function)  # that of a tf.function
        arguments = list(inspect.signature(plain).parameters.values())
    except (TypeError, ValueError):  # some functions of C code do not tell their arguments
        return None
    if any(argument.kind == inspect.Parameter.VAR_KEYWORD for argument in arguments):
        return tuple(names)
    asked = tuple(a.name for a in arguments if a.kind in _BY_NAME and a.name in names)
    others = [
        argument.name
        for argument in arguments
        if argument.default is inspect.Parameter.empty
        and argument.kind != inspect.Parameter.VAR_POSITIONAL
        and argument.name not in asked
    ]
    if asked and not others:
        return asked
    if not asked and len(others) == 1:
        return None
    left_out = [name for name in others if name in missing]
    hint = f" Put {', '.join(left_out)} into names too." if left_out else ""
    raise ValueError(
        f"{owner}: the arguments of function must be parameters, {', '.join(names)}, or it must "
        f"have one other argument, for all of them as [rows, {len(names)}]; got the arguments "
        f"({', '.join(argument.name for argument in arguments)}).{hint}"
    )


def call(
    function: Callable[..., Any], asked: Sequence[str] | None, names: Sequence[str], rows: tf.Tensor
) -> Any:
    """The value of a function at parameters `[B, p]`; `asked` is from `names_asked_for`."""
    if asked is None:
        return function(rows)
    columns = tf.unstack(rows, axis=1)
    return function(**{name: columns[names.index(name)] for name in asked})


def columns_by_name(owner: str, value: Mapping[str, Any], rows: tf.Tensor) -> dict[str, tf.Tensor]:
    """A dict of tensors `[B]` or numbers, as a dict of tensors `[B]` of the dtype of the rows.

    Args:
        owner: the method named in error messages.
        value: what a function returned.
        rows: `[B, p]`, its parameters.

    Raises:
        ValueError: for other entries.
    """
    found = {}
    for name, entry in value.items():
        if not isinstance(name, str):
            raise ValueError(f"{owner}: function must return a dict by name, got the key {name!r}.")
        found[name] = as_result(owner, f"{name!r}", entry, rows)
        if found[name].shape.rank != 1:
            raise ValueError(
                f"{owner}: function must return one number for each row, of shape [rows], for "
                f"{name!r}, got shape {show(found[name].shape)}."
            )
    return found


def as_result(owner: str, what: str, value: Any, rows: tf.Tensor) -> tf.Tensor:
    """What a function returned, as a tensor of the dtype of the rows; a number becomes `[B]`.

    Raises:
        ValueError: for NumPy arrays, other dtypes, or another number of rows.
    """
    if is_number(value):
        return tf.zeros_like(rows[:, 0]) + tf.constant(float(value), rows.dtype)
    if not tf.is_tensor(value):
        raise ValueError(
            f"{owner}: function must return tensors, got {type(value).__name__} for {what}; use "
            "TensorFlow operations, such as tf.sqrt for np.sqrt: others have no derivative."
        )
    if value.dtype != rows.dtype:
        raise ValueError(
            f"{owner}: function must return {rows.dtype.name}, the dtype of its arguments, got "
            f"{value.dtype.name} for {what}."
        )
    if value.shape.rank == 0:
        return tf.zeros_like(rows[:, 0]) + value
    if value.shape.rank is not None and not value.shape[:1].is_compatible_with(rows.shape[:1]):
        raise ValueError(
            f"{owner}: function must return one entry for each row, got shape "
            f"{show(value.shape)} for {what} with parameters of shape {show(rows.shape)}."
        )
    return value


def value_and_slopes(
    owner: str, table: Callable[[tf.Tensor], tf.Tensor], count: int, rows: tf.Tensor
) -> tf.Tensor:
    """The values of k functions of parameters and their derivatives, by reverse accumulation.

    Args:
        owner: the method named in error messages.
        table: from `[B, p]` to `[B, k]`, row by row.
        count: k.
        rows: `[B, p]`.

    Returns:
        `[B, k, 1 + p]`, the values first.

    Raises:
        ValueError: if the functions have no derivatives.
    """
    # The rows once for each function, whose gradient is one row of the Jacobian.
    repeated = tf.tile(rows, [count, 1])
    unit = tf.constant(np.eye(count)[:, None], rows.dtype)
    with tf.GradientTape() as tape:
        tape.watch(repeated)
        every = tf.reshape(table(repeated), [count, -1, count])
        total = tf.reduce_sum(every * unit)
    slopes = tape.gradient(total, repeated)
    if slopes is None:
        raise ValueError(
            f"{owner}: function has no derivative by the parameters; use TensorFlow operations "
            "that have one (tf.sqrt, not np.sqrt; tf.round and tf.argmax have none)."
        )
    slopes = tf.transpose(tf.reshape(slopes, [count, -1, rows.shape[1]]), [1, 0, 2])
    return tf.concat([new_axis(every[0], 2), slopes], axis=2)


def values_and_slopes(
    owner: str, function: Callable[..., Any], names: Sequence[str], rows: tf.Tensor
) -> tuple[tuple[str, ...], tf.Tensor, tf.Tensor]:
    """The results of a user's function of parameters, and their derivatives.

    Args:
        owner: the method named in error messages.
        function: see `names_asked_for`; it returns a dict of `[B]` by name, `[B]`, or `[B, k]`.
        names: of the parameters.
        rows: `[B, p]`.

    Returns:
        The names of the results, `f0, f1, ...` if the function has none; the values `[B, k]`; and
        their derivatives, `[B, k, p]`.

    Raises:
        ValueError: for another result, or one without derivatives.
    """
    asked = names_asked_for(owner, function, names)
    found: list[str] = []

    def table(points: tf.Tensor) -> tf.Tensor:
        value = call(function, asked, names, points)
        if isinstance(value, Mapping):
            columns = columns_by_name(owner, value, points)
            found[:] = columns
            if not columns:
                raise ValueError(f"{owner}: function must return a value, got an empty dict.")
            return tf.stack(list(columns.values()), axis=1)
        result = as_result(owner, "its result", value, points)
        result = new_axis(result, 1) if result.shape.rank == 1 else result
        if result.shape.rank != 2 or result.shape[1] is None:
            raise ValueError(
                f"{owner}: function must return a dict by name, or tensors of shape [rows] or "
                f"[rows, k], got shape {show(result.shape)}."
            )
        found[:] = [f"f{place}" for place in range(result.shape[1])]
        return result

    count = table(rows).shape[1]
    results = tuple(found)

    def both(points: tf.Tensor) -> tf.Tensor:
        return value_and_slopes(owner, table, count, points)

    whole = in_row_packets(both, rows)
    return results, whole[:, :, 0], whole[:, :, 1:]
