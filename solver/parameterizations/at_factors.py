"""Affine matrices with factors of their own for each row: `sum_k f_k A_k(x)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.products import matmul_shared
from .affine.forms import DenseForm
from .affine_matrix import Affine
from .base import Parameterization
from .constants import captured
from .weighted_levels import WeightedLevels

# With more matrices for each parameter than this, derivatives by parameter are cheaper than those
# by the coefficient of each matrix.
_MANY = 2


class AtFactors(Parameterization):
    """`sum_k f_k A_k(x)`, with factors of its own for each row.

    The matrices of all terms are those of one affine structure with the coefficients
    `z_kj = f_k x_j` and `z_k0 = f_k`. Derivatives by z are contracted with the factors.

    Attributes:
        inner: the affine structure of the q coefficients z.
        factors: `[R, F]`.
    """

    def __init__(
        self,
        inner: Affine,
        factors: tf.Tensor,
        terms: np.ndarray,
        parameters: np.ndarray,
        names: Sequence[str],
    ):
        """Set term and parameter, `[q]` each, of every coefficient; p is that of the constants."""
        tf.Module.__init__(self, name="at_conditions")
        self.size, self.num_parameters = inner.size, len(names)
        self.parameter_names = tuple(names)
        self.inner, self.factors = inner, factors
        self._terms, self._parameters = terms, parameters
        self._of_coefficients = tf.gather(factors, tf.constant(terms, tf.int32), axis=1)
        # `[q, p]`: which coefficients move with each parameter.
        self._moves = np.equal.outer(parameters, np.arange(len(names))).astype(float)

    def coefficients(self, parameters: tf.Tensor) -> tf.Tensor:
        """`[R, q]`, z."""
        with_one = tf.pad(parameters, [[0, 0], [0, 1]], constant_values=1)
        chosen = tf.gather(with_one, tf.constant(self._parameters, tf.int32), axis=1)
        return self._of_coefficients * chosen

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.matrix`."""
        return self.inner.matrix(self.coefficients(parameters))

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """See `Parameterization.eigensystem`."""
        return self.inner.eigensystem(self.coefficients(parameters))

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization.levels`."""
        return self.inner.levels(self.coefficients(parameters))

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.spectrum`."""
        return self.inner.spectrum(self.coefficients(parameters))

    @property
    def _by_matrices(self) -> bool:
        """Whether derivatives come from the dense dA/dx_j, not from the matrices of all terms.

        Measured for silicon with 8 parameters and 25 matrices: two thirds of the time of a fit, a
        quarter with second derivatives. For a fluxonium with 3 and 4 it takes a quarter longer.
        """
        many = len(self._terms) > _MANY * self.num_parameters
        return many and self.inner.is_one_block and isinstance(self.inner.form, DenseForm)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """`sum_k f_k B_kj`, `[R, p, n, n]`; see `Parameterization.derivatives`."""
        del parameters
        real = self._combined("real parts by term", np.real)
        if not self.inner.form.is_complex:
            return real
        return tf.complex(real, self._combined("imaginary parts by term", np.imag))

    def _combined(self, name: str, part: Callable[[np.ndarray], np.ndarray]) -> tf.Tensor:
        """The real or imaginary parts of the derivatives, `[R, p, n, n]`."""
        shape = [self.num_parameters, self.size, self.size]

        def by_term() -> np.ndarray:
            every = np.zeros((self.factors.shape[1], *shape))
            moves = self._parameters < self.num_parameters
            chosen = part(self.inner.basis[moves])
            every[self._terms[moves], self._parameters[moves]] = chosen
            return every.reshape(len(every), -1)

        table = captured(self.inner, name, self.factors.dtype, by_term)
        found = matmul_shared(new_axis(self.factors, 1), table)
        return tf.reshape(found, [-1, *shape])

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> None:
        """None: A(x) is affine."""
        del parameters, density

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """See `Parameterization.level_jacobian`."""
        if self._by_matrices:
            return self.expectation_slopes(parameters, eigenvectors)
        slopes = self.inner.level_jacobian(self.coefficients(parameters), eigenvectors)
        return matmul_shared(slopes * new_axis(self._of_coefficients, 1), self._moves)

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: Any, levels: WeightedLevels
    ) -> tf.Tensor:
        """See `Parameterization.level_curvature`."""
        if self._by_matrices:
            return super().level_curvature(parameters, eigenvectors, levels)
        second = self.inner.level_curvature(self.coefficients(parameters), eigenvectors, levels)
        factors = self._of_coefficients
        second *= new_axis(factors, 2) * new_axis(factors, 1)
        half = tf.linalg.matrix_transpose(matmul_shared(second, self._moves))
        return matmul_shared(half, self._moves)
