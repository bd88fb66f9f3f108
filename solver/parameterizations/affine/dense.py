"""Products with dense basis matrices, real or complex."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def flat_reals(matrices: np.ndarray) -> np.ndarray:
    """`[k, N]`, matrices `[k, n, n]`, or one, as vectors with interleaved complex parts."""
    return (
        np.ascontiguousarray(matrices)
        .view(float)
        .reshape(-1, matrices.shape[-1] ** 2 * (2 if np.iscomplexobj(matrices) else 1))
    )


def restricted(matrices: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Restrict matrices `[..., n, n]` to a subspace, `[..., k, k]`; see `Form.restricted`."""
    size = len(columns)
    first = (columns != 0).argmax(axis=0)
    last = size - 1 - (columns != 0)[::-1].argmax(axis=0)
    inside = matrices[..., first, :][..., first]
    if np.array_equal(first, last):
        return inside
    signs = np.where(first == last, 0, columns[last, np.arange(columns.shape[1])])
    inside = inside + signs[:, None] * matrices[..., last, :][..., first]
    inside += signs * matrices[..., first, :][..., last]
    inside += np.outer(signs, signs) * matrices[..., last, :][..., last]
    norms = np.sqrt(1.0 + signs * signs)
    return inside / np.outer(norms, norms)


def combine(parameters: tf.Tensor, constant: np.ndarray, basis: np.ndarray) -> tf.Tensor:
    """`A0 + sum_j x_j B_j`.

    Args:
        parameters: `[B, p]`, real.
        constant: `[...]`, A0.
        basis: `[p, ...]`, the B_j, complex if A0 is.

    Returns:
        `[B, ...]`.
    """
    combined = _combine_real(parameters, np.real(constant), np.real(basis))
    if np.iscomplexobj(basis):
        imaginary = _combine_real(parameters, np.imag(constant), np.imag(basis))
        combined = tf.complex(combined, imaginary)
    return tf.reshape(combined, [-1, *constant.shape])


def _combine_real(parameters: tf.Tensor, constant: np.ndarray, basis: np.ndarray) -> tf.Tensor:
    columns = tf.constant(basis.reshape(len(basis), constant.size).T, parameters.dtype)
    # Row by row: the rounding of one product for the whole batch, and of its derivatives, would
    # depend on the batch size.
    flat = tf.linalg.matvec(columns, parameters)
    if constant.any():
        flat += tf.constant(constant.reshape(-1), parameters.dtype)
    return flat


def real_parts(vectors: tf.Tensor) -> tf.Tensor:
    """Complex vectors as real ones, `[Re v, Im v]`.

    Products of real matrices are twice as fast as those of complex ones.

    Args:
        vectors: `[..., c, n]`, real or complex, in rows.

    Returns:
        `[..., c, 2 n]`; real vectors unchanged.
    """
    if not vectors.dtype.is_complex:
        return vectors
    return tf.concat([tf.math.real(vectors), tf.math.imag(vectors)], axis=-1)


def as_real(matrices: np.ndarray) -> np.ndarray:
    """Hermitian `H = R + iS`, `[p, n, n]`, as the real symmetric `[[R, -S], [S, R]]`.

    `v^H H v` is the quadratic form of that matrix at `[Re v, Im v]`.

    Returns:
        `[p, 2 n, 2 n]`.
    """
    real, imaginary = np.real(matrices), np.imag(matrices)
    return np.block([[real, -imaginary], [imaginary, real]])
