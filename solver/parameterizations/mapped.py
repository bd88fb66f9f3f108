"""Fixed and tied parameters: a parameterization at an affine map of other parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rowwise.products import matmul_rows, matmul_shared
from .affine.forms import Form
from .base import Parameterization
from .level_curvature import Coupler


class Mapped(Parameterization):
    """The parameterization `y -> A(M y + c)`.

    Attributes:
        inner: the parameterization of x.
        map: `[p, q]`, M.
        offset: `[p]`, c.
    """

    def __init__(
        self, inner: Parameterization, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ):
        """See `Parameterization.mapped`."""
        super().__init__(inner.size, map_.shape[1], names)
        self.inner = inner
        self.map = map_
        self.offset = offset

    def expand(self, parameters: tf.Tensor) -> tf.Tensor:
        """The parameters x `[B, p]` of the inner parameterization for y `[B, q]`."""
        dtype = parameters.dtype
        full = tf.linalg.matvec(tf.constant(self.map, dtype), parameters)
        return full + tf.constant(self.offset, dtype)

    def as_affine(self) -> Form | None:
        """See `Parameterization.as_affine`."""
        form = self.inner.as_affine()
        return None if form is None else form.mapped(self.map, self.offset)

    def unmapped(self) -> tuple[Parameterization, np.ndarray, np.ndarray]:
        """See `Parameterization.unmapped`."""
        inner, map_, offset = self.inner.unmapped()
        return inner, map_ @ self.map, map_ @ self.offset + offset

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[q]`, the bounds `|M|^T s` from the scales s of x."""
        return np.abs(self.map).T @ self.inner.parameter_scales

    @property
    def has_constant(self) -> bool:
        """Whether c is nonzero or A(0) is."""
        return bool(self.offset.any()) or self.inner.has_constant

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings by y; see `Parameterization.coupler`."""
        inner = self.inner.coupler(self.expand(parameters), vectors)

        def couplings(by_level: tf.Tensor) -> tf.Tensor:
            found = inner(by_level)
            _, count, levels, size = found.shape
            map_ = tf.constant(self.map, found.dtype)[None]
            flat = tf.reshape(found, [-1, count, levels * size])
            by_place = matmul_rows(flat, map_, transpose_a=True)
            by_parameter = tf.linalg.matrix_transpose(by_place)
            return tf.reshape(by_parameter, [-1, self.num_parameters, levels, size])

        return couplings

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """The least-squares y of the starting points of x: `M^+ (x - c)`."""
        full = self.inner.starting_points(levels, attempt, attempts)
        inverse = tf.constant(np.linalg.pinv(self.map), levels.dtype)
        return tf.linalg.matvec(inverse, full - tf.constant(self.offset, levels.dtype))


def _of_inner(name: str) -> property:
    return property(lambda self: getattr(self.inner, name))


def _at_x(name: str, by_y: Callable[[Any, Any], Any] | None = None) -> Callable[..., Any]:
    """A method of the inner parameterization at x; `by_y` turns derivatives by x to those by y."""

    def at_x(self: Mapped, parameters: tf.Tensor, *others: Any) -> Any:
        found = getattr(self.inner, name)(self.expand(parameters), *others)
        return found if by_y is None or found is None else by_y(found, self.map)

    return at_x


def _slopes_by_y(slopes: tf.Tensor, map_: np.ndarray) -> tf.Tensor:
    return matmul_shared(slopes, map_)


def _matrices_by_y(matrices: tf.Tensor, map_: np.ndarray) -> tf.Tensor:
    return tf.einsum("bpij,pq->bqij", matrices, tf.constant(map_, matrices.dtype))


def _second_by_y(second: tf.Tensor, map_: np.ndarray) -> tf.Tensor:
    """`M^T H M`."""
    constant = tf.constant(map_, second.dtype)
    return tf.matmul(constant, tf.matmul(second, constant), transpose_a=True)


for _name in (
    "level_counts",
    "level_signs",
    "blocks",
    "is_one_block",
    "whole_is_cheaper",
    "memory",
):
    setattr(Mapped, _name, _of_inner(_name))
for _name in ("matrix", "finite_matrix", "eigensystem", "levels", "spectrum"):
    setattr(Mapped, _name, _at_x(_name))
for _name in ("level_jacobian", "expectation_slopes"):
    setattr(Mapped, _name, _at_x(_name, _slopes_by_y))
for _name in ("level_curvature", "curvature"):
    setattr(Mapped, _name, _at_x(_name, _second_by_y))
Mapped.derivatives = _at_x("derivatives", _matrices_by_y)
