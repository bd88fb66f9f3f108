"""Example inputs of a model: for its validation, its latency and its warm-up requests."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..solver import SpectralSolver

_SEED = 20260731


def example_inputs(solver: SpectralSolver, rows: int, flawed: bool = True) -> dict[str, tf.Tensor]:
    """Rows for every input of every signature; deterministic.

    The targets are the levels of random parameters. If `flawed`, of every four rows the first lacks
    one level, the second none, the third all, and the fourth has an infinite one.

    Args:
        solver: with `p` parameters and `m` targets.
        rows: number of rows.
        flawed: whether some rows are incomplete or invalid.

    Returns:
        By name: parameters, initial, bounds and priors `[rows, p]`, targets, weights and sides
        `[rows, m]`, tolerance and max_steps (int32) `[rows]`; conditions `[rows, K, d]` if the
        structure takes any.
    """
    generator = np.random.default_rng(_SEED)
    parameterization, dtype = solver.parameterization, solver.dtype
    numbers = np.arange(rows)
    # At the starting points that a structure proposes its matrix is defined and of moderate size.
    levels = np.sort(generator.normal(size=(rows, parameterization.size)))
    conditions, named = _conditions(solver, rows, flawed)
    structure = parameterization if conditions is None else parameterization.at(conditions)
    parameters = structure.starting_points(
        tf.constant(levels, dtype), tf.constant(numbers, tf.int32), max(rows, 1)
    )
    targets = solver.comparison.observe(solver.spectrum(parameters, **named)).numpy()
    if flawed:
        targets[0::4, -1] = np.nan
        targets[2::4] = np.nan
        targets[3::4, -1] = np.inf
    if flawed and solver.num_targets == 1:  # one target a row: the first row keeps it
        targets[0::4] = 1.0
    initial = parameters.numpy() + 0.01 * generator.normal(size=parameters.shape)
    own = initial.copy()
    # The first row has no start: with a start in every row a fit has a graph of its own.
    initial[::2] = np.nan
    weights = generator.uniform(0.5, 2.0, size=targets.shape)
    weights[1::4, 0] = np.nan
    weights[4::4, 0] = 0.0
    near = own
    near[1::2] = np.nan  # the solver's own bounds and priors
    return named | {
        "lower": tf.constant(near - 0.5, dtype),
        "upper": tf.constant(near + 0.5, dtype),
        "prior_mean": tf.constant(near, dtype),
        "prior_sigma": tf.constant(0.0 * near + 1.0, dtype),
        "sides": tf.constant(
            np.where(numbers[:, None] % 2, np.nan, np.zeros(targets.shape)), dtype
        ),
        "parameters": parameters,
        "targets": tf.constant(targets, dtype),
        "initial": tf.constant(initial, dtype),
        "weights": tf.constant(weights, dtype),
        "tolerance": tf.constant(np.where(numbers % 2, np.nan, 1e-4), dtype),
        "max_steps": tf.constant(np.where(numbers % 2, 3, 0), tf.int32),
    }


def _conditions(
    solver: SpectralSolver, rows: int, flawed: bool
) -> tuple[tf.Tensor | None, dict[str, tf.Tensor]]:
    """Random conditions `[rows, K, d]`, alone and by name; None and {} if there are none.

    If `flawed`, every second row lacks the last condition (but not its only one).
    """
    shape = solver.parameterization.conditions_shape
    if shape is None:
        return None, {}
    numbers = np.random.default_rng(_SEED).normal(size=(rows, *shape))
    if flawed and shape[0] > 1:
        numbers[1::2, -1] = np.nan
    conditions = tf.constant(numbers, solver.dtype)
    return conditions, {"conditions": conditions}
