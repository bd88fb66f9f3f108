"""Second derivatives of levels by second-order perturbation theory."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ..linalg.eigh import hermitian_transpose
from ..rowwise.axes import new_axis
from ..rowwise.loops import loop
from ..rowwise.products import matmul_rows, matmul_shared, sum_over_second
from .weighted_levels import WeightedLevels

# If the temporaries of one row have more numbers than _MOST_NUMBERS, the sum over levels is
# computed in groups of levels with _NUMBERS_AT_ONCE numbers each.
_MOST_NUMBERS = 2**21
_NUMBERS_AT_ONCE = 2**18

#: Maps vectors in rows, `[B, c, n]`, to their couplings with all levels, `[B, p, c, n]`.
Coupler = Callable[[tf.Tensor], tf.Tensor]


def level_curvature(
    derivatives: Callable[[], tf.Tensor],
    coupler: Callable[[], Coupler],
    count: int,
    eigenvectors: tf.Tensor,
    levels: WeightedLevels,
) -> tf.Tensor:
    """`coupled_curvature`, for large matrices without any tensor of `n^2 p` or `n p^2` numbers.

    Args:
        derivatives: returns dA/dx, `[B, p, n, n]` or `[1, p, n, n]`; called for small matrices.
        coupler: returns the `Coupler`; called for large matrices.
        count: p.
        eigenvectors: see `coupled_curvature`.
        levels: see `coupled_curvature`.

    Returns:
        `[B, p, p]`.
    """
    size = eigenvectors.shape[1]
    if size * count * max(size, count) <= _MOST_NUMBERS:
        return coupled_curvature(derivatives(), eigenvectors, levels)
    at_once = max(1, min(size, _NUMBERS_AT_ONCE // (size * count)))
    # Pad the levels with zero vectors, which add nothing.
    filled = [[0, 0], [0, -size % at_once], [0, 0]]
    by_level = tf.pad(hermitian_transpose(eigenvectors), filled)
    quotients = tf.pad(levels.quotients(), filled)
    couplings = coupler()

    def add(first: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        some = tf.ensure_shape(by_level[:, first : first + at_once], [None, at_once, size])
        coupling = couplings(some)
        shares = tf.cast(quotients[:, None, first : first + at_once], coupling.dtype)
        left = tf.reshape(coupling * shares, [-1, count, at_once * size])
        right = tf.reshape(coupling, [-1, count, at_once * size])
        product = tf.math.real(matmul_rows(left, right, adjoint_b=True))
        return first + at_once, total + product

    nothing = tf.zeros([tf.shape(quotients)[0], count, count], quotients.dtype)
    return loop(
        lambda first, total: first < size,
        add,
        (tf.constant(0), nothing),
        (tf.TensorShape([]), tf.TensorShape([None, count, count])),
    )[1]


def coupled_curvature(
    derivatives: tf.Tensor, eigenvectors: tf.Tensor, levels: WeightedLevels
) -> tf.Tensor:
    """`sum_k g_k d2 lambda_k / dx_i dx_j` of a matrix that is affine in x.

    Second-order perturbation theory:
    `sum_kl (M_i)_kl conj(M_j)_kl (g_k - g_l) / (lambda_k - lambda_l)` with the couplings
    `M_i = V^H (dA/dx_i) V`.

    Args:
        derivatives: `[B, p, n, n]` or `[1, p, n, n]`, dA/dx.
        eigenvectors: `[B, n, n]`, in columns.
        levels: the levels and the g_k.

    Returns:
        `[B, p, p]`.
    """
    count, size = derivatives.shape[1], derivatives.shape[2]
    side_by_side = tf.reshape(tf.transpose(derivatives, [0, 2, 1, 3]), [-1, size, count * size])
    adjoint = hermitian_transpose(eigenvectors)
    shared = derivatives.shape[0] == 1 and eigenvectors.shape[0] != 1
    half = matmul_shared(adjoint, side_by_side[0]) if shared else matmul_rows(adjoint, side_by_side)
    half = tf.reshape(half, [-1, size, count, size])
    return curvature_of_couplings(half, eigenvectors, levels)


def coupler_of(derivatives: tf.Tensor, vectors: tf.Tensor) -> Coupler:
    """The `Coupler` of dense derivatives: `v_k^H (dA/dx_j) v_l` for some k and all l.

    Args:
        derivatives: `[B, p, n, n]` or `[1, p, n, n]`.
        vectors: `[B, n, n]`, in columns.

    Returns:
        A function from `[B, c, n]` to `[B, p, c, n]`.
    """
    count, size = derivatives.shape[1], derivatives.shape[2]
    side_by_side = tf.reshape(tf.transpose(derivatives, [0, 2, 1, 3]), [-1, size, count * size])
    shared = derivatives.shape[0] == 1

    def couplings(by_level: tf.Tensor) -> tf.Tensor:
        multiply = matmul_shared if shared else matmul_rows
        half = multiply(by_level, side_by_side[0] if shared else side_by_side)
        half = tf.reshape(half, [-1, by_level.shape[1], count, size])
        half = tf.reshape(tf.transpose(half, [0, 2, 1, 3]), [-1, count * by_level.shape[1], size])
        found = matmul_rows(half, vectors)
        return tf.reshape(found, [-1, count, by_level.shape[1], vectors.shape[2]])

    return couplings


def curvature_of_couplings(
    half: tf.Tensor, eigenvectors: tf.Tensor, levels: WeightedLevels
) -> tf.Tensor:
    """`coupled_curvature` from the products `v_k^H dA/dx_j`, `half`, `[B, n, p, n]`."""
    size, count = half.shape[1:3]
    # The couplings of level k with level l by parameter j: `[B, k, j, l]`. As a batch of small
    # products, one for each level, TensorFlow distributes them over its threads.
    coupling = tf.matmul(half, new_axis(eigenvectors, 1))
    quotients = new_axis(levels.quotients(), 2)
    by_level = tf.matmul(coupling * tf.cast(quotients, coupling.dtype), coupling, adjoint_b=True)
    total = sum_over_second(tf.reshape(tf.math.real(by_level), [-1, size, count * count]))
    return tf.reshape(total, [-1, count, count])


def density_of(eigenvectors: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The density matrix `sum_k g_k v_k v_k^H`, `[B, n, n]`, for weights g `[B, n]`."""
    weighted = eigenvectors * tf.cast(weights, eigenvectors.dtype)[:, None, :]
    return matmul_rows(weighted, hermitian_transpose(eigenvectors))
