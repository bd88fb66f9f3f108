"""Checks and conversions of arguments in Python, before anything is traced or run."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def as_rows(argument: str, value: Any, width: int, meaning: str, dtype: tf.DType) -> tf.Tensor:
    """Convert an argument to a tensor `[B, width]`.

    Args:
        argument: its name, for messages.
        value: real numbers `[B, width]` of any real dtype.
        width: the size of the last axis.
        meaning: what that axis counts, for messages.
        dtype: the dtype of the solver.

    Returns:
        `[B, width]` of the given dtype.

    Raises:
        ValueError: if the value is not real numbers, or has another shape.
    """
    tensor = as_real(argument, value, dtype)
    shape = tensor.shape
    wanted = f"[rows, {width}] ({meaning})"
    if shape.rank is not None and shape.rank != 2:
        fix = f" For one row, pass {argument}[None, :]." if shape.rank == 1 else ""
        raise ValueError(f"{argument} must have shape {wanted}, got {show(shape)}.{fix}")
    if shape.rank is not None and shape[1] not in (None, width):
        raise ValueError(f"{argument} must have shape {wanted}, got {show(shape)}.")
    return tensor


def check_mode(owner: str) -> None:
    """Raise in a TensorFlow 1 graph, where for example `==` of tensors has another meaning."""
    if not tf.compat.v1.executing_eagerly_outside_functions():
        raise ValueError(
            f"{owner}: a solver works eagerly and in a tf.function, not in a graph of TensorFlow 1 "
            "(tf.Graph().as_default(), tf.compat.v1.disable_eager_execution()); export it, and "
            "load the model there with tf.compat.v1.saved_model.load."
        )


def as_column(argument: str, value: Any, dtype: tf.DType) -> tf.Tensor:
    """Convert an argument, one number or one for each row, to a tensor `[]` or `[B]`."""
    tensor = as_real(argument, value, dtype)
    if tensor.shape.rank not in (None, 0, 1):
        raise ValueError(
            f"{argument} must be one number, or one for each row with shape [rows], "
            f"got shape {show(tensor.shape)}."
        )
    return tensor


def as_real(argument: str, value: Any, dtype: tf.DType) -> tf.Tensor:
    """Convert an argument to a tensor of this dtype, real or integer.

    Masked elements and None become NaN, or 0 for an integer dtype.

    Raises:
        ValueError: for other dtypes, irregular arrays, ragged and sparse tensors, and integers that
            do not fit into the dtype.
    """
    kinds = "real numbers" if dtype.is_floating else "whole numbers"
    if not tf.is_tensor(value):
        try:
            value = _fill_missing(value, np.nan if dtype.is_floating else 0)
        except ValueError as error:
            raise ValueError(f"{argument} must be a regular array of {kinds}: {error}") from error
        if value.dtype.kind not in ("iuf" if dtype.is_floating else "iu"):
            instead = "numbers, and NaN where there is none" if dtype.is_floating else "integers"
            raise ValueError(
                f"{argument} must hold {kinds}, got dtype {value.dtype}; pass {instead}."
            )
        if dtype.is_integer and value.size:
            for extreme in (value.max(), value.min()):
                if not dtype.min <= extreme <= dtype.max:
                    raise ValueError(f"{argument} must fit into {dtype.name}, got {extreme}.")
        with np.errstate(over="ignore"):  # the graph turns infinity into the row's status
            return tf.constant(value.astype(dtype.as_numpy_dtype), dtype)
    if isinstance(value, (tf.RaggedTensor, tf.SparseTensor)):
        raise ValueError(
            f"{argument} must be a dense tensor, got a {type(value).__name__}; use to_tensor(), or "
            "tf.sparse.to_dense, with NaN where there is no number."
        )
    allowed = value.dtype.is_floating or value.dtype.is_integer
    if not allowed or (dtype.is_integer and not value.dtype.is_integer):
        raise ValueError(f"{argument} must hold {kinds}, got dtype {value.dtype.name}.")
    tensor = tf.convert_to_tensor(value)
    if tensor.dtype == dtype:
        return tensor
    # Integers out of range become the nearest that fits, instead of wrapping around.
    return tf.saturate_cast(tensor, dtype) if dtype.is_integer else tf.cast(tensor, dtype)


def _fill_missing(value: Any, gap: float) -> np.ndarray:
    """The value as an array, with `gap` for masked elements, None and the NA of pandas."""
    if isinstance(value, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(value), gap, value.data)
    array = np.asarray(value)
    if array.dtype == object and all(_is_missing(item) or is_number(item) for item in array.flat):
        filled = [gap if _is_missing(item) else item for item in array.flat]
        return np.array(filled).reshape(array.shape)
    return array


def _is_missing(item: Any) -> bool:
    """Whether the item is None or the NA of pandas."""
    return item is None or type(item).__name__ == "NAType"


def check_same_rows(**tensors: tf.Tensor) -> None:
    """Raise a ValueError if the tensors have different static numbers of rows."""
    counts = {
        name: tensor.shape[0]
        for name, tensor in tensors.items()
        if tensor.shape.rank and tensor.shape[0] is not None
    }
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"All arguments must have the same number of rows, but {listed}.")


def is_complete(tensor: tf.Tensor) -> bool:
    """Whether the tensor is eager and has no NaN."""
    return tf.executing_eagerly() and not np.isnan(tensor.numpy()).any()


def is_number(value: Any) -> bool:
    """Whether the value is a real scalar, and not a bool."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)


def check_sigma(owner: str, sigma: Any, count: int) -> np.ndarray:
    """One sigma for each target, `[m]`, from a number or `[m]`; NaN for None.

    Raises:
        ValueError: for another shape, or numbers that are not positive.
    """
    array = _numbers_of_targets(owner, "sigma", sigma, count)
    if (array <= 0).any():
        raise ValueError(
            f"{owner}: sigma must be positive, got {sigma!r}; to leave a level out, make its "
            "target NaN or its weight 0."
        )
    return array


def check_weights(owner: str, weights: Any, count: int) -> np.ndarray:
    """One weight for each target, `[m]`, from a number or `[m]`; NaN for None.

    Raises:
        ValueError: for another shape, for negative or infinite weights, or if all are 0.
    """
    array = _numbers_of_targets(owner, "weights", weights, count)
    if not ((array >= 0) & (array < np.inf) | np.isnan(array)).all() or (array == 0).all():
        raise ValueError(
            f"{owner}: weights must be finite, at least 0 and not all 0, got {weights!r}."
        )
    return array


def _numbers_of_targets(owner: str, argument: str, value: Any, count: int) -> np.ndarray:
    try:
        array = _fill_missing(value, np.nan)
    except ValueError:
        array = np.empty((), object)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{owner}: {argument} must be real numbers, got {value!r}.")
    if array.shape not in ((), (count,)):
        raise ValueError(
            f"{owner}: {argument} must be a number or [{count}], one for each target, got shape "
            f"{list(array.shape)}."
        )
    return np.broadcast_to(array.astype(float), count).copy()


#: The value is above the target, below it, or the target itself.
SIDES = {">": 1.0, "<": -1.0, "=": 0.0}


def as_sides(owner: str, value: Any) -> Any:
    """Replace the signs in an array of texts by numbers; numbers and tensors stay as they are.

    Args:
        owner: the class or method named in error messages.
        value: signs, among which None and NaN stand for the default, or numbers.

    Raises:
        ValueError: for any other text.
    """
    if tf.is_tensor(value):
        return value
    array = np.array(value, dtype=object)
    if array.size and not any(isinstance(each, str) for each in array.flat):
        return value
    numbers = {**SIDES, None: np.nan}
    known = [each if isinstance(each, float) else numbers.get(each) for each in array.flat]
    for each, number in zip(array.flat, known, strict=True):
        if number is None:
            raise ValueError(
                f'{owner}: sides must be ">" (the value is above the target), "<" (below it) or '
                f'"=", got {each!r}.'
            )
    return np.array(known, float).reshape(array.shape)


def largest_number(dtype: tf.DType) -> float:
    """`1e-6 sqrt(max)`: larger numbers and entries are refused, as their squares overflow."""
    return float(np.sqrt(dtype.max) * 1e-6)


def check_count(owner: str, argument: str, value: Any) -> int:
    """Convert an integer of at least 1 to int, or raise a ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: {argument} must be an integer of at least 1, got {value!r}.")
    return int(value)


def show(shape: tf.TensorShape) -> str:
    """A shape as text for messages, `?` for unknown sizes."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
