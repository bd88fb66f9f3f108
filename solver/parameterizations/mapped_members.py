"""Family members of one kind, batched: each with an affine map of the shared parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rowwise.products import matmul_shared, sum_over_second
from .base import Parameterization
from .weighted_levels import WeightedLevels


def by_row(vectors: Any, count: int) -> Any:
    """Eigenvectors of members `[B k, ...]` as `[B, k, ...]`, from which rows can be picked."""
    return tf.nest.map_structure(lambda x: tf.reshape(x, [-1, count, *x.shape[1:]]), vectors)


def by_member(vectors: Any) -> Any:
    """The inverse of `by_row`."""
    return tf.nest.map_structure(lambda x: tf.reshape(x, [-1, *x.shape[2:]]), vectors)


@dataclasses.dataclass(frozen=True, eq=False)
class MappedMembers:
    """k members of one kind with parameters `x_j = M_j y + c_j` of the family's parameters y.

    Row b of the family is rows `b k` to `b k + k - 1` of `inner`; see `Parameterization.together`.

    Attributes:
        places: `[k]`, their numbers in the family.
        inner: the parameterization that batches the k members.
        maps: `[k, p, q]`, the M_j.
        offsets: `[k, p]`, the c_j.
    """

    places: tuple[int, ...]
    inner: Parameterization
    maps: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, members: Sequence[tuple[int, Parameterization, np.ndarray]]) -> list[MappedMembers]:
        """Group members by kind.

        Args:
            members: for each its number, the parameterization, and the matrix `[p_k, q]` that
                selects its parameters from all.

        Returns:
            One `MappedMembers` for each kind.
        """
        groups: dict[Hashable, list[tuple[Any, ...]]] = {}
        for place, member, selection in members:
            inner, map_, offset = member.unmapped()
            found = (place, inner, map_ @ selection, offset)
            groups.setdefault(inner.kind, []).append(found)
        made = []
        for group in groups.values():
            places, inner, maps, offsets = zip(*group, strict=True)
            together = inner[0].together(inner)
            made.append(cls(places, together, np.stack(maps), np.stack(offsets)))
        return made

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """The eigensystem of all members.

        Args:
            parameters: `[B, q]`.

        Returns:
            Levels `[B, k n]`, member after member; the eigenvectors of `inner`, `[B, k, ...]`; and
            `[B]` bool, whether all matrices were finite.
        """
        values, vectors, finite = self.inner.eigensystem(self._own(parameters))
        finite = tf.reduce_all(tf.reshape(finite, [-1, len(self.places)]), axis=1)
        return self._by_row(values), by_row(vectors, len(self.places)), finite

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The eigenvalues `[B, k n]`, twice differentiable; NaN where a matrix is not finite."""
        return self._by_row(self.inner.spectrum(self._own(parameters)))

    def matrices(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices of all members, `[B, k, n, n]`."""
        size = self.inner.size
        matrix = self.inner.matrix(self._own(parameters))
        return tf.reshape(matrix, [-1, len(self.places), size, size])

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives of the matrices of all members, `[B, q, k, n, n]`."""
        own = self.inner.derivatives(self._own(parameters))
        members, count, wide = self.maps.shape
        size = self.inner.size
        own = tf.broadcast_to(own, [tf.shape(parameters)[0] * members, *own.shape[1:]])
        own = tf.reshape(own, [-1, members, count, size * size])
        found = tf.matmul(tf.constant(self.maps, own.dtype), own, transpose_a=True)
        found = tf.reshape(found, [-1, members, wide, size, size])
        return tf.transpose(found, [0, 2, 1, 3, 4])

    def level_jacobian(self, parameters: tf.Tensor, vectors: Any) -> tf.Tensor:
        """The derivatives of the levels, `[B, k n, q]`."""
        own = self.inner.level_jacobian(self._own(parameters), by_member(vectors))
        members, count, wide = self.maps.shape
        if self._is_same:
            return self._by_row(own if self._is_plain else matmul_shared(own, self.maps[0]), wide)
        own = tf.reshape(own, [-1, members, self.inner.size, count])
        return self._by_row(tf.matmul(own, tf.constant(self.maps, own.dtype)), wide)

    def level_curvature(
        self, parameters: tf.Tensor, vectors: Any, levels: WeightedLevels
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k / dy2` over the levels of all members, `[B, q, q]`."""
        own_levels = levels.each(lambda field: tf.reshape(field, [-1, self.inner.size]))
        own = (self._own(parameters), by_member(vectors), own_levels)
        return self._summed(self.inner.level_curvature(*own))

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """The second derivatives of `sum_j tr(D_j A_j)`, D `[B, k, n, n]`; None for zero."""
        density = tf.reshape(density, [-1, self.inner.size, self.inner.size])
        own = self.inner.curvature(self._own(parameters), density)
        return None if own is None else self._summed(own)

    def _own(self, parameters: tf.Tensor) -> tf.Tensor:
        """The parameters `x_j = M_j y + c_j` of the members, `[B k, p]`."""
        if self._is_plain and len(self.places) == 1:
            return parameters
        members, count, wide = self.maps.shape
        every = tf.constant(self.maps.reshape(members * count, wide), parameters.dtype)
        own = tf.linalg.matvec(every, parameters)
        if self.offsets.any():
            own += tf.constant(self.offsets.reshape(-1), parameters.dtype)
        return tf.reshape(own, [-1, count])

    def _by_row(self, field: tf.Tensor, *trailing: int) -> tf.Tensor:
        """Reshape a field of the levels of `inner` to `[B, k n, ...]`."""
        if len(self.places) == 1:
            return field
        return tf.reshape(field, [-1, len(self.places) * self.inner.size, *trailing])

    def _summed(self, own: tf.Tensor) -> tf.Tensor:
        """`sum_j M_j^T H_j M_j`, `[B, q, q]`, from the members' second derivatives H_j."""
        members, count, wide = self.maps.shape
        if not self._is_plain:
            own = tf.reshape(own, [-1, members, count, count])
            maps = tf.constant(self.maps, own.dtype)
            own = tf.matmul(maps, tf.matmul(own, maps), transpose_a=True)
        if members > 1:
            own = sum_over_second(tf.reshape(own, [-1, members, wide * wide]))
        return tf.reshape(own, [-1, wide, wide])

    @property
    def _is_same(self) -> bool:
        """Whether all members have the same map M."""
        return bool((self.maps == self.maps[0]).all())

    @property
    def _is_plain(self) -> bool:
        """Whether x = y for every member: identity maps and no offsets."""
        _, count, wide = self.maps.shape
        plain = count == wide and (self.maps == np.eye(wide)).all()
        return bool(plain and not self.offsets.any())
