"""Any matrix function of parameters and conditions, at many conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..rowwise.axes import row_count
from ..rowwise.elementwise import in_row_packets
from .base import Parameterization
from .conditions import AtConditions, Conditioned, divided
from .nonlinear import as_typical, mirrored
from .symbolic import symbolic

MatrixFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class NonlinearSweep(Conditioned):
    """A matrix `A(x; c)` by a TensorFlow function of parameters and condition, at many conditions.

    As `Sweep`, for matrices that are not affine in the parameters. Only the lower triangle of the
    matrix is read. Derivatives are computed by automatic differentiation; those of `Sweep` are
    cheaper.

    Rows are independent to the last bit if the function uses elementwise operations only; see
    `Nonlinear`.

    Example:
        >>> def saturating(x, c):  # a coupling that saturates with the field
        ...     gap, coupling = x[:, 0], tf.tanh(x[:, 1] * c[:, 0])
        ...     rows = [tf.stack([gap, coupling], -1), tf.stack([coupling, -gap], -1)]
        ...     return tf.stack(rows, -2)
        >>> magnet = NonlinearSweep(saturating, n=2, p=2, limit=2, conditions=["B"])
        >>> solver = SpectralSolver(magnet)
        >>> solver.spectrum([[3.0, 0.5]], conditions=[[0.0, 1.0]]).numpy().round(6).tolist()
        [[-3.0, 3.0, -3.035383, 3.035383]]
    """

    def __init__(
        self,
        function: MatrixFunction,
        n: int,
        p: int,
        *,
        limit: int,
        conditions: Sequence[str] = ("c",),
        parameter_names: Sequence[str] | None = None,
        typical: float | Sequence[float] | np.ndarray = 1.0,
        name: str | None = None,
    ):
        """Set the function.

        Args:
            function: maps parameters `[B, p]` and conditions `[B, d]` to matrices `[B, n, n]`, each
                row independently.
            n: number of rows of the matrix.
            p: number of parameters.
            limit: K, the largest number of conditions of a row.
            conditions: the names of the d numbers of a condition, such as `["kx", "ky", "kz"]`.
            parameter_names: one name each; `x0, x1, ...` when None.
            typical: the expected order of magnitude, a number or one for each parameter. Used for
                default starting points only.
            name: name of the module.

        Raises:
            ValueError: if the function raises or returns another shape, or an argument is invalid.
        """
        owner = type(self).__name__
        n, p = check_count(owner, "n", n), check_count(owner, "p", p)
        super().__init__(n, p, parameter_names, limit, conditions, name)
        self._typical = as_typical(owner, typical, p)
        _check_function(owner, function, n, p, len(self.condition_names))
        self._function = function
        self._map: tuple[np.ndarray, np.ndarray] | None = None

    def mapped(
        self, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ) -> Parameterization:
        """A `NonlinearSweep` of the mapped parameters; see `Parameterization.mapped`."""
        made = NonlinearSweep.__new__(NonlinearSweep)
        Conditioned.__init__(made, self.states, len(names), names, self.limit, self.condition_names)
        made._level_names = self._level_names
        made._function = self._function
        if self._map is not None:
            map_, offset = self._map[0] @ map_, self._map[0] @ offset + self._map[1]
        made._map = (map_, offset)
        # The first parameter that each free one sets has its order of magnitude.
        made._typical = self._typical[np.abs(map_).argmax(axis=0)]
        return made

    def at_prepared(self, prepared: tf.Tensor) -> _NonlinearAt:
        """See `Parameterization.at_prepared`."""
        conditions, present = divided(prepared)
        members = _AtEach(self, self._function, self._map, conditions)
        return _NonlinearAt(self, members, present, self._typical)


class _AtEach(Parameterization):
    """The matrices of a function at single conditions, `[R, d]`.

    A batch of `k R` parameters has row r of the conditions in rows r, R + r, 2 R + r and so on.
    """

    def __init__(
        self,
        owner: Conditioned,
        function: MatrixFunction,
        map_: tuple[np.ndarray, np.ndarray] | None,
        conditions: tf.Tensor,
    ):
        """Set the function, the map of its parameters and the conditions."""
        tf.Module.__init__(self, name="at_conditions")
        self.size, self.num_parameters = owner.states, owner.num_parameters
        self.parameter_names = owner.parameter_names
        self._function, self._map, self._conditions = function, map_, conditions

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.matrix`."""
        if self._map is not None:
            map_, offset = self._map
            dtype = parameters.dtype
            parameters = tf.linalg.matvec(tf.constant(map_, dtype), parameters)
            parameters += tf.constant(offset, dtype)
        rows, count = row_count(self._conditions), parameters.shape[1]
        times = row_count(parameters) // tf.maximum(rows, 1)
        both = tf.concat([parameters, tf.tile(self._conditions, [times, 1])], axis=1)

        def of_rows(both: tf.Tensor) -> tf.Tensor:
            full = self._function(both[:, :count], both[:, count:])
            return tf.ensure_shape(full, [None, self.size, self.size])

        return mirrored(in_row_packets(of_rows, both))


class _NonlinearAt(AtConditions):
    """B rows of a `NonlinearSweep` at their conditions, with starting points."""

    def __init__(
        self,
        owner: Conditioned,
        members: Parameterization,
        present: tf.Tensor,
        typical: np.ndarray,
    ):
        """Set the sweep, its members, their presence and the typical parameters."""
        super().__init__(owner, members, present)
        self._typical = typical

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, 0: unknown."""
        return np.zeros(self.num_parameters)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Random numbers times `typical`; see `Parameterization.starting_points`."""
        points = super().starting_points(levels, attempt, attempts)
        return points * tf.constant(self._typical, levels.dtype)


def _check_function(owner: str, function: Any, n: int, p: int, width: int) -> None:
    """Check that the function maps `[B, p]` and `[B, d]` to `[B, n, n]`."""
    wanted = (
        f"{owner}: function must map parameters [B, {p}] and conditions [B, {width}] to matrices "
        f"[B, {n}, {n}]"
    )
    if not callable(function):
        raise ValueError(f"{wanted}, got {function!r}.")
    rows = n + p + 1  # different from n and p
    problem = ""
    for dtype in (tf.float64, tf.float32):  # constants in the function may fix the dtype
        specs = (tf.TensorSpec([rows, p], dtype), tf.TensorSpec([rows, width], dtype))
        try:
            got = tuple(symbolic(function, *specs).shape)
        except Exception as error:
            problem = problem or f"it raised {type(error).__name__}: {error}"
            continue
        if got == (rows, n, n):
            return
        problem = problem or f"with {rows} rows it returned shape {list(got)}"
    raise ValueError(f"{wanted}, but {problem}.")
