"""Convert and check the arguments of a caller against the inputs of a signature."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from .answers import SignatureInfo, TensorInfo

# The kinds of numbers that are converted to each kind.
_ALLOWED = {"f": "iuf", "i": "iu", "u": "iu", "b": "b", "c": "iufc"}
Arrays = Mapping[str, np.ndarray]


def as_array(argument: str, value: Any) -> np.ndarray:
    """The argument as an array of its own dtype, with NaN for masked entries."""
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "iuf":
        return np.where(np.ma.getmaskarray(value), np.nan, value.data)
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{argument} must be a regular array of numbers: {error}") from error


def as_dtype(argument: str, array: np.ndarray, dtype: np.dtype | None) -> np.ndarray:
    """Convert an array to the dtype of a model; unchanged if that is None.

    float64 is rounded to float32. None among real numbers becomes NaN, a level that was not
    observed. ValueError for numbers of another kind (complex for real, real for integer), and for
    integers that overflow.
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

    A sigma of all rows that is not positive is a ValueError; in a `[B, m]` array it becomes the
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


def signature_inputs(
    what: str, signature: SignatureInfo, given: Arrays, *, fill: bool
) -> dict[str, np.ndarray]:
    """The inputs of a signature in its dtypes; ValueError for names and shapes that do not fit.

    Args:
        what: name of the method, for error messages.
        signature: of the model.
        given: arrays by name.
        fill: for signatures of eigenfit, whose inputs are all `[rows, ...]`: inputs that are not
            given are NaN, or 0 for integers. The first one given has the number of rows; a scalar
            fills a `[rows]` input, and weights may be a scalar or `[m]`.
    """
    unknown = sorted(set(given) - set(signature.inputs))
    if unknown:
        raise ValueError(
            f"{what}: this model has no input {unknown[0]!r}; it takes {sorted(signature.inputs)} "
            "(bounds, priors, sides and conditions only if it was exported with them)."
        )
    missing = sorted(set(signature.inputs) - set(given))
    if missing and not fill:
        raise ValueError(f"{what}: inputs must hold {missing} too; the model takes {signature}.")
    inputs = {name: as_dtype(name, a, signature.inputs[name].dtype) for name, a in given.items()}
    if fill:
        first = next(iter(given))
        rows = len(_check_shape(first, given[first], signature.inputs[first]))
        for name, info in signature.inputs.items():
            shape = [rows if size is None else size for size in info.shape or (None,)]
            dtype = info.dtype or np.dtype("float64")
            array = inputs.get(name, np.array(0 if dtype.kind in "iu" else np.nan, dtype))
            for_all_rows = name == "weights" and array.shape in ((), tuple(shape[1:]))
            if name not in given or for_all_rows or (array.ndim == 0 and len(shape) == 1):
                inputs[name] = np.full(shape, array)
    for name, array in inputs.items():
        _check_shape(name, array, signature.inputs[name])
    counts = {name: len(array) for name, array in inputs.items()} if signature.by_rows else {}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"All arguments must have the same number of rows, but {listed}.")
    return inputs


def covariance_inputs(
    what: str, signature: SignatureInfo, given: Arrays, *, fill: bool
) -> dict[str, np.ndarray]:
    """The inputs of the signature `covariance`; the weight is 0 where the target is NaN.

    ValueError as for `signature_inputs`, and if neither weights nor targets say what was observed.
    """
    targets, wanted = given.get("targets"), "targets" in signature.inputs
    if targets is None and wanted:
        raise ValueError(
            "covariance: pass targets; in this model what a level counts depends on them."
        )
    if targets is None and "weights" not in given:
        raise ValueError(
            "covariance: parameters alone do not say what was observed, and how well; pass weights "
            "(1 / sigma of each level, 0 where none was observed), or targets."
        )
    sent = {name: array for name, array in given.items() if wanted or name != "targets"}
    inputs = signature_inputs(what, signature, sent, fill=fill)
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


def _check_shape(argument: str, array: np.ndarray, info: TensorInfo) -> np.ndarray:
    """Check an array against the shape of an input, which TensorFlow Serving does not do."""
    if info.shape is None:
        return array
    if array.ndim == len(info.shape) and all(
        wanted in (None, size) for size, wanted in zip(array.shape, info.shape, strict=True)
    ):
        return array
    sizes = ["?" if size is None else str(size) for size in info.shape]
    if info.shape and info.shape[0] is None:
        sizes[0] = "rows"
    one_row = array.ndim == 1 and len(info.shape) == 2 and info.shape[1] in (None, len(array))
    fix = f" For one row, pass {argument}[None, :]." if one_row else ""
    wanted = f"[{', '.join(sizes)}]"
    raise ValueError(f"{argument} must have shape {wanted}, got {list(array.shape)}.{fix}")


def _nan_for_none(array: np.ndarray) -> np.ndarray:
    """Numbers with NaN for None and for the NA of pandas; an array of something else as it is."""
    entries = [
        math.nan if entry is None or type(entry).__name__ == "NAType" else entry
        for entry in array.ravel().tolist()
    ]
    if not all(isinstance(entry, numbers.Real) for entry in entries):
        return array
    return np.asarray(entries).reshape(array.shape)
