"""Starting points of affine structures at conditions: projections of random eigenvectors.

With the eigenvectors V of a random matrix of the structure, and the wanted levels t, the start is
the x for which A(x) is nearest to `V diag(t) V^H` in the Frobenius norm, over all conditions of the
row. That is `affine.starts.projected_starts`, with inner products that depend on the conditions.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from ..linalg.linear import solve_symmetric
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.products import matmul_rows
from ..seed import SEED
from .affine.dense import flat_reals
from .affine.starts import stretch
from .constants import captured

if TYPE_CHECKING:  # for annotations only
    from .conditions import AtConditions

# Tables of inner products with more numbers are not made: starts are then random.
_MOST_NUMBERS = 2_000_000
# Number of random directions, after which they repeat.
_DIRECTIONS = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class ProjectionAtConditions:
    """Inner products of the matrices of a `Sweep`, summed over conditions by their factors.

    With the matrix `M_a = sum_k f_k B_ka` at a condition, for a parameter a or the constant part,
    `sum_c tr(M_a M_b) = sum_kl tr(B_ka B_lb) sum_c f_k f_l`.

    Attributes:
        count: p, the number of parameters; number p of the matrices is the constant part.
        norms: `[p, F^2]`, `Re tr(B_kj B_lj)` for each parameter.
        gram: `[(1 + p)^2, F^2]`, `Re tr(B_ka B_lb)`; None if it would be large.
        traces: `[(1 + p)^2, F^2]`, `tr B_ka tr B_lb / n`; None likewise.
    """

    count: int
    norms: np.ndarray
    gram: np.ndarray | None
    traces: np.ndarray | None

    @classmethod
    def of(
        cls,
        basis: np.ndarray,
        terms: np.ndarray,
        parameters: np.ndarray,
        factors: int,
        count: int,
    ) -> ProjectionAtConditions:
        """From the matrices `[q, n, n]`, with the term and the parameter of each."""
        flat = flat_reals(basis)
        products = flat @ flat.T
        own = np.real(np.einsum("qaa->q", basis))
        traces = np.outer(own, own) / basis.shape[1]
        norms = np.zeros((count + 1, factors, factors))
        same = parameters[:, None] == parameters[None]
        pairs = np.argwhere(same)
        first, second = pairs[:, 0], pairs[:, 1]
        norms[parameters[first], terms[first], terms[second]] = products[first, second]
        gram = traces_of = None
        if ((count + 1) * factors) ** 2 <= _MOST_NUMBERS:
            place = parameters * factors + terms
            wide = (count + 1) * factors

            def spread(small: np.ndarray) -> np.ndarray:
                full = np.zeros((wide, wide))
                full[np.ix_(place, place)] = small
                full = full.reshape(count + 1, factors, count + 1, factors)
                return full.transpose(0, 2, 1, 3).reshape((count + 1) ** 2, factors**2)

            gram, traces_of = spread(products), spread(traces)
        return cls(count, norms[:count].reshape(count, -1), gram, traces_of)

    def squared_factors(self, factors: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """`sum_c f f^T` over the conditions of each row, `[B, F^2]`.

        Args:
            factors: `[B K, F]`.
            present: `[B, K]` bool.
        """
        limit, number = present.shape[1], factors.shape[1]
        every = tf.reshape(factors, [-1, limit, number])
        every = tf.where(new_axis(present, 2), every, tf.zeros_like(every))
        return tf.reshape(matmul_rows(every, every, transpose_a=True), [-1, number**2])

    def squares(self, squared: tf.Tensor) -> tf.Tensor:
        """`[B, p]`, the squared Frobenius norms of dA/dx_j, from `squared_factors`."""
        return tf.linalg.matvec(captured(self, "norms", squared.dtype, self.norms), squared)

    def starts(
        self,
        structure: AtConditions,
        squared: tf.Tensor,
        levels: tf.Tensor,
        attempt: tf.Tensor,
        attempts: int,
    ) -> tf.Tensor:
        """Starting points of B rows.

        Args:
            structure: the rows at their conditions.
            squared: `[B, F^2]`, from `squared_factors`.
            levels: `[B, K n]`, the wanted levels.
            attempt: `[B]`, int32, the number of the start.
            attempts: the number of different starts.

        Returns:
            `[B, p]`.
        """
        dtype, count = levels.dtype, self.count
        there = structure.present_levels
        by_member = tf.reshape(levels, [-1, structure.limit, structure.states])
        means = tf.reduce_mean(by_member, axis=2)
        deviations = tf.reshape(by_member - new_axis(means, 2), [-1, structure.size])
        deviations = tf.where(there, deviations, tf.zeros_like(levels))
        table = np.random.default_rng(SEED).normal(size=(min(attempts, _DIRECTIONS), count))
        normal = tf.gather(tf.constant(table, dtype), attempt % len(table))
        norm = tf.norm(deviations, axis=1)
        size = tf.where(norm > 0, norm, tf.ones_like(norm))
        scales = tf.sqrt(tf.maximum(self.squares(squared), 0.0))
        units = tf.where(scales > 0, scales, tf.ones_like(scales))
        random = normal * new_axis(size / np.sqrt(count), 1) * reciprocal(units)
        if self.gram is None or self.traces is None:
            return random
        gram = self._by_row("gram", self.gram, squared)
        _, vectors, _ = structure.eigensystem(random)
        overlaps = structure.level_jacobian(random, vectors)
        wanted = tf.where(there, levels, tf.zeros_like(levels))

        def project(along: tf.Tensor) -> tf.Tensor:
            right = along - gram[:, :count, count]
            return solve_symmetric(gram[:, :count, :count], units, right)

        start = project(tf.linalg.matvec(overlaps, wanted, transpose_a=True))
        average = tf.where(there, tf.repeat(means, structure.states, axis=1), tf.zeros_like(levels))
        # The trace of a matrix is the sum of its diagonal in any basis.
        middle = project(tf.linalg.matvec(overlaps, average, transpose_a=True))
        traceless = gram - self._by_row("traces", self.traces, squared)
        ones = tf.ones_like(units)
        longer = stretch(_constant_first(traceless), ones, middle, start, deviations)
        found = middle + new_axis(longer, 1) * (start - middle)
        return tf.where(tf.math.is_finite(found), found, random)

    def _by_row(self, name: str, table: np.ndarray, squared: tf.Tensor) -> tf.Tensor:
        """`[B, 1 + p, 1 + p]`, a table of inner products summed over the conditions."""
        found = tf.linalg.matvec(captured(self, name, squared.dtype, table), squared)
        return tf.reshape(found, [-1, self.count + 1, self.count + 1])


def _constant_first(gram: tf.Tensor) -> tf.Tensor:
    """The inner products `[B, 1 + p, 1 + p]` with those of the constant part first."""
    return tf.roll(gram, [1, 1], axis=[1, 2])
