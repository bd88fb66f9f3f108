"""Matrices given by any TensorFlow function of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..rowwise.elementwise import in_row_packets
from .base import Parameterization
from .symbolic import symbolic


class Nonlinear(Parameterization):
    """A matrix `A(x)` computed by a TensorFlow function, with automatic differentiation.

    Only the lower triangle of the returned matrix is read, as in `tf.linalg.eigh`.

    Rows are independent to the last bit if the function uses elementwise operations only
    (`tf.exp(x[:, 0])`); the rounding of matrix products and sums may depend on the batch size.

    Example:
        >>> def morse(x):  # two coupled wells whose coupling falls off exponentially
        ...     off = tf.exp(-x[:, 1])
        ...     return tf.stack([tf.stack([x[:, 0], off], -1), tf.stack([off, -x[:, 0]], -1)], -2)
        >>> Nonlinear(morse, n=2, p=2).matrix(tf.constant([[1.0, 0.0]])).numpy().tolist()
        [[[1.0, 1.0], [1.0, -1.0]]]
    """

    def __init__(
        self,
        function: Callable[[tf.Tensor], tf.Tensor],
        n: int,
        p: int,
        parameter_names: Sequence[str] | None = None,
        typical: float | Sequence[float] | np.ndarray = 1.0,
        name: str | None = None,
    ):
        """Set the function.

        Args:
            function: maps parameters `[B, p]` to matrices `[B, n, n]`, each row independently. A
                function from one vector `[p]` to one matrix `[n, n]` is recognized and vectorized.
            n: number of rows of the matrix.
            p: number of parameters.
            parameter_names: one name each; `x0, x1, ...` when None.
            typical: the expected order of magnitude, a number or one for each parameter. Used for
                default starting points only.
            name: name of the module.

        Raises:
            ValueError: if the function raises or returns another shape, or an argument is invalid.
        """
        n = check_count("Nonlinear", "n", n)
        p = check_count("Nonlinear", "p", p)
        if not callable(function):
            raise ValueError(f"Nonlinear: function must be callable, got {function!r}.")
        super().__init__(n, p, parameter_names, name)
        self._typical = as_typical("Nonlinear", typical, p)
        self._function = function
        self._takes_batch = _takes_batch(function, n, p)

    @property
    def kind(self) -> Hashable:
        """Equal for the same function."""
        return Nonlinear, id(self._function), self.size, self.num_parameters

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.matrix`."""
        return mirrored(in_row_packets(self._of_rows, parameters))

    def _of_rows(self, parameters: tf.Tensor) -> tf.Tensor:
        """The value of the function, `[B, n, n]`."""
        if self._takes_batch:
            full = self._function(parameters)
        else:
            full = tf.vectorized_map(self._function, parameters)
        return tf.ensure_shape(full, [None, self.size, self.size])

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Random numbers times `typical`; see `Parameterization.starting_points`."""
        points = super().starting_points(levels, attempt, attempts)
        return points * tf.constant(self._typical, levels.dtype)


def mirrored(full: tf.Tensor) -> tf.Tensor:
    """The symmetric or Hermitian matrices with the lower triangles of `full`, `[B, n, n]`."""
    lower = tf.linalg.band_part(full, -1, 0)
    strict = lower - tf.linalg.band_part(full, 0, 0)
    upper = tf.linalg.matrix_transpose(strict, conjugate=full.dtype.is_complex)
    if full.dtype.is_complex:  # ignore the imaginary part of the diagonal
        diagonal = tf.math.real(tf.linalg.diag_part(full))
        return strict + upper + tf.linalg.diag(tf.cast(diagonal, full.dtype))
    return lower + upper


def as_typical(owner: str, typical: Any, count: int) -> np.ndarray:
    """The typical magnitudes `[p]` from one positive number or p of them."""
    magnitudes = np.asarray(typical, dtype=float)
    if magnitudes.shape not in ((), (count,)) or not (magnitudes > 0).all():
        raise ValueError(
            f"{owner}: typical must be a positive number or {count} of them, got {typical!r}."
        )
    return np.broadcast_to(magnitudes, (count,))


def _takes_batch(function: Callable[[tf.Tensor], tf.Tensor], n: int, p: int) -> bool:
    """Whether the function maps `[B, p]` to `[B, n, n]` (rather than `[p]` to `[n, n]`)."""
    rows = n + p + 1  # different from n and p
    found = []
    for dtype in (tf.float64, tf.float32):  # constants in the function may fix the dtype
        for shape, wanted in (((rows, p), (rows, n, n)), ((p,), (n, n))):
            try:
                got = tuple(symbolic(function, tf.TensorSpec(shape, dtype)).shape)
            except Exception as error:
                # Any exception of the user's function is reported below with the other attempts.
                found.append(f"with {list(shape)} it raised {type(error).__name__}: {error}")
                continue
            if got == wanted:
                return len(shape) == 2
            found.append(f"with {list(shape)} it returned shape {list(got)}")
    raise ValueError(
        f"Nonlinear: function must map parameters [B, {p}] to matrices [B, {n}, {n}] "
        f"(or [{p}] to [{n}, {n}]), but " + "; ".join(found[:2]) + "."
    )
