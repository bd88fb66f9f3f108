"""The same matrix as a function of other parameters: `y -> A(g(y))`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..checks import show
from ..named_function import as_result, call, columns_by_name, names_asked_for, value_and_slopes
from ..names import check_known
from ..rowwise.axes import new_axis, row_count
from ..rowwise.derivatives import each_in_turn, second_along
from ..rowwise.elementwise import in_row_packets
from ..rowwise.products import matmul_rows
from ..seed import SEED
from .base import Parameterization, Wrapped, check_names
from .inverse_map import inverse_of
from .level_curvature import Coupler
from .weighted_levels import WeightedLevels

_OWNER = "with_parameters"
# One proposal in so many is a random y, the others have the x that the structure proposes.
_SHARE_AT_RANDOM = 4


class Reparameterized(Wrapped):
    """The parameterization `y -> A(g(y))`; see `Parameterization.with_parameters`.

    The levels are those of the inner parameterization at `x = g(y)`, and their derivatives follow
    by the chain rule, with `G = dg/dy`:

        dlambda/dy = (dlambda/dx) G,
        d2lambda/dy2 = G^T (d2lambda/dx2) G + sum_j (dlambda/dx_j) d2g_j/dy2.
    """

    def __init__(
        self,
        inner: Parameterization,
        names: Sequence[str],
        function: Callable[..., Any],
        typical: float | Sequence[float] | np.ndarray = 1.0,
    ):
        """See `Parameterization.with_parameters`."""
        if isinstance(names, str) or not isinstance(names, Sequence) or not len(names):
            raise ValueError(
                f'{_OWNER}: names must be a list of the new parameters, such as ["D", "rho"], got '
                f"{names!r}."
            )
        names = check_names(_OWNER, names, len(names))
        magnitudes = np.asarray(typical, dtype=float)
        if (
            magnitudes.shape not in ((), (len(names),))
            or not ((magnitudes > 0) & (magnitudes < np.inf)).all()
        ):
            raise ValueError(
                f"{_OWNER}: typical must be a positive number, or one for each of the "
                f"{len(names)} names, got {typical!r}."
            )
        asked = names_asked_for(_OWNER, function, names, missing=inner.parameter_names)
        computed = _names_computed(inner, names, function, asked)
        kept = [name for name in inner.parameter_names if name not in computed]
        behind = [name for name in kept if name not in names]
        used = {*names} if asked is None else {*asked, *kept}
        idle = [name for name in names if name not in used]
        if idle:
            raise ValueError(
                f"{_OWNER}: the new parameter {idle[0]!r} has no effect: it is neither an argument "
                f"of function nor one of the parameters that stay, {', '.join(kept) or 'none'}; "
                "leave it out of names."
            )
        super().__init__(inner, [*names, *behind])
        self._function, self._asked, self._given = function, asked, names
        self._kept = tuple(kept)
        self._typical = np.ones(self.num_parameters)
        self._typical[: len(names)] = magnitudes

    @property
    def kind(self) -> Hashable:
        """Equal for the same function of structures of one kind."""
        inner = self.inner.kind, self.inner.parameter_names
        return Reparameterized, id(self._function), self.parameter_names, inner

    def together(self, members: Sequence[Reparameterized]) -> Reparameterized:
        """See `Parameterization.together`."""
        inner = self.inner.together([member.inner for member in members])
        return Reparameterized(
            inner, self._given, self._function, self._typical[: len(self._given)]
        )

    def expand(self, parameters: tf.Tensor) -> tf.Tensor:
        """The parameters x = g(y), `[B, p]`, for y `[B, q]`."""
        return in_row_packets(self._of_rows, parameters)

    def _of_rows(self, rows: tf.Tensor) -> tf.Tensor:
        """g(y), `[B, p]`."""
        given = rows[:, : len(self._given)]
        value = call(self._function, self._asked, self._given, given)
        if not isinstance(value, Mapping):
            return as_result(_OWNER, "x", value, given)
        columns = columns_by_name(_OWNER, value, given)
        for name in self._kept:
            columns[name] = rows[:, self.parameter_names.index(name)]
        return tf.stack([columns[name] for name in self.inner.parameter_names], axis=1)

    def linearized(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The parameters x = g(y), `[B, p]`, and `G = dg/dy`, `[B, p, q]`, for y `[B, q]`."""
        both = in_row_packets(self._value_and_slopes, parameters)
        return both[:, :, 0], both[:, :, 1:]

    def _value_and_slopes(self, rows: tf.Tensor) -> tf.Tensor:
        """`[B, p, 1 + q]`, g and its derivatives."""
        return value_and_slopes(_OWNER, self._of_rows, self.inner.num_parameters, rows)

    def _bending(self, parameters: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """`sum_j v_j d2g_j/dy2`, `[B, q, q]`, with the weights v `[B, p]`."""
        together = tf.concat([parameters, weights], axis=1)
        return in_row_packets(self._bending_of_rows, together)

    def _bending_of_rows(self, together: tf.Tensor) -> tf.Tensor:
        """`_bending` for rows `[B, q + p]` of parameters and weights."""
        parameters, weights = tf.split(together, [self.num_parameters, -1], axis=1)

        def total(rows: tf.Tensor, own: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(self._of_rows(rows) * own, axis=1)

        second = second_along(total, parameters, each_in_turn(parameters), [weights])
        return tf.transpose(second, [1, 0, 2])

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """`dA/dy_i = sum_j dA/dx_j dg_j/dy_i`; see `Parameterization.derivatives`."""
        x, slopes = self.linearized(parameters)
        by_x = self.inner.derivatives(x)
        rows, count = row_count(slopes), self.inner.num_parameters
        flat = tf.reshape(by_x, [-1, count, self.size**2])
        flat = tf.broadcast_to(flat, [rows, count, self.size**2])
        by_y = matmul_rows(tf.cast(slopes, flat.dtype), flat, transpose_a=True)
        return tf.reshape(by_y, [-1, self.num_parameters, self.size, self.size])

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The derivatives of the levels; see `Parameterization.level_jacobian`."""
        x, slopes = self.linearized(parameters)
        return matmul_rows(self.inner.level_jacobian(x, eigenvectors), slopes)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.expectation_slopes`."""
        x, slopes = self.linearized(parameters)
        return matmul_rows(self.inner.expectation_slopes(x, vectors), slopes)

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: Any, levels: WeightedLevels
    ) -> tf.Tensor:
        """See `Parameterization.level_curvature`."""
        x, slopes = self.linearized(parameters)
        second = self.inner.level_curvature(x, eigenvectors, levels)
        first = self.inner.level_jacobian(x, eigenvectors)
        weights = tf.linalg.matvec(first, levels.weights, transpose_a=True)
        return self._second_by_y(parameters, slopes, second, weights)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.curvature`."""
        x, slopes = self.linearized(parameters)
        second = self.inner.curvature(x, density)
        by_x = self.inner.derivatives(x)
        # tr(D dA/dx_j), real for Hermitian matrices
        flat = tf.reshape(by_x, [-1, self.inner.num_parameters, self.size**2])
        other = tf.reshape(tf.math.conj(density), [-1, self.size**2, 1])
        dtype = flat.dtype if flat.dtype.is_complex else other.dtype
        flat, other = tf.cast(flat, dtype), tf.cast(other, dtype)
        flat = tf.broadcast_to(flat, [row_count(other), *flat.shape[1:]])
        weights = tf.squeeze(tf.math.real(matmul_rows(flat, other)), 2)
        return self._second_by_y(parameters, slopes, second, weights)

    def _second_by_y(
        self,
        parameters: tf.Tensor,
        slopes: tf.Tensor,
        second: tf.Tensor | None,
        weights: tf.Tensor,
    ) -> tf.Tensor:
        """`G^T H G + sum_j v_j d2g_j/dy2`, `[B, q, q]`, from H `[B, p, p]` or None, v `[B, p]`."""
        bending = self._bending(parameters, weights)
        if second is None:
            return bending
        half = matmul_rows(second, slopes)
        return matmul_rows(slopes, half, transpose_a=True) + bending

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings by y; see `Parameterization.coupler`."""
        x, slopes = self.linearized(parameters)
        inner = self.inner.coupler(x, vectors)

        def couplings(by_level: tf.Tensor) -> tf.Tensor:
            found = inner(by_level)
            _, count, levels, size = found.shape
            flat = tf.reshape(found, [-1, count, levels * size])
            by_y = matmul_rows(tf.cast(slopes, flat.dtype), flat, transpose_a=True)
            return tf.reshape(by_y, [-1, self.num_parameters, levels, size])

        return couplings

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[q]`, those of the parameters that stay and are no argument of g; 0 for the others."""
        found = np.zeros(self.num_parameters)
        for name in self._kept:
            if self._asked is not None and name not in self._asked:
                place = self.inner.parameter_names.index(name)
                found[self.parameter_names.index(name)] = self.inner.parameter_scales[place]
        return found

    @property
    def has_constant(self) -> bool:
        """Whether the matrix at x = 0 is known to be nonzero."""
        return self.inner.has_constant

    def levels_of_constant(self, dtype: tf.DType, rows: Any = 1) -> tf.Tensor:
        """The levels at x = 0; see `Parameterization.levels_of_constant`."""
        return self.inner.levels_of_constant(dtype, rows)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """The least-squares y of the starting points of x; one in four is a random y."""
        wanted = self.inner.starting_points(levels, attempt, attempts)
        anywhere = super().starting_points(levels, attempt, attempts)
        anywhere *= tf.constant(self._typical, levels.dtype)
        found = self._inverse(wanted, anywhere)
        random = attempt % _SHARE_AT_RANDOM == _SHARE_AT_RANDOM - 1
        return tf.where(new_axis(random, 1), anywhere, found)

    def random_points(self, spread: tf.Tensor, normal: tf.Tensor) -> tf.Tensor | None:
        """The least-squares y of random x; see `Parameterization.random_points`."""
        count, given = self.inner.num_parameters, self.num_parameters
        # As many random numbers as there are x, from as many as there are y.
        mixing = np.eye(given, count)
        if count > given:
            generator = np.random.default_rng(SEED)
            mixing = np.linalg.qr(generator.normal(size=(count, count)))[0][:given]
            mixing *= np.sqrt(count / given)
        mixed = matmul_rows(new_axis(normal, 1), tf.constant(mixing[None], normal.dtype))
        wanted = self.inner.random_points(spread, tf.squeeze(mixed, 1))
        if wanted is None:
            return None
        return self._inverse(wanted, normal * tf.constant(self._typical, normal.dtype))

    def _inverse(self, wanted: tf.Tensor, near: tf.Tensor) -> tf.Tensor:
        """The least-squares y `[B, q]` of x `[B, p]`, from a start `[B, q]`."""
        places = {name: place for place, name in enumerate(self.inner.parameter_names)}
        columns = [
            wanted[:, places[name]] if name in self._kept else near[:, place]
            for place, name in enumerate(self.parameter_names)
        ]
        scales = self.inner.parameter_scales
        scales = scales / scales.max() if (scales > 0).all() else np.ones(len(scales))
        start = tf.stack(columns, axis=1)
        return inverse_of(self.linearized, wanted, start, scales)


def _names_computed(
    inner: Parameterization,
    names: tuple[str, ...],
    function: Callable[..., Any],
    asked: tuple[str, ...] | None,
) -> tuple[str, ...]:
    """The parameters of the inner structure that the function computes; it is traced, not run.

    Raises:
        ValueError: if it cannot be traced, returns something else, or has no gradient.
    """
    errors = []
    for dtype in (tf.float64, tf.float32):  # constants in the function may fix the dtype
        try:
            return _trace(inner, names, function, asked, dtype)
        except _NotOurs as error:
            errors.append(f"with {dtype.name} it raised {error}")
    raise ValueError(
        f"{_OWNER}: function must map {', '.join(names)} to parameters of the structure, but "
        f"{errors[0]}."
    )


class _NotOurs(Exception):
    """An exception of the user's function."""


def _trace(
    inner: Parameterization,
    names: tuple[str, ...],
    function: Callable[..., Any],
    asked: tuple[str, ...] | None,
    dtype: tf.DType,
) -> tuple[str, ...]:
    """See `_names_computed`, for one dtype."""
    count = inner.num_parameters
    size = count + len(names) + 1  # different from both
    graph = tf.__internal__.FuncGraph("with_parameters")  # see `symbolic`
    with graph.as_default():
        rows = tf.compat.v1.placeholder(dtype, [size, len(names)])
        columns = dict(zip(names, tf.unstack(rows, axis=1), strict=True))
        try:
            if asked is None:
                value = function(rows)
            else:
                value = function(**{name: columns[name] for name in asked})
        except Exception as error:
            # Any exception of the user's function is reported with the other attempt.
            raise _NotOurs(f"{type(error).__name__}: {error}") from error
        if isinstance(value, Mapping):
            found = columns_by_name(_OWNER, value, rows)
            check_known(_OWNER, "the dict that function returns", found, inner.parameter_names)
            if not found:
                raise ValueError(f"{_OWNER}: function must compute a parameter, got an empty dict.")
            computed = tuple(found)
            results = list(found.values())
        else:
            result = as_result(_OWNER, "x", value, rows)
            if result.shape.rank is not None and result.shape.as_list() != [size, count]:
                raise ValueError(
                    f"{_OWNER}: function must return a dict by parameter of the structure, or all "
                    f"of them as [rows, {count}], got shape {show(result.shape)} with parameters "
                    f"of shape {show(rows.shape)}."
                )
            computed, results = inner.parameter_names, [result]
        sources = [rows] if asked is None else [columns[name] for name in asked]
        gradients = tf.gradients(results, sources)
    for name, gradient in zip(names if asked is None else asked, gradients, strict=False):
        # A parameter that stays as it is has an effect of its own.
        if gradient is None and (
            asked is None or name not in set(inner.parameter_names) - set(computed)
        ):
            raise ValueError(
                f"{_OWNER}: function has no derivative by {name!r}: nothing that it returns "
                "depends on it by operations that have one (tf.round and tf.argmax have none)."
            )
    return tuple(computed)
