"""Convert and check the arguments of a caller against the inputs of a signature."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from .metadata import SignatureInfo, TensorInfo

# The kinds of numbers that are converted to each kind.
_ALLOWED = {"f": "iuf", "i": "iu", "u": "iu", "b": "b", "c": "iufc"}


def as_array(argument: str, value: Any) -> np.ndarray:
    """The argument as an array of its own dtype, with NaN for masked entries.

    Raises:
        ValueError: if it is not a regular array.
    """
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "iuf":
        return np.where(np.ma.getmaskarray(value), np.nan, value.data)
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{argument} must be a regular array of numbers: {error}") from error


def as_dtype(argument: str, array: np.ndarray, dtype: np.dtype | None) -> np.ndarray:
    """Convert an array to the dtype of a model; float64 numbers are rounded to float32.

    None among real numbers becomes NaN, a level that was not observed. Without a dtype the array is
    returned unchanged.

    Raises:
        ValueError: for a kind of numbers that cannot be converted (complex to real, real to
            integer), and integers that overflow.
    """
    # A scalar None is a missing argument, not a level that was not observed.
    if dtype is not None and array.dtype.kind == "O" and dtype.kind == "f" and array.ndim:
        array = _nan_for_none(array)
    if dtype is None or array.dtype == dtype:
        return array
    if array.dtype.kind not in _ALLOWED[dtype.kind]:
        raise ValueError(f"{argument} must hold {dtype} numbers, got dtype {array.dtype}.")
    with np.errstate(over="ignore"):  # overflow to infinity gives the row a status
        converted = array.astype(dtype)
    if dtype.kind in "iu" and (converted != array).any():
        raise ValueError(f"{argument} must fit into {dtype}, got {array.min()} to {array.max()}.")
    return converted


def weights_of(sigma: np.ndarray) -> np.ndarray:
    """The weights 1 / sigma; NaN, the default of the model, stays NaN.

    Raises:
        ValueError: for a sigma of all rows that is not positive. In a `[B, m]` array it becomes the
            weight -1, which makes its row invalid.
    """
    sigma = as_dtype("sigma", sigma, np.dtype("float64"))
    if sigma.ndim < 2 and (sigma <= 0).any():
        raise ValueError(
            f"sigma must be positive, got {sigma.tolist()}; to leave a level out, make its target "
            "NaN or its weight 0."
        )
    positive = sigma > 0
    weights = 1.0 / np.where(positive, sigma, 1.0)
    return np.where(positive, weights, np.where(np.isnan(sigma), np.nan, -1.0))


def check_shape(argument: str, array: np.ndarray, info: TensorInfo) -> np.ndarray:
    """Check an array against the shape of an input, which TensorFlow Serving does not do.

    Raises:
        ValueError: if the shape differs.
    """
    if info.shape is None:
        return array
    fits = array.ndim == len(info.shape) and all(
        wanted in (None, size) for size, wanted in zip(array.shape, info.shape, strict=True)
    )
    if fits:
        return array
    sizes = ["?" if size is None else str(size) for size in info.shape]
    if info.shape and info.shape[0] is None:
        sizes[0] = "rows"
    wanted = f"[{', '.join(sizes)}]"
    one_row = array.ndim == 1 and len(info.shape) == 2 and info.shape[1] in (None, len(array))
    fix = f" For one row, pass {argument}[None, :]." if one_row else ""
    raise ValueError(f"{argument} must have shape {wanted}, got {list(array.shape)}.{fix}")


def row_inputs(
    what: str, signature: SignatureInfo, given: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """All inputs of a signature of eigenfit; NaN, or 0 for integers, for those not given.

    Args:
        what: name of the method, for error messages.
        signature: of the model; every input is `[rows, ...]`.
        given: arrays by name; the first one defines the number of rows. A scalar fills a `[rows]`
            input; weights may be a scalar or `[m]`.

    Raises:
        ValueError: for unknown names, and shapes and dtypes that do not fit.
    """
    _check_names(what, signature, given)
    first = next(iter(given))
    rows = len(check_shape(first, given[first], signature.inputs[first]))
    inputs = {}
    for name, info in signature.inputs.items():
        shape = [rows if size is None else size for size in info.shape or (None,)]
        dtype = info.dtype or np.dtype("float64")
        neutral = np.array(0 if dtype.kind in "iu" else np.nan, dtype)
        array = as_dtype(name, given[name], dtype) if name in given else neutral
        for_all_rows = name == "weights" and array.shape in ((), tuple(shape[1:]))
        if name not in given or for_all_rows or (array.ndim == 0 and len(shape) == 1):
            array = np.full(shape, array)
        inputs[name] = check_shape(name, array, info)
    _check_rows({name: inputs[name] for name in given})
    return inputs


def named_inputs(
    what: str, signature: SignatureInfo, given: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Check the inputs of any signature, all given, and convert them to its dtypes.

    Raises:
        ValueError: for names that are missing or unknown, and shapes and dtypes that do not fit.
    """
    _check_names(what, signature, given)
    missing = sorted(set(signature.inputs) - set(given) - signature.optional)
    if missing:
        raise ValueError(f"{what}: inputs must hold {missing} too; the model takes {signature}.")
    inputs = {}
    for name, array in given.items():
        info = signature.inputs[name]
        inputs[name] = check_shape(name, as_dtype(name, array, info.dtype), info)
    if signature.by_rows:
        _check_rows(inputs)
    return inputs


def covariance_inputs(
    signature: SignatureInfo, arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The inputs of the signature `covariance`; the weight is 0 where the target is NaN.

    Args:
        signature: of the model.
        arrays: parameters, and weights or targets or both.

    Raises:
        ValueError: as `row_inputs`; also if neither weights nor targets say what was observed.
    """
    targets, wanted = arrays.get("targets"), "targets" in signature.inputs
    if targets is None and wanted:
        raise ValueError(
            "covariance: pass targets; in this model what a level counts depends on them."
        )
    if targets is None and "weights" not in arrays:
        raise ValueError(
            "covariance: parameters alone do not say what was observed, and how well; pass weights "
            "(1 / sigma of each level, 0 where none was observed), or targets."
        )
    sent = {name: array for name, array in arrays.items() if wanted or name != "targets"}
    inputs = row_inputs("covariance", signature, sent)
    weights = inputs["weights"]
    if targets is not None:
        targets = as_dtype("targets", targets, weights.dtype)
        if targets.shape != weights.shape:
            raise ValueError(
                f"covariance: targets must have the shape of the weights, {list(weights.shape)}, "
                f"got {list(targets.shape)}."
            )
        inputs["weights"] = np.where(np.isnan(targets), np.zeros_like(weights), weights)
    return inputs


def _nan_for_none(array: np.ndarray) -> np.ndarray:
    """Numbers with NaN for None and for the NA of pandas; an array of something else as it is."""
    entries = [
        math.nan if entry is None or type(entry).__name__ == "NAType" else entry
        for entry in array.ravel().tolist()
    ]
    if not all(isinstance(entry, numbers.Real) for entry in entries):
        return array
    return np.asarray(entries).reshape(array.shape)


def _check_names(what: str, signature: SignatureInfo, given: Mapping[str, np.ndarray]) -> None:
    unknown = sorted(set(given) - set(signature.inputs))
    if unknown:
        raise ValueError(
            f"{what}: this model has no input {unknown[0]!r}; it takes "
            f"{sorted(signature.inputs)}. (lower and upper are there if the solver was exported "
            "with bounds, prior_mean and prior_sigma if with priors.)"
        )


def _check_rows(inputs: Mapping[str, np.ndarray]) -> None:
    counts = {name: len(array) for name, array in inputs.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"All arguments must have the same number of rows, but {listed}.")
