"""New parameterizations from old ones: fixed and tied parameters, sums, multiples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ..checks import is_number
from ..products import matmul_rows, matmul_shared
from .affine import Affine, affine_of
from .base import Parameterization
from .level_curvature import Coupler
from .meeting import Meeting
from .symmetry import Block

# An affine structure is written out with all its matrices up to this many numbers.
_MOST_NUMBERS = 2_000_000


class Reduced(Parameterization):
    """A parameterization whose parameters are affine functions of fewer: `x = M y + c`.

    Made by `Parameterization.with_fixed` and `with_tied`.

    Attributes:
        inner: the parameterization of x.
        map: `[p, q]`, M.
        offset: `[p]`, c.
    """

    def __init__(
        self,
        inner: Parameterization,
        map_: np.ndarray,
        offset: np.ndarray,
        parameter_names: tuple[str, ...],
    ):
        """Take the affine function; `map_` is `[p, q]` and `offset` `[p]`."""
        super().__init__(inner.size, map_.shape[1], parameter_names)
        self.inner = inner
        self.map = map_
        self.offset = offset

    def expand(self, parameters: tf.Tensor) -> tf.Tensor:
        """The parameters x `[B, p]` of the inner parameterization for y `[B, q]`."""
        dtype = parameters.dtype
        full = tf.linalg.matvec(tf.constant(self.map, dtype), parameters)
        return full + tf.constant(self.offset, dtype)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices of a batch of parameters; see `Parameterization.matrix`."""
        return self.inner.matrix(self.expand(parameters))

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[q]`, bounds from the scales of x."""
        return np.abs(self.map).T @ self.inner.parameter_scales

    @property
    def numbers_of_slopes(self) -> int:
        """That of the inner parameterization; see `Parameterization.numbers_of_slopes`."""
        return self.inner.numbers_of_slopes

    @property
    def held_numbers(self) -> int:
        """That of the inner parameterization; see `Parameterization.held_numbers`."""
        return self.inner.held_numbers

    @property
    def has_constant(self) -> bool:
        """Whether the parameters that are held make one, or x = 0 does."""
        return bool(self.offset.any()) or self.inner.has_constant

    @property
    def level_counts(self) -> tuple[int, ...]:
        """How many levels each member has."""
        return self.inner.level_counts

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, those of the inner parameterization."""
        return self.inner.level_signs

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """That of the inner parameterization; see `Parameterization.eigensystem`."""
        return self.inner.eigensystem(self.expand(parameters))

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """That of the inner parameterization; see `Parameterization.levels`."""
        return self.inner.levels(self.expand(parameters))

    def finite_matrix(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """That of the inner parameterization; see `Parameterization.finite_matrix`."""
        return self.inner.finite_matrix(self.expand(parameters))

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """That of the inner parameterization; see `Parameterization.spectrum`."""
        return self.inner.spectrum(self.expand(parameters))

    def level_curvature(
        self,
        parameters: tf.Tensor,
        eigenvalues: tf.Tensor,
        eigenvectors: Any,
        weights: tf.Tensor,
        meeting: Meeting | None = None,
    ) -> tf.Tensor:
        """The second derivatives by y; see `Parameterization.level_curvature`."""
        inner = self.inner.level_curvature(
            self.expand(parameters), eigenvalues, eigenvectors, weights, meeting
        )
        return self._contract(inner)

    def _contract(self, inner: tf.Tensor) -> tf.Tensor:
        """Second derivatives by y for those by x."""
        map_ = tf.constant(self.map, inner.dtype)
        return tf.matmul(map_, tf.matmul(inner, map_), transpose_a=True)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives by y; see `Parameterization.derivatives`."""
        inner = self.inner.derivatives(self.expand(parameters))
        return tf.einsum("bpij,pq->bqij", inner, tf.constant(self.map, inner.dtype))

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The derivatives of the levels by y; see `Parameterization.level_jacobian`."""
        inner = self.inner.level_jacobian(self.expand(parameters), eigenvectors)
        return matmul_shared(inner, self.map)

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

    @property
    def is_one_block(self) -> bool:
        """Whether the inner parameterization is."""
        return self.inner.is_one_block

    @property
    def prefers_whole(self) -> bool:
        """Whether the inner parameterization does."""
        return self.inner.prefers_whole

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Those of the inner parameterization; see `Parameterization.blocks`."""
        return self.inner.blocks

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """The slopes by y; see `Parameterization.expectation_slopes`."""
        inner = self.inner.expectation_slopes(self.expand(parameters), vectors)
        return matmul_shared(inner, self.map)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """The second derivatives by y; see `Parameterization.curvature`."""
        inner = self.inner.curvature(self.expand(parameters), density)
        return None if inner is None else self._contract(inner)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """The starting points of x, projected on what y can reach."""
        full = self.inner.starting_points(levels, attempt, attempts)
        inverse = tf.constant(np.linalg.pinv(self.map), levels.dtype)
        return tf.linalg.matvec(inverse, full - tf.constant(self.offset, levels.dtype))


class Sum(Parameterization):
    """`A(x) + B(y)` with the parameters of both, those of A first. Made by `a + b`.

    Attributes:
        first, second: the two parameterizations.
    """

    def __init__(self, first: Parameterization, second: Parameterization):
        """Take the two; raises ValueError for different sizes or a name that both use."""
        _check_single("a sum", first)
        _check_single("a sum", second)
        if first.size != second.size:
            raise ValueError(
                "a sum of parameterizations needs matrices of one size, got "
                f"{first.size} x {first.size} and {second.size} x {second.size}."
            )
        names = (*first.parameter_names, *second.parameter_names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"a sum of parameterizations needs different parameter names, but {twice} stand "
                "in both; pass parameter_names to one of them."
            )
        super().__init__(first.size, len(names), names)
        self.first = first
        self.second = second

    def _split(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = self.first.num_parameters
        return values[:, :count], values[:, count:]

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices of a batch of parameters; see `Parameterization.matrix`."""
        x, y = self._split(parameters)
        one, other = _same_dtype(self.first.matrix(x), self.second.matrix(y))
        return one + other

    @property
    def numbers_of_slopes(self) -> int:
        """Those of both; see `Parameterization.numbers_of_slopes`."""
        return self.first.numbers_of_slopes + self.second.numbers_of_slopes

    @property
    def held_numbers(self) -> int:
        """Those of both; see `Parameterization.held_numbers`."""
        return self.first.held_numbers + self.second.held_numbers

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the scales of both."""
        return np.concatenate([self.first.parameter_scales, self.second.parameter_scales])

    @property
    def has_constant(self) -> bool:
        """Whether one of both has."""
        return self.first.has_constant or self.second.has_constant

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives of both; see `Parameterization.derivatives`."""
        x, y = self._split(parameters)
        one, other = _same_dtype(self.first.derivatives(x), self.second.derivatives(y))
        rows = tf.maximum(tf.shape(one)[0], tf.shape(other)[0])
        parts = [
            tf.broadcast_to(part, tf.concat([[rows], tf.shape(part)[1:]], 0))
            for part in (one, other)
        ]
        return tf.concat(parts, axis=1)

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: tf.Tensor) -> tf.Tensor:
        """The derivatives of the levels by both; see `Parameterization.level_jacobian`."""
        x, y = self._split(parameters)
        # Each part sees eigenvectors of its own kind: a real part of a complex matrix is cast up.
        parts = [
            part.expectation_slopes(values, eigenvectors)
            for part, values in ((self.first, x), (self.second, y))
        ]
        return tf.concat(parts, axis=-1)

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings by both; see `Parameterization.coupler`."""
        x, y = self._split(parameters)
        one, other = self.first.coupler(x, vectors), self.second.coupler(y, vectors)
        return lambda by_level: tf.concat([one(by_level), other(by_level)], axis=1)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """Block by block; see `Parameterization.curvature`."""
        blocks = [
            (part.curvature(values, density), part.num_parameters, values)
            for part, values in zip((self.first, self.second), self._split(parameters), strict=True)
        ]
        if all(block is None for block, _, _ in blocks):
            return None
        (one, p, x), (other, q, y) = blocks
        rows = tf.shape(parameters)[0]
        one = tf.zeros([rows, p, p], x.dtype) if one is None else one
        other = tf.zeros([rows, q, q], y.dtype) if other is None else other
        upper = tf.concat([one, tf.zeros([rows, p, q], x.dtype)], axis=2)
        lower = tf.concat([tf.zeros([rows, q, p], y.dtype), other], axis=2)
        return tf.concat([upper, lower], axis=1)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """The levels are shared out at random between the two, the same for every row."""
        share = tf.constant([0.5, 1.0, 0.0, 0.75, 0.25], levels.dtype)
        part = tf.gather(share, attempt % 5)[:, None]
        one = self.first.starting_points(part * levels, attempt, attempts)
        other = self.second.starting_points((1.0 - part) * levels, attempt, attempts)
        return tf.concat([one, other], axis=-1)


class Multiple(Parameterization):
    """`factor * A(x)`. Made by `factor * a`.

    Attributes:
        factor: the number.
        inner: the parameterization A.
    """

    def __init__(self, factor: float, inner: Parameterization):
        """Take a number that is finite and not 0, else raise ValueError."""
        _check_single("a multiple", inner)
        if not np.isfinite(factor) or factor == 0:
            raise ValueError(
                f"a multiple of a parameterization needs a finite factor other than 0, "
                f"got {factor!r}."
            )
        super().__init__(inner.size, inner.num_parameters, inner.parameter_names)
        self.factor = float(factor)
        self.inner = inner

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices of a batch of parameters; see `Parameterization.matrix`."""
        inner = self.inner.matrix(parameters)
        return tf.constant(self.factor, inner.dtype) * inner

    @property
    def numbers_of_slopes(self) -> int:
        """That of A; see `Parameterization.numbers_of_slopes`."""
        return self.inner.numbers_of_slopes

    @property
    def held_numbers(self) -> int:
        """That of A; see `Parameterization.held_numbers`."""
        return self.inner.held_numbers

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, those of A times the magnitude of the factor."""
        return abs(self.factor) * self.inner.parameter_scales

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, those of A, turned around by a negative factor."""
        signs = self.inner.level_signs
        return signs if self.factor > 0 else -signs[::-1]

    @property
    def has_constant(self) -> bool:
        """Whether A has."""
        return self.inner.has_constant

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives of A times the factor; see `Parameterization.derivatives`."""
        inner = self.inner.derivatives(parameters)
        return tf.constant(self.factor, inner.dtype) * inner

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: tf.Tensor) -> tf.Tensor:
        """Those of A times the factor; see `Parameterization.level_jacobian`."""
        inner = self.inner.expectation_slopes(parameters, eigenvectors)
        return tf.constant(self.factor, inner.dtype) * inner

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """Those of A times the factor; see `Parameterization.coupler`."""
        inner = self.inner.coupler(parameters, vectors)
        return lambda by_level: tf.cast(self.factor, vectors.dtype) * inner(by_level)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """Those of A times the factor; see `Parameterization.curvature`."""
        inner = self.inner.curvature(parameters, density)
        return None if inner is None else tf.constant(self.factor, inner.dtype) * inner

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Those of A for the levels divided by the factor, which a negative one turns around."""
        wanted = levels / tf.constant(self.factor, levels.dtype)
        if self.factor < 0:
            wanted = wanted[:, ::-1]
        return self.inner.starting_points(wanted, attempt, attempts)


def fix(inner: Parameterization, values: Mapping[str, float]) -> Parameterization:
    """Hold parameters at given values; see `Parameterization.with_fixed`."""
    if not isinstance(values, Mapping):
        raise ValueError(
            f'with_fixed: values must be a dict such as {{"{inner.parameter_names[0]}": 0.0}}, '
            f"got {values!r}."
        )
    for name, value in values.items():
        _check_name(inner, "with_fixed", name)
        if not is_number(value) or not np.isfinite(value):
            raise ValueError(f"with_fixed: the value of {name!r} must be finite, got {value!r}.")
    keep = [name for name in inner.parameter_names if name not in values]
    if not keep:
        raise ValueError("with_fixed: at least one parameter must stay free.")
    offset = np.array([float(values.get(name, 0.0)) for name in inner.parameter_names])
    return _reduce(inner, {}, offset, keep)


def tie(inner: Parameterization, ties: Mapping[str, tuple[str, float]]) -> Parameterization:
    """Make parameters multiples of others; see `Parameterization.with_tied`."""
    example = f'{{"{inner.parameter_names[-1]}": ("{inner.parameter_names[0]}", 1.0)}}'
    pairs = isinstance(ties, Mapping) and all(
        isinstance(tie_, tuple) and len(tie_) == 2 for tie_ in ties.values()
    )
    if not pairs:
        raise ValueError(f"with_tied: ties must be a dict such as {example}, got {ties!r}.")
    for name, (other, factor) in ties.items():
        _check_name(inner, "with_tied", name)
        _check_name(inner, "with_tied", other)
        if other in ties:
            raise ValueError(
                f"with_tied: {name!r} is tied to {other!r}, which is itself tied; tie both to "
                "a free parameter."
            )
        if not is_number(factor) or not np.isfinite(factor):
            raise ValueError(f"with_tied: the factor of {name!r} must be finite, got {factor!r}.")
    keep = [name for name in inner.parameter_names if name not in ties]
    return _reduce(inner, ties, np.zeros(inner.num_parameters), keep)


def _reduce(
    inner: Parameterization,
    ties: Mapping[str, tuple[str, float]],
    offset: np.ndarray,
    keep: list[str],
) -> Parameterization:
    place = {name: index for index, name in enumerate(inner.parameter_names)}
    map_ = np.zeros((inner.num_parameters, len(keep)))
    for column, name in enumerate(keep):
        map_[place[name], column] = 1.0
    for name, (other, factor) in ties.items():
        map_[place[name], keep.index(other)] = factor
    if not isinstance(inner, Affine):
        return Reduced(inner, map_, offset, tuple(keep))
    # Affine again, with exact scales and the better starting points of affine structures.
    form = inner.form.mapped(map_, offset)
    _check_effects(keep, form.norms)
    return affine_of(form, keep)


def _check_effects(names: list[str], effects: np.ndarray) -> None:
    for name, effect in zip(names, effects, strict=True):
        if not effect:
            raise ValueError(
                f"with_tied: the ties leave {name!r} without any effect on the matrix; check "
                "the factors, or fix it."
            )


def _check_single(what: str, inner: Parameterization) -> None:
    if len(inner.level_counts) > 1:
        raise ValueError(f"{what} of a Family is not defined; make it of the members instead.")


def _check_name(inner: Parameterization, method: str, name: str) -> None:
    if name not in inner.parameter_names:
        raise ValueError(
            f"{method}: there is no parameter {name!r}; the parameters are "
            f"{', '.join(inner.parameter_names)}."
        )


def _same_dtype(one: tf.Tensor, other: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    dtype = one.dtype if one.dtype.is_complex else other.dtype
    return tf.cast(one, dtype), tf.cast(other, dtype)
