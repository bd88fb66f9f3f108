"""The multiplicative inverse eigenvalue problem `D^(1/2) A D^(1/2)`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import tensorflow as tf

from ..rowwise.products import matmul_rows
from .affine_matrix import as_matrices
from .base import Parameterization
from .constants import matching
from .inertia import log_normal, norm_of, signs_of_levels


class Multiplicative(Parameterization):
    """`D^(1/2) A D^(1/2)` with `D = diag(x)`, `x > 0`: the multiplicative problem.

    The eigenvalues are those of `D A` and, for inverse masses x, the squared frequencies of
    `A u = lambda D^-1 u`. Their derivatives are `d lambda_k / dx_i = lambda_k |v_ik|^2 / x_i`.
    Outside of `x > 0` the matrix is NaN, and the fit rejects the step.

    Example:
        >>> chain = Multiplicative([[2.0, -1.0], [-1.0, 2.0]])
        >>> chain.matrix(tf.constant([[1.0, 4.0]])).numpy().tolist()
        [[[2.0, -2.0], [-2.0, 8.0]]]
    """

    def __init__(
        self,
        factor: np.ndarray | Sequence,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
    ):
        """Set the matrix A.

        Args:
            factor: `[n, n]`, A, real symmetric or complex Hermitian.
            parameter_names: one name for each factor; `m0, m1, ...` when None.
            name: name of the module.

        Raises:
            ValueError: if the matrix is not finite and symmetric (Hermitian).
        """
        matrix = as_matrices("Multiplicative", "factor", factor, rank=2)
        size = len(matrix)
        super().__init__(size, size, parameter_names or [f"m{i}" for i in range(size)], name)
        self.factor = matrix

    @property
    def kind(self) -> Hashable:
        """Equal for matrices of the same size and dtype."""
        return Multiplicative, self.size, np.iscomplexobj(self.factor)

    def together(self, members: Sequence[Multiplicative]) -> Multiplicative:
        """See `Parameterization.together`; the factor is `[k, n, n]`."""
        made = Multiplicative(self.factor, self.parameter_names)
        made.factor = np.stack([member.factor for member in members])
        return made

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, the signs of the eigenvalues of A (Sylvester's law of inertia)."""
        return signs_of_levels(self.factor)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices `[B, n, n]`; NaN where a parameter is not positive."""
        nan = tf.constant(np.nan, parameters.dtype)
        positive = parameters > 0
        # Both branches of `where` must be finite, or the gradient is NaN.
        roots = tf.sqrt(tf.where(positive, parameters, tf.ones_like(parameters)))
        roots = tf.where(positive, roots, nan)
        products = roots[:, :, None] * roots[:, None, :]
        dtype = matching(parameters.dtype, np.iscomplexobj(self.factor))
        factor = tf.constant(self.factor, dtype)
        by_member = tf.reshape(products, [-1, *factor.shape])
        matrix = tf.cast(by_member, factor.dtype) * factor
        return tf.reshape(matrix, [-1, self.size, self.size])

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.expectation_slopes`."""
        matrix = self.matrix(parameters)
        products = tf.math.real(tf.math.conj(vectors) * matmul_rows(matrix, vectors))
        return tf.linalg.matrix_transpose(products) / parameters[:, None, :]

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Log-normal numbers around the c for which `c A` has the trace, or norm, of the levels."""
        spread = log_normal(attempts, self.size)
        if (self.level_signs > 0).all():
            trace = float(np.trace(self.factor).real)
            mean = tf.abs(tf.reduce_sum(levels, axis=-1, keepdims=True)) / trace
        else:  # the trace of an indefinite matrix may vanish
            mean = norm_of(levels) / (np.linalg.norm(self.factor) or 1.0)
        mean = tf.where(mean > 0, mean, tf.ones_like(mean))
        return mean * tf.gather(tf.constant(spread, levels.dtype), attempt % attempts)
