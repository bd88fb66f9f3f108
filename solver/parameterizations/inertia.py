"""Inertia: the signs of the eigenvalues, invariant under congruence (Sylvester's law)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..seed import SEED

# Eigenvalues below this times n epsilon times the largest are rounding errors: for example 4e-17
# instead of 0 for the stiffness matrix of a free chain.
_ROUNDING = 16.0
# Number of equilibration sweeps; each halves the exponents of the remaining imbalance.
_SCALINGS = 8


def signs_of_levels(matrix: np.ndarray) -> np.ndarray:
    """The signs of the eigenvalues of a matrix, ascending; 0 for rounding errors.

    Rows and columns are equilibrated first, a congruence, so that small entries beside large ones
    (springs of very different strength) are not taken for zero.

    Args:
        matrix: `[n, n]`, real symmetric or complex Hermitian.

    Returns:
        `[n]` of -1, 0 and 1, the same for every `G^H A G` with nonsingular G.

    Example:
        >>> signs_of_levels(
        ...     np.array([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]])
        ... ).tolist()
        [0.0, 1.0, 1.0]
        >>> signs_of_levels(np.diag([1e-20, 1.0])).tolist()
        [1.0, 1.0]
    """
    scaled = np.array(matrix)
    for _ in range(_SCALINGS):
        largest = np.abs(scaled).max(axis=0)
        roots = np.sqrt(np.where(largest > 0, largest, 1.0))
        scaled = scaled / roots[:, None] / roots[None, :]
    values = np.linalg.eigvalsh(scaled)
    rounding = _ROUNDING * len(values) * np.finfo(float).eps * np.abs(values).max()
    return np.where(np.abs(values) <= rounding, 0.0, np.sign(values))


def is_definite(matrix: np.ndarray) -> bool:
    """Whether a matrix `[n, n]` is positive definite beyond rounding."""
    return bool((signs_of_levels(matrix) > 0).all())


def norm_of(levels: tf.Tensor) -> tf.Tensor:
    """`[B, 1]`, the Frobenius norm of a matrix with these levels `[B, n]`."""
    return tf.sqrt(tf.reduce_sum(levels * levels, axis=-1, keepdims=True))


def log_normal(attempts: int, count: int) -> np.ndarray:
    """`[attempts, count]`, log-normal random numbers around 1, wider from row to row."""
    table = np.random.default_rng(SEED).normal(size=(attempts, count))
    return np.exp(table * np.linspace(0.2, 1.5, attempts)[:, None])
