"""Eigendecomposition, with protection from non-finite rows, and twice differentiable eigenvalues.

The derivative of an eigenvalue is `d lambda_k = v_k^H dA v_k` (Hellmann-Feynman). It holds at
degenerate levels too, where derivatives of the eigenvectors do not exist; so nothing here is
differentiated through eigenvectors.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..checks import largest_number
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.once_only import twice_only
from ..rowwise.products import matmul_rows

# Levels closer than this many rounding units (epsilon times the largest level) are degenerate.
_DEGENERATE_ULPS = 64.0


def hermitian_transpose(matrix: tf.Tensor) -> tf.Tensor:
    """The conjugate transpose of the last two axes."""
    return tf.linalg.matrix_transpose(matrix, conjugate=matrix.dtype.is_complex)


def guarded_eigh(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decompose every matrix of a batch, with the identity in place of non-finite ones.

    `tf.linalg.eigh` raises for the whole batch if one matrix has a NaN.

    Args:
        matrix: `[B, n, n]`, real symmetric or complex Hermitian.

    Returns:
        Eigenvalues `[B, n]` (real, ascending), eigenvectors `[B, n, n]` in columns, and `[B]`
        bool, whether the matrix was finite.
    """
    safe, finite = replace_infinite(matrix)
    values, vectors = tf.linalg.eigh(safe)
    return tf.math.real(values), vectors, finite


def replace_infinite(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Replace matrices of a batch `[B, n, n]` that cannot be decomposed by the identity.

    Returns:
        `[B, n, n]`; and `[B]` bool, whether the matrix was finite and within `largest_number`.
    """
    magnitude = tf.abs(matrix)
    limit = tf.constant(largest_number(magnitude.dtype), magnitude.dtype)
    finite = tf.reduce_all(magnitude < limit, axis=[1, 2])
    unit = identity(matrix.shape[-1], matrix.dtype)
    return tf.where(tf.reshape(finite, [-1, 1, 1]), matrix, unit), finite


def identity(size: int, dtype: tf.DType) -> tf.Tensor:
    """`tf.eye` in two operations instead of six, `[n, n]`."""
    return tf.raw_ops.MatrixDiag(diagonal=tf.ones([size], dtype))


def divided_differences(
    values: tf.Tensor, weights: tf.Tensor, limits: tf.Tensor | None = None
) -> tf.Tensor:
    """Divided differences `(g_k - g_l) / (lambda_k - lambda_l)`, with given limits at equal levels.

    In a degenerate level the quotient is defined in two cases: if the coupling that it multiplies
    vanishes, as it does when symmetry protects the degeneracy, it may be 0; if g is a smooth
    function of the level, the limit is its derivative.

    Args:
        values: `[B, n]`, ascending eigenvalues.
        weights: `[B, n]`, g.
        limits: `[B, n, n]`; None for 0.

    Returns:
        `[B, n, n]`.
    """
    change = new_axis(weights, 2) - new_axis(weights, 1)
    inverse = _inverse_gaps(values)
    if limits is None:
        return change * inverse
    return tf.where(inverse != 0, change * inverse, limits)


def eigenvalues(matrix: tf.Tensor) -> tf.Tensor:
    """Eigenvalues of a batch of matrices, twice differentiable, also at degenerate levels.

    Automatic differentiation sees second-order perturbation theory about the matrix itself, with
    fixed eigenvectors V:

        lambda_k + dM_kk + sum_l |dM_kl|^2 / (lambda_k - lambda_l),    dM = V^H dA V.

    Its first two derivatives are those of the eigenvalues. Couplings within a degenerate level are
    left out. Third derivatives are not provided: they are not finite.

    Args:
        matrix: `[B, n, n]`, real symmetric or complex Hermitian. A matrix that is not finite
            gives NaN eigenvalues.

    Returns:
        `[B, n]`, real, ascending.

    Example:
        >>> eigenvalues(tf.constant([[[2.0, 1.0], [1.0, 2.0]]])).numpy().round(6).tolist()
        [[1.0, 3.0]]
    """
    values, vectors, finite = guarded_eigh(tf.stop_gradient(matrix))
    vectors = tf.stop_gradient(vectors)
    values = tf.stop_gradient(values)
    # Both branches of `where` must be finite, or the gradient is NaN.
    safe = tf.where(tf.reshape(finite, [-1, 1, 1]), matrix, tf.zeros_like(matrix))
    coupling = matmul_rows(matmul_rows(hermitian_transpose(vectors), safe), vectors)
    first_order = tf.math.real(tf.linalg.diag_part(coupling))
    # The off-diagonal elements of M itself are rounding errors, which small gaps would amplify.
    change = coupling - tf.stop_gradient(coupling)
    # |dM|^2 without tf.abs, whose derivative at 0 is not finite.
    squares = tf.math.real(change * tf.math.conj(change))
    second_order = tf.reduce_sum(squares * _inverse_gaps(values), axis=-1)
    parts = [tf.math.real(safe), tf.math.imag(safe)] if matrix.dtype.is_complex else [safe]
    expansion = first_order + second_order + twice_only(parts, values)
    nan = tf.constant(np.nan, values.dtype)
    exact = tf.where(new_axis(finite, 1), values, nan)
    return exact + (expansion - tf.stop_gradient(expansion))


def _inverse_gaps(values: tf.Tensor) -> tf.Tensor:
    """`1 / (lambda_k - lambda_l)`, and 0 for equal levels: `[B, n, n]`."""
    gap = new_axis(values, 2) - new_axis(values, 1)
    distinct = tf.abs(gap) > new_axis(_resolution(values), 1)
    return tf.where(distinct, reciprocal(tf.where(distinct, gap, tf.ones_like(gap))), 0.0)


def are_degenerate(values: tf.Tensor) -> tf.Tensor:
    """Whether any two of the ascending eigenvalues `[B, n]` are degenerate, `[B]` bool."""
    return tf.reduce_any(values[:, 1:] - values[:, :-1] <= _resolution(values), axis=1)


def _resolution(values: tf.Tensor) -> tf.Tensor:
    """The largest gap of eigenvalues that count as equal, `64 epsilon max|lambda|`: `[B, 1]`."""
    epsilon = np.finfo(values.dtype.as_numpy_dtype).eps
    size = tf.reduce_max(tf.abs(values), axis=-1, keepdims=True)
    return tf.constant(_DEGENERATE_ULPS * epsilon, values.dtype) * size
