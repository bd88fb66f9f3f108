"""The eigendecomposition: guarded against bad rows, and eigenvalues that differentiate twice.

The derivative of an eigenvalue is the Hellmann-Feynman expression `d lambda_k = v_k^H dA v_k`. It
holds whether or not levels are degenerate, where the derivative of the *eigenvectors* does not
exist. `eigenvalues` therefore defines its own first and second derivative.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

# Levels closer than this many units in the last place of the spectrum are one degenerate level.
_DEGENERATE_ULPS = 64.0


def hermitian_transpose(matrix: tf.Tensor) -> tf.Tensor:
    """The conjugate transpose of the last two axes."""
    return tf.linalg.matrix_transpose(matrix, conjugate=matrix.dtype.is_complex)


def guarded_eigh(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decompose every matrix of a batch; one that is not finite cannot stop the others.

    `tf.linalg.eigh` raises for the whole batch when one matrix holds a NaN, so such a matrix is
    replaced by the identity and reported.

    Args:
        matrix: `[B, n, n]`, real symmetric or complex Hermitian.

    Returns:
        Eigenvalues `[B, n]` (real, ascending), eigenvectors `[B, n, n]` in columns, and `[B]`
        bool, whether the matrix was finite.
    """
    magnitude = tf.abs(matrix)
    # A matrix whose squares overflow cannot be decomposed either.
    limit = np.sqrt(magnitude.dtype.max) / 1e6
    finite = tf.reduce_all(magnitude < tf.constant(limit, magnitude.dtype), axis=[1, 2])
    identity = tf.eye(matrix.shape[-1], dtype=matrix.dtype)
    safe = tf.where(finite[:, None, None], matrix, identity)
    values, vectors = tf.linalg.eigh(safe)
    return tf.math.real(values), vectors, finite


def divided_differences(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """`(g_k - g_l) / (lambda_k - lambda_l)`, and 0 for equal levels: `[B, n, n]`.

    Inside a degenerate level the quotient has no value unless the coupling that it multiplies
    vanishes (as it does when symmetry protects the degeneracy); 0 is then the right answer.

    Args:
        values: `[B, n]`, ascending eigenvalues.
        weights: `[B, n]`, one number `g` for each level.
    """
    gap = values[:, :, None] - values[:, None, :]
    size = tf.reduce_max(tf.abs(values), axis=-1)[:, None, None]
    epsilon = tf.constant(np.finfo(values.dtype.as_numpy_dtype).eps, values.dtype)
    distinct = tf.abs(gap) > _DEGENERATE_ULPS * epsilon * size
    change = weights[:, :, None] - weights[:, None, :]
    return tf.where(distinct, change / tf.where(distinct, gap, tf.ones_like(gap)), 0.0)


def eigenvalues(matrix: tf.Tensor) -> tf.Tensor:
    """Eigenvalues of a batch of matrices, twice differentiable, also at degenerate levels.

    First derivative: Hellmann-Feynman. Second derivative: second-order perturbation theory, with
    couplings inside a degenerate level left out.

    Args:
        matrix: `[B, n, n]`, real symmetric or complex Hermitian. A matrix that is not finite
            gives NaN eigenvalues.

    Returns:
        `[B, n]`, real, ascending.

    Example:
        >>> eigenvalues(tf.constant([[[2.0, 1.0], [1.0, 2.0]]])).numpy().round(6).tolist()
        [[1.0, 3.0]]
    """

    @tf.custom_gradient
    def forward(matrix: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        values, vectors, finite = guarded_eigh(matrix)
        nan = tf.constant(np.nan, values.dtype)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return _adjoint(matrix, upstream, values, vectors)

        return tf.where(finite[:, None], values, nan), gradient

    return forward(matrix)


def _adjoint(
    matrix: tf.Tensor, upstream: tf.Tensor, values: tf.Tensor, vectors: tf.Tensor
) -> tf.Tensor:
    """`V diag(g) V^H`, the gradient by the matrix; its own gradient is written out here."""
    adjoint_vectors = hermitian_transpose(vectors)

    @tf.custom_gradient
    def forward(
        matrix: tf.Tensor, upstream: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
        del matrix  # it acts through its eigenvectors
        density = (vectors * tf.cast(upstream, vectors.dtype)[:, None, :]) @ adjoint_vectors

        def gradient(direction: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            symmetric = (direction + hermitian_transpose(direction)) / 2
            coupling = adjoint_vectors @ symmetric @ vectors
            quotients = tf.cast(divided_differences(values, upstream), vectors.dtype)
            by_matrix = vectors @ (quotients * coupling) @ adjoint_vectors
            return by_matrix, tf.math.real(tf.linalg.diag_part(coupling))

        return density, gradient

    return forward(matrix, upstream)
