"""The eigendecomposition: guarded against bad rows, and eigenvalues that differentiate twice.

The derivative of an eigenvalue is the Hellmann-Feynman expression `d lambda_k = v_k^H dA v_k`. It
holds whether or not levels are degenerate, where the derivative of the *eigenvectors* does not
exist; so nothing here is differentiated through eigenvectors.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.once_only import twice_only

# Levels closer than this many units in the last place of the spectrum are one degenerate level.
_DEGENERATE_ULPS = 64.0


def hermitian_transpose(matrix: tf.Tensor) -> tf.Tensor:
    """The conjugate transpose of the last two axes."""
    return tf.linalg.matrix_transpose(matrix, conjugate=matrix.dtype.is_complex)


def largest_entry(dtype: tf.DType) -> float:
    """A matrix with larger entries cannot be decomposed: their squares overflow."""
    return float(np.sqrt(dtype.max) / 1e6)


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
    safe, finite = replace_infinite(matrix)
    values, vectors = tf.linalg.eigh(safe)
    return tf.math.real(values), vectors, finite


def replace_infinite(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The identity for every matrix of a batch `[B, n, n]` that cannot be decomposed.

    Returns:
        `[B, n, n]`, and `[B]` bool, whether the matrix was finite and not too large.
    """
    magnitude = tf.abs(matrix)
    limit = tf.constant(largest_entry(magnitude.dtype), magnitude.dtype)
    finite = tf.reduce_all(magnitude < limit, axis=[1, 2])
    identity = tf.eye(matrix.shape[-1], dtype=matrix.dtype)
    return tf.where(tf.reshape(finite, [-1, 1, 1]), matrix, identity), finite


def divided_differences(
    values: tf.Tensor, weights: tf.Tensor, limits: tf.Tensor | None = None
) -> tf.Tensor:
    """`(g_k - g_l) / (lambda_k - lambda_l)`, and the limit for equal levels: `[B, n, n]`.

    Inside a degenerate level the quotient has no value unless the coupling that it multiplies
    vanishes (as it does when symmetry protects the degeneracy), where 0 is the right answer, or
    g is a smooth function of the level, whose derivative is the limit.

    Args:
        values: `[B, n]`, ascending eigenvalues.
        weights: `[B, n]`, one number `g` for each level.
        limits: `[B, n, n]`; None for 0.
    """
    change = new_axis(weights, 2) - new_axis(weights, 1)
    inverse = _inverse_gaps(values)
    if limits is None:
        return change * inverse
    return tf.where(inverse != 0, change * inverse, limits)


def eigenvalues(matrix: tf.Tensor) -> tf.Tensor:
    """Eigenvalues of a batch of matrices, twice differentiable, also at degenerate levels.

    Automatic differentiation sees the expansion of second-order perturbation theory around the
    matrix itself, with the eigenvectors `V` held fixed:

        lambda_k + dM_kk + sum_l |dM_kl|^2 / (lambda_k - lambda_l),    dM = V^H dA V.

    Its first two derivatives are those of the eigenvalues (the first is Hellmann-Feynman), and
    nothing is differentiated through eigenvectors. Couplings inside a degenerate level are left
    out. Third derivatives are not provided, and not finite.

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
    coupling = hermitian_transpose(vectors) @ safe @ vectors
    first_order = tf.math.real(tf.linalg.diag_part(coupling))
    # Off the diagonal M is rounding noise, which a small gap would blow up: only its change counts.
    change = coupling - tf.stop_gradient(coupling)
    # |M|^2 without the square root of tf.abs, whose derivative at 0 is not finite.
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
    """Whether two of the ascending eigenvalues `[B, n]` are equal, `[B]` bool."""
    return tf.reduce_any(values[:, 1:] - values[:, :-1] <= _resolution(values), axis=1)


def _resolution(values: tf.Tensor) -> tf.Tensor:
    """`[B, 1]`, how near eigenvalues may be and count as equal."""
    epsilon = np.finfo(values.dtype.as_numpy_dtype).eps
    size = tf.reduce_max(tf.abs(values), axis=-1, keepdims=True)
    return tf.constant(_DEGENERATE_ULPS * epsilon, values.dtype) * size
