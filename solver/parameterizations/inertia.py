"""The signs of eigenvalues that no congruence changes (Sylvester's law of inertia)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# An eigenvalue below so many units in the last place for each row of the matrix is rounding error:
# those of a free chain's stiffness matrix are 4e-17 where they should be 0.
_ROUNDING = 16.0
# So often rows and columns are scaled; each time halves the exponents of what is left to do.
_SCALINGS = 8


def signs_of_levels(matrix: np.ndarray) -> np.ndarray:
    """The signs of the eigenvalues of a matrix, ascending; 0 for those that are rounding errors.

    Rows and columns are scaled first, which changes no sign, so that small entries beside large
    ones (springs of very different strength) are not taken for zero.

    Args:
        matrix: `[n, n]`, real symmetric or complex Hermitian.

    Returns:
        `[n]` of -1, 0 and 1: as many of each as in every matrix `G^H A G` with regular G.

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
    """Whether all eigenvalues are positive, beyond rounding."""
    return bool((signs_of_levels(matrix) > 0).all())


def norm_of(levels: tf.Tensor) -> tf.Tensor:
    """`[B, 1]`, the Frobenius norm of a matrix with these levels `[B, n]`."""
    return tf.sqrt(tf.reduce_sum(levels * levels, axis=-1, keepdims=True))
