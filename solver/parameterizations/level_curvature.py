"""Second derivatives of levels by second-order perturbation theory."""

from __future__ import annotations

import tensorflow as tf

from ..eigen import divided_differences, hermitian_transpose
from ..products import matmul_rows, matmul_shared, sum_over_second
from .meeting import Meeting


def coupled_curvature(
    derivatives: tf.Tensor,
    eigenvalues: tf.Tensor,
    eigenvectors: tf.Tensor,
    weights: tf.Tensor,
    meeting: Meeting | None = None,
) -> tf.Tensor:
    """`sum_k g_k d2 lambda_k / dx_i dx_j` of a matrix that is affine in x.

    That is `sum_kl (M_i)_kl conj(M_j)_kl (g_k - g_l) / (lambda_k - lambda_l)` with the couplings
    `M_i = V^H (dA/dx_i) V`.

    Args:
        derivatives: `[B, p, n, n]` or `[1, p, n, n]`, dA/dx.
        eigenvalues: `[B, n]`, ascending.
        eigenvectors: `[B, n, n]`, in columns.
        weights: `[B, n]`, the numbers g.
        meeting: what stands for the quotient where two levels are equal; None for 0, which is right
            where symmetry protects the degeneracy.

    Returns:
        `[B, p, p]`.
    """
    count, size = derivatives.shape[1], derivatives.shape[2]
    side_by_side = tf.reshape(tf.transpose(derivatives, [0, 2, 1, 3]), [-1, size, count * size])
    adjoint = hermitian_transpose(eigenvectors)
    shared = derivatives.shape[0] == 1 and eigenvectors.shape[0] != 1
    half = matmul_shared(adjoint, side_by_side[0]) if shared else matmul_rows(adjoint, side_by_side)
    half = tf.reshape(half, [-1, size, count, size])
    return curvature_of_couplings(half, eigenvalues, eigenvectors, weights, meeting)


def curvature_of_couplings(
    half: tf.Tensor,
    eigenvalues: tf.Tensor,
    eigenvectors: tf.Tensor,
    weights: tf.Tensor,
    meeting: Meeting | None,
) -> tf.Tensor:
    """`coupled_curvature` from `half`, `[B, n, p, n]`: `v_k^H dA/dx_j` for level k."""
    size, count = half.shape[1:3]
    # The couplings of level k, those of parameter j in row j: `[B, k, j, l]`. Level by level the
    # products are small, and so TensorFlow shares them out among the threads.
    coupling = tf.matmul(half, eigenvectors[:, None])
    limits = None if meeting is None else meeting.limits(weights)
    quotients = divided_differences(eigenvalues, weights, limits)[:, :, None]
    by_level = tf.matmul(coupling * tf.cast(quotients, coupling.dtype), coupling, adjoint_b=True)
    total = sum_over_second(tf.reshape(tf.math.real(by_level), [-1, size, count * count]))
    return tf.reshape(total, [-1, count, count])


def density_of(eigenvectors: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """`sum_k g_k v_k v_k^H`, `[B, n, n]`, for eigenvectors `[B, n, n]` and weights `[B, n]`."""
    weighted = eigenvectors * tf.cast(weights, eigenvectors.dtype)[:, None, :]
    return matmul_rows(weighted, hermitian_transpose(eigenvectors))
