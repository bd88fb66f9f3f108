"""The reloaded SavedModel must answer as the live solver does, or it is not published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..solver import SpectralSolver
from .signatures import Signature

_SEED = 20260731
# The signatures are traced with an unknown number of rows; a graph that holds to one number fails.
_BATCH_SIZES = (1, 6)
# Both sides run the same operations and agree bit for bit as a rule. This leaves room for sums
# that the optimizer of a graph puts in another order.
_TOLERANCE_IN_EPSILON = 1e4


def validate(directory: Path, signatures: Mapping[str, Signature], solver: SpectralSolver) -> None:
    """Reload a SavedModel and compare every signature with the live solver.

    Args:
        directory: holds the SavedModel.
        signatures: what it must offer, by name, with the live answers.
        solver: makes the rows to compare.

    Raises:
        RuntimeError: if an answer differs.
    """
    reloaded = tf.saved_model.load(str(directory))
    for rows in _BATCH_SIZES:
        examples = example_inputs(solver, rows)
        for name, signature in signatures.items():
            inputs = {str(spec.name): examples[str(spec.name)] for spec in signature.inputs}
            live = signature.compute(*inputs.values())
            compare_outputs(
                name,
                {key: value.numpy() for key, value in reloaded.signatures[name](**inputs).items()},
                {key: value.numpy() for key, value in live.items()},
                relative=_TOLERANCE_IN_EPSILON * np.finfo(solver.dtype.as_numpy_dtype).eps,
                scale=largest_magnitude([value.numpy() for value in inputs.values()]),
            )


def example_inputs(solver: SpectralSolver, rows: int) -> dict[str, tf.Tensor]:
    """A few rows for every input of every signature, the same ones in every process.

    The targets are the levels of random parameters, with one level missing in the first row of
    four, none in the second, all in the third, and an infinite one in the fourth.

    Args:
        solver: with `p` parameters and `m` targets.
        rows: how many rows.

    Returns:
        By name: parameters, initial, bounds and priors `[rows, p]`, targets and weights
        `[rows, m]`, tolerance and max_steps (int32) `[rows]`.
    """
    generator = np.random.default_rng(_SEED)
    parameterization, dtype = solver.parameterization, solver.dtype
    numbers = np.arange(rows)
    # Where a structure proposes to start is where its matrix is defined and of moderate size.
    levels = np.sort(generator.normal(size=(rows, parameterization.size)))
    parameters = parameterization.starting_points(
        tf.constant(levels, dtype), tf.constant(numbers, tf.int32), max(rows, 1)
    )
    targets = solver.comparison.observe(solver.spectrum(parameters)).numpy()
    targets[0::4, -1] = np.nan
    targets[2::4] = np.nan
    targets[3::4, -1] = np.inf
    if solver.num_targets == 1:  # then the only level is there in the first row
        targets[0::4] = 1.0
    initial = parameters.numpy() + 0.01 * generator.normal(size=parameters.shape)
    own = initial.copy()
    initial[1::2] = np.nan
    weights = generator.uniform(0.5, 2.0, size=targets.shape)
    weights[1::4, 0] = np.nan
    weights[4::4, 0] = 0.0
    near = own
    near[1::2] = np.nan  # the solver's own bounds and priors
    return {
        "lower": tf.constant(near - 0.5, dtype),
        "upper": tf.constant(near + 0.5, dtype),
        "prior_mean": tf.constant(near, dtype),
        "prior_sigma": tf.constant(0.0 * near + 1.0, dtype),
        "parameters": parameters,
        "targets": tf.constant(targets, dtype),
        "initial": tf.constant(initial, dtype),
        "weights": tf.constant(weights, dtype),
        "tolerance": tf.constant(np.where(numbers % 2, np.nan, 1e-4), dtype),
        "max_steps": tf.constant(np.where(numbers % 2, 3, 0), tf.int32),
    }


def largest_magnitude(arrays: list[np.ndarray]) -> float:
    """The largest magnitude of the finite entries of real arrays; integers do not count."""
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
    """Compare what two sides answered.

    NaN equals NaN and infinity equals infinity; integers (status and steps) must be the same; reals
    may differ by `relative` times the larger of their own magnitude and the scale.

    Args:
        signature: its name, for the message.
        reloaded: the outputs of the SavedModel, by name.
        live: the outputs of the solver, by name.
        relative: the tolerance.
        scale: the magnitude of the inputs: residuals near zero are rounding errors of its size.

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
    """Entry by entry, `|one - other|`: 0 where both are NaN or the same infinity, else infinity.

    Example:
        >>> differences(np.array([1.0, np.nan, 3.0]), np.array([1.5, np.nan, np.inf])).tolist()
        [0.5, 0.0, inf]
    """
    both = np.isfinite(one) & np.isfinite(other)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.where(both, np.abs(one - other), np.inf))
