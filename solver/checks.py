"""Checks of arguments in Python: each raises before anything is traced or run."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def as_rows(argument: str, value: Any, width: int, meaning: str, dtype: tf.DType) -> tf.Tensor:
    """The argument as a tensor `[B, width]`.

    Args:
        argument: its name, for messages.
        value: numbers; real, of any real dtype.
        width: what its last axis must be.
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
        raise ValueError(f"{argument} must have shape {wanted}, got {_show(shape)}.{fix}")
    if shape.rank is not None and shape[1] not in (None, width):
        raise ValueError(f"{argument} must have shape {wanted}, got {_show(shape)}.")
    return tensor


def as_column(argument: str, value: Any, dtype: tf.DType) -> tf.Tensor:
    """The argument, one number or one for each row, as a tensor `[]` or `[B]`."""
    tensor = as_real(argument, value, dtype)
    if tensor.shape.rank not in (None, 0, 1):
        raise ValueError(
            f"{argument} must be one number, or one for each row with shape [rows], "
            f"got shape {_show(tensor.shape)}."
        )
    return tensor


def as_real(argument: str, value: Any, dtype: tf.DType) -> tf.Tensor:
    """The argument as a tensor of real numbers of the solver's dtype."""
    kinds = "real numbers" if dtype.is_floating else "whole numbers"
    if not tf.is_tensor(value):
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{argument} must be a regular array of {kinds}: {error}") from error
        if value.dtype.kind not in ("iuf" if dtype.is_floating else "iu"):
            raise ValueError(f"{argument} must hold {kinds}, got dtype {value.dtype}.")
        if dtype.is_integer and value.size and np.abs(value).max() > dtype.max:
            raise ValueError(f"{argument} must fit into {dtype.name}, got {np.abs(value).max()}.")
        with np.errstate(over="ignore"):  # infinity becomes the row's status
            return tf.constant(value.astype(dtype.as_numpy_dtype), dtype)
    allowed = value.dtype.is_floating or value.dtype.is_integer
    if not allowed or (dtype.is_integer and not value.dtype.is_integer):
        raise ValueError(f"{argument} must hold {kinds}, got dtype {value.dtype.name}.")
    tensor = tf.convert_to_tensor(value)
    return tensor if tensor.dtype == dtype else tf.cast(tensor, dtype)


def check_same_rows(**tensors: tf.Tensor) -> None:
    """Raise unless the tensors have the same number of rows, as far as it is known."""
    counts = {
        name: tensor.shape[0]
        for name, tensor in tensors.items()
        if tensor.shape.rank and tensor.shape[0] is not None
    }
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"All arguments must have the same number of rows, but {listed}.")


def is_number(value: Any) -> bool:
    """Whether the value is one real number (and not a bool)."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool)


def check_count(owner: str, argument: str, value: Any) -> int:
    """The value as an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: {argument} must be an integer of at least 1, got {value!r}.")
    return int(value)


def _show(shape: tf.TensorShape) -> str:
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
