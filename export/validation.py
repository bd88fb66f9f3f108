"""Compare the reloaded SavedModel with the live solver before it is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..solver import SpectralSolver
from .examples import example_inputs
from .signatures import Signature

# Two sizes, to find a graph that works for one number of rows only.
_BATCH_SIZES = (1, 6)
# Both sides run the same operations and usually agree bit for bit. The tolerance allows for sums
# that the graph optimizer reorders.
_TOLERANCE_IN_EPSILON = 1e4


class Difference(NamedTuple):
    """The largest absolute and relative difference of an output."""

    absolute: float
    relative: float


def allowed_difference(solver: SpectralSolver, relative_tolerance: float | None) -> float:
    """The tolerance for real outputs, relative to their magnitude or that of the inputs.

    Args:
        solver: its dtype gives the default.
        relative_tolerance: the tolerance; 1e4 machine epsilons of the dtype when None.
    """
    if relative_tolerance is not None:
        return float(relative_tolerance)
    return _TOLERANCE_IN_EPSILON * float(np.finfo(solver.dtype.as_numpy_dtype).eps)


def validate(
    reloaded: Any,
    signatures: Mapping[str, Signature],
    solver: SpectralSolver,
    relative_tolerance: float | None = None,
) -> dict[str, dict[str, Difference]]:
    """Compare every signature of a reloaded SavedModel with the live solver.

    Args:
        reloaded: the loaded SavedModel.
        signatures: of the model, by name; they compute the live answers.
        solver: makes the example rows.
        relative_tolerance: see `allowed_difference` and `compare_outputs`.

    Returns:
        By signature and output, the largest differences.

    Raises:
        RuntimeError: if an output differs by more than the tolerance.
    """
    relative = allowed_difference(solver, relative_tolerance)
    largest: dict[str, dict[str, Difference]] = {name: {} for name in signatures}
    for rows in _BATCH_SIZES:
        examples = example_inputs(solver, rows)
        for name, signature in signatures.items():
            inputs = {str(spec.name): examples[str(spec.name)] for spec in signature.inputs}
            live = _as_numpy(signature.compute(*inputs.values()))
            got = _as_numpy(reloaded.signatures[name](**inputs))
            scale = largest_magnitude([value.numpy() for value in inputs.values()])
            compare_outputs(name, got, live, relative=relative, scale=scale)
            for output, expected in live.items():
                found = largest_difference(got[output], expected, scale)
                before = largest[name].get(output, Difference(0.0, 0.0))
                largest[name][output] = Difference(*np.maximum(before, found).tolist())
    return largest


def _as_numpy(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in outputs.items()}


def largest_difference(one: np.ndarray, other: np.ndarray, scale: float) -> Difference:
    """The largest |one - other|, and the largest of it / max(|other|, scale)."""
    if not one.size:
        return Difference(0.0, 0.0)
    difference = differences(one, other)
    magnitude = np.where(np.isfinite(other), np.abs(other), 0.0)
    reference = np.maximum(np.maximum(magnitude, scale), np.finfo(float).tiny)
    return Difference(float(difference.max()), float((difference / reference).max()))


def largest_magnitude(arrays: list[np.ndarray]) -> float:
    """The largest magnitude of the finite entries of the real arrays; 0 if there are none."""
    finite = [np.abs(array[np.isfinite(array)]) for array in arrays if array.dtype.kind == "f"]
    return float(max((entries.max() for entries in finite if entries.size), default=0.0))


def compare_outputs(
    signature: str,
    reloaded: Mapping[str, np.ndarray],
    live: Mapping[str, np.ndarray],
    *,
    relative: float,
    scale: float,
) -> None:
    """Compare the outputs of the reloaded model with those of the live solver.

    NaN equals NaN and infinity equals infinity. Integers (status and steps) must be equal; for
    reals |reloaded - live| <= relative * max(|live|, scale).

    Args:
        signature: its name, for the error message.
        reloaded: the outputs of the SavedModel, by name.
        live: the outputs of the solver, by name.
        relative: the tolerance.
        scale: the magnitude of the inputs, to which the rounding errors of small outputs such as
            residuals are proportional.

    Raises:
        RuntimeError: at the first output that differs, with its largest difference.
    """
    if set(reloaded) != set(live):
        raise RuntimeError(
            f"export_saved_model: signature {signature!r} of the reloaded model returns "
            f"{sorted(reloaded)}, but the solver returns {sorted(live)}. Nothing was published."
        )
    for output, expected in live.items():
        got = reloaded[output]
        where = f"export_saved_model: output {output!r} of signature {signature!r}"
        if got.dtype != expected.dtype or got.shape != expected.shape:
            raise RuntimeError(
                f"{where} is {got.dtype}{list(got.shape)} in the reloaded model and "
                f"{expected.dtype}{list(expected.shape)} in the live solver. Nothing was published."
            )
        exact = expected.dtype.kind in "iu"
        difference = differences(got, expected)
        magnitude = np.where(np.isfinite(expected), np.abs(expected), 0.0)
        allowed = 0.0 if exact else relative * np.maximum(magnitude, scale)
        if (difference > allowed).any():
            raise RuntimeError(
                f"{where} differs by up to {difference.max():.3g} between the reloaded model and "
                f"the live solver ({'none' if exact else f'{relative:.3g} relative'} is allowed), "
                f"at {len(expected)} rows. Nothing was published. Does the matrix function use "
                "random numbers, or values that change between calls?"
            )


def differences(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Elementwise `|one - other|`; where one is not finite, 0 if both are the same, else infinity.

    Example:
        >>> differences(np.array([1.0, np.nan, 3.0]), np.array([1.5, np.nan, np.inf])).tolist()
        [0.5, 0.0, inf]
    """
    both = np.isfinite(one) & np.isfinite(other)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.where(both, np.abs(one - other), np.inf))
