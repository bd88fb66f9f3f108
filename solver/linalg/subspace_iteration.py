"""Some levels of large matrices: the lowest or the highest ones, without the others.

The eigenvectors are most of the work of a decomposition. Where few are needed, those of the lowest
levels are found by subspace iteration with `(A - s)^-1`, `s` just below the lowest level: one
Cholesky factorization, which fails if a level lies below `s`, and a Chebyshev polynomial that damps
all but the levels next to `s` (Rutishauser 1969; Zhou and Saad, SIAM J. Matrix Anal. Appl. 29
(2007) 954). The highest levels are the lowest ones of `-A`.

Measured at n = 1024 with the 10 lowest levels: 433 ms for `tf.linalg.eigh`, 94 for its values
alone, 26 for the Cholesky factorization and 5 for a cycle of the iteration, of which there are 3 to
6.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from ..rowwise.axes import row_count
from ..rowwise.elementwise import reciprocal
from ..rowwise.loops import loop
from ..rowwise.products import matmul_rows, sum_over_second
from ..rowwise.tables import on_rows

# Smaller matrices are decomposed as fast.
_SMALLEST = 192
# The block may be this part of the matrix.
_LARGEST_SHARE = 6
_DEGREE = 4
_MAX_CYCLES = 16
_SEED = 3


@dataclasses.dataclass(frozen=True, eq=False)
class FewLevels:
    """Which levels of a spectrum of `size` are needed, if these are few and at one of its ends.

    Attributes:
        used: `[c]`, their numbers, ascending.
        wanted: how many levels there are from the end to the farthest of them.
        block: how many vectors are iterated: more than wanted, so that it converges fast.
        sign: 1.0 for the lower end, -1.0 for the upper one.
    """

    size: int
    used: np.ndarray
    wanted: int
    block: int
    sign: float


def few_of(size: int, used: np.ndarray) -> FewLevels | None:
    """How to find these levels; None where a full decomposition is as good."""
    upward, downward = int(used[-1]) + 1, size - int(used[0])
    wanted = min(upward, downward)
    block = wanted + max(6, wanted // 2)
    if size < _SMALLEST or block * _LARGEST_SHARE > size:
        return None
    return FewLevels(size, used, wanted, block, 1.0 if upward <= downward else -1.0)


def few_eigenpairs(
    few: FewLevels, matrix: tf.Tensor, near: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """The levels needed and their eigenvectors.

    A spectrum that is near saves its computation. With it the levels found are eigenvalues, and
    none lies beyond them, except where two of them changed places with others that were farther
    inside: who trusts the answer computes all levels once more.

    Args:
        few: which levels.
        matrix: `[B, n, n]`, finite.
        near: `[B, n]`, the spectra of similar matrices, NaN in rows that have none; None for none
            at all.

    Returns:
        `[B, n]`, ascending, of which only those used are right where there was a near spectrum; and
        `[B, n, c]`, eigenvectors of those used, in columns.
    """
    spectrum = lambda rows: tf.math.real(tf.linalg.eigvalsh(rows))  # noqa: E731
    if near is None:
        values, vectors, found = _iterate(few, matrix, spectrum(matrix))
    else:
        unknown = tf.math.is_nan(near[:, 0])
        known = on_rows(unknown, near, (matrix,), spectrum)
        values, vectors, found = _iterate(few, matrix, known)
        again = lambda rows: _iterate(few, rows, spectrum(rows))  # noqa: E731
        current = (values, vectors, found)
        values, vectors, found = on_rows(~found & ~unknown, current, (matrix,), again)
    decompose = functools.partial(_decompose, few)
    return on_rows(~found, (values, vectors), (matrix,), decompose)


def _decompose(few: FewLevels, matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    values, vectors = tf.linalg.eigh(matrix)
    return tf.math.real(values), tf.gather(vectors, tf.constant(few.used, tf.int32), axis=2)


def _iterate(
    few: FewLevels, matrix: tf.Tensor, near: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The levels, their eigenvectors, and `[B]` bool, whether the iteration converged."""
    dtype, real = matrix.dtype, near.dtype
    epsilon = np.finfo(real.as_numpy_dtype).eps
    ordered = near if few.sign > 0 else -near[:, ::-1]
    largest = tf.reduce_max(tf.abs(near), axis=-1)
    low, edge = ordered[:, 0], ordered[:, few.block]
    below = 0.1 * (edge - low) + 256.0 * epsilon * largest
    shift = low - below
    diagonal = few.sign * tf.linalg.diag_part(matrix) - tf.cast(shift, dtype)[:, None]
    factor = tf.linalg.cholesky(tf.linalg.set_diag(few.sign * matrix, diagonal))
    # The inverse has its unwanted eigenvalues between 0 and this one.
    unwanted = reciprocal(tf.maximum(edge - shift, below))
    twice = tf.cast(2.0 / unwanted, dtype)[:, None, None]
    start = tf.random.stateless_normal([few.size, few.block], [_SEED, 0], dtype=real)
    start = tf.linalg.qr(tf.cast(start, dtype))[0]
    start = tf.tile(start[None], [row_count(matrix), 1, 1])

    def project(columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Eigenvalues and eigenvectors of the inverse within the columns; whether they are right.

        Returns:
            `[B, b]`, descending; the columns and their products with the inverse, turned; `[B]`.
        """
        products = tf.linalg.cholesky_solve(factor, columns)
        inner = matmul_rows(columns, products, adjoint_a=True)
        good = tf.reduce_all(tf.math.is_finite(tf.abs(inner)), axis=[1, 2])
        identity = tf.eye(few.block, dtype=dtype)
        inverses, turn = tf.linalg.eigh(tf.where(good[:, None, None], inner, identity))
        inverses, turn = tf.math.real(inverses)[:, ::-1], turn[:, :, ::-1]
        columns, products = matmul_rows(columns, turn), matmul_rows(products, turn)
        errors = products - tf.cast(inverses, dtype)[:, None, :] * columns
        errors = tf.abs(errors[:, :, : few.wanted])
        errors = tf.sqrt(sum_over_second(errors * errors))
        kept = inverses[:, : few.wanted]
        allowed = epsilon**0.75 * (kept - unwanted[:, None])
        # What rounding leaves, of the factor and of the product.
        allowed += 8.0 * epsilon * (largest[:, None] * inverses[:, :1] + 1.0) * kept
        right = good & tf.reduce_all((errors <= allowed) & (kept > unwanted[:, None]), axis=-1)
        return inverses, columns, products, right

    def unfinished(cycle: tf.Tensor, *state: tf.Tensor) -> tf.Tensor:
        return (cycle < _MAX_CYCLES) & ~tf.reduce_all(state[-1])

    def iterate(
        cycle: tf.Tensor,
        inverses: tf.Tensor,
        columns: tf.Tensor,
        products: tf.Tensor,
        right: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """One cycle: the polynomial, orthonormal columns, and their projection."""
        before, now = columns, twice * products - columns
        for _ in range(_DEGREE - 1):
            next_ = 2.0 * (twice * tf.linalg.cholesky_solve(factor, now) - now) - before
            before, now = now, next_
        new = project(tf.linalg.qr(now)[0])
        state = (inverses, columns, products, right)
        # A row that is right stays as it is, whatever the others still need.
        kept = [
            tf.where(tf.reshape(right, [-1] + [1] * (old.shape.rank - 1)), old, part)
            for old, part in zip(state, new, strict=True)
        ]
        return (cycle + 1, *kept)

    _, inverses, columns, _, right = loop(unfinished, iterate, (tf.constant(0), *project(start)))
    found = shift[:, None] + reciprocal(
        tf.maximum(inverses[:, : few.wanted], 0.5 * unwanted[:, None])
    )
    every = tf.concat([found, ordered[:, few.wanted :]], axis=1)
    place = few.used if few.sign > 0 else few.size - 1 - few.used
    vectors = tf.gather(columns, tf.constant(place, tf.int32), axis=2)
    return (every if few.sign > 0 else -every[:, ::-1]), vectors, right
