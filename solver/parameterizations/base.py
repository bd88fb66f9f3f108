"""The base class of parameterizations: the matrix, its eigensystem and their derivatives.

Below it its algebra: fixed and tied parameters (`Mapped`), sums and multiples (`Combination`).
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ..checks import check_count, is_number
from ..level_counts import LevelCounts, check_names_of
from ..linalg.eigh import eigenvalues, hermitian_transpose, replace_infinite
from ..portable import PortableModule
from ..rowwise.axes import new_axis
from ..rowwise.derivatives import each_in_turn, first_along, second_along
from ..rowwise.products import matmul_rows, matmul_shared
from ..seed import SEED
from ..wording import counted, listed
from .affine.forms import Form, sum_of
from .affine.symmetry_blocks import Block
from .level_curvature import Coupler, coupler_of, density_of, level_curvature
from .memory import Memory
from .weighted_levels import WeightedLevels

if TYPE_CHECKING:
    from ..observations import Observation

# As many names as a line of text shows.
_MOST_SHOWN = 6


class Parameterization(PortableModule):
    """A structured matrix `x -> A(x)`: real symmetric or complex Hermitian, `p` real parameters.

    For a structure of your own, subclass and define `matrix`; derivatives are then computed by
    automatic differentiation. `Nonlinear` does this for a plain function.

    Attributes:
        size: `n`, the number of rows of the matrix, and of its eigenvalues.
        num_parameters: `p`.
        parameter_names: one name for each parameter.
        condition_names: the names of the numbers of a condition; () if it takes no conditions.
        level_unit: the unit of the levels, such as "cm^-1"; "" if it is not known. Assign it.
        parameter_units: the units of the parameters that have one, by name. Assign it.
        usual_observation: what a `SpectralSolver` observes of this structure unless it is told
            otherwise; None for `Levels()`. Assign it.

    Example:
        >>> class Rotor(Parameterization):
        ...     def __init__(self):
        ...         super().__init__(size=2, num_parameters=2)
        ...
        ...     def matrix(self, parameters):
        ...         a, b = parameters[:, 0], parameters[:, 1]
        ...         return tf.stack([tf.stack([a, b], -1), tf.stack([b, -a], -1)], -2)
        >>> Rotor().matrix(tf.constant([[3.0, 4.0]])).numpy().tolist()
        [[[3.0, 4.0], [4.0, -3.0]]]
    """

    _level_names: tuple[str | None, ...] | None = None
    condition_names: tuple[str, ...] = ()
    level_unit: str = ""
    parameter_units: Mapping[str, str] = MappingProxyType({})
    usual_observation: Observation | None = None

    def __init__(
        self,
        size: int,
        num_parameters: int,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
        level_names: Sequence[str] | None = None,
    ):
        """Set the sizes and names.

        Args:
            size: number of rows of the matrix, at least 1.
            num_parameters: number of real parameters, at least 1.
            parameter_names: one name each; `x0, x1, ...` when None.
            name: name of the module.
            level_names: one name for each level, see `level_names`; None for no names.

        Raises:
            ValueError: for a size or number below 1, or names that are not p (or n) different ones.
        """
        super().__init__(name=name)
        self.size = check_count(type(self).__name__, "size", size)
        self.num_parameters = check_count(type(self).__name__, "num_parameters", num_parameters)
        self.parameter_names = check_names(type(self).__name__, parameter_names, num_parameters)
        if level_names is not None:
            self.level_names = level_names

    def __repr__(self) -> str:
        counts, conditions = self.level_counts, self.conditions_shape
        levels = counted(self.size, "level")
        if len(counts) > 1:
            levels = f"{counted(len(counts), 'member')} with {levels}"
        if conditions is not None:
            names = listed(self.condition_names)
            each = f" of {names}" if names else ""
            levels = f"{counts[0]} levels at up to {counted(conditions[0], 'condition')}{each}"
        names = listed(self.parameter_names, _MOST_SHOWN)
        parameters = counted(self.num_parameters, "parameter")
        return f"<{type(self).__name__}: {levels}, {parameters}: {names}>"

    @property
    def level_names(self) -> tuple[str | None, ...] | None:
        """The names of the n levels in ascending order, such as `1_01` of a rotor; None for none.

        `Transitions` and `Levels` take them in place of numbers, and summaries show them. They may
        be assigned: `structure.level_names = ["1_01", "1_11", "1_10"]`.
        """
        return self._level_names

    @level_names.setter
    def level_names(self, names: Sequence[str] | None) -> None:
        self._level_names = self._checked_level_names(names)

    def _checked_level_names(self, names: Any) -> tuple[str, ...] | None:
        if names is None:
            return None
        return check_names_of(type(self).__name__, "level_names", names, self.size, "level")

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices of a batch of parameters.

        Args:
            parameters: `[B, p]`, real.

        Returns:
            `[B, n, n]`, real symmetric of the same dtype, or complex Hermitian of the matching
            complex dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} must define matrix(parameters).")

    def as_affine(self) -> Form | None:
        """The matrices of `A(x) = A0 + sum_j x_j B_j`; None if A(x) is not affine.

        Affine members of a `Family` are computed in one batch.
        """
        return None

    @property
    def kind(self) -> Hashable:
        """A key, equal for parameterizations that `together` can batch; by default the identity."""
        return id(self)

    def together(self, members: Sequence[Any]) -> Parameterization:
        """Batch k members of one kind, of which this is the first.

        Row `b k + j` of its parameters `[B k, p]` belongs to member j, and so does row `b k + j` of
        every result. By default all members are the same object.
        """
        del members
        return self

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of dA/dx_j, or upper bounds of them; 0 if unknown."""
        return np.zeros(self.num_parameters)

    def scales(self, dtype: tf.DType, factor: float = 1.0) -> tf.Tensor:
        """`parameter_scales` times a factor, `[p]`; `[B, p]` at the conditions of B rows."""
        return tf.constant(factor * self.parameter_scales, dtype)

    @property
    def conditions_shape(self) -> tuple[int, int] | None:
        """(K, d), for up to K conditions of d numbers in each row; None if it takes none."""
        return None

    def at(self, conditions: tf.Tensor) -> Parameterization:
        """The parameterization of B rows at their conditions, for a structure that takes them.

        Args:
            conditions: `[B, K, d]`, NaN for a condition that a row lacks.

        Returns:
            A parameterization of B rows.
        """
        return self.at_prepared(self.prepared(conditions))

    def prepared(self, conditions: tf.Tensor) -> tf.Tensor:
        """What of the conditions `[B, K, d]` the matrices depend on, computed once for a fit.

        Returns:
            `[B, K, W]`, differentiable. The last number is 1 for a condition, 0 where the row has
            none, and NaN for one that is infinite or NaN in part.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no conditions.")

    def at_prepared(self, prepared: tf.Tensor) -> Parameterization:
        """`at`, of the result of `prepared`."""
        raise NotImplementedError(f"{type(self).__name__} takes no conditions.")

    @property
    def memory(self) -> Memory:
        """The memory of the constant matrices, and of the levels' derivatives of one matrix."""
        return Memory(constants=0, slopes=self.size**2 * self.num_parameters)

    @property
    def level_counts(self) -> LevelCounts:
        """The number of levels of each member: one number, except for a `Family`.

        A `LevelCounts`, which also has the names of members and levels.
        """
        return LevelCounts([self.size], levels=[self._checked_level_names(self.level_names)])

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, the sign of each level if the same for all parameters: -1, 0 or 1; else NaN."""
        return np.full(self.size, np.nan)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """The eigenvalues and eigenvectors.

        Args:
            parameters: `[B, p]`.

        Returns:
            Eigenvalues `[B, n]`, ascending in each member; eigenvectors `[B, n, n]` in columns
            (one tensor for each block if the matrix has blocks); and `[B]` bool, whether the
            matrix was finite.
        """
        matrix, finite = self.finite_matrix(parameters)
        values, vectors = tf.linalg.eigh(matrix)
        return tf.math.real(values), vectors, finite

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The eigenvalues alone, `[B, n]`, and `[B]` bool, whether the matrix was finite."""
        matrix, finite = self.finite_matrix(parameters)
        return tf.math.real(tf.linalg.eigvalsh(matrix)), finite

    def finite_matrix(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The matrices with rows that are not finite replaced, as `tf.linalg.eigh` raises for them.

        Args:
            parameters: `[B, p]`.

        Returns:
            The matrices `[B, n, n]`, and `[B]` bool, whether the original was finite.
        """
        return replace_infinite(self.matrix(parameters))

    def without_absent(self, levels: tf.Tensor) -> tf.Tensor:
        """The levels `[B, n]`, NaN at conditions that a row does not have."""
        return levels

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The eigenvalues `[B, n]`, twice differentiable; NaN where the matrix is not finite."""
        return eigenvalues(self.matrix(parameters))

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives `dA/dx_j`, by automatic differentiation (`first_along`).

        Args:
            parameters: `[B, p]`.

        Returns:
            `[B, p, n, n]`, or `[1, p, n, n]` where they do not depend on the parameters.
        """
        derivative = first_along(self.matrix, parameters, each_in_turn(parameters))
        return tf.transpose(derivative, [1, 0, 2, 3])

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The Hellmann-Feynman derivatives `d lambda_k / dx_j = v_k^H (dA/dx_j) v_k`.

        Args:
            parameters: `[B, p]`.
            eigenvectors: `[B, n, n]`, in columns, from `eigensystem` at these parameters; if
                `is_one_block`, also a subset of the columns, `[B, n, c]`.

        Returns:
            `[B, n, p]` or `[B, c, p]`, real.
        """
        return self.expectation_slopes(parameters, eigenvectors)

    @property
    def is_one_block(self) -> bool:
        """Whether the levels are computed by one decomposition of the whole matrix."""
        return True

    @property
    def whole_is_cheaper(self) -> bool:
        """Whether a few levels of the whole matrix cost less than all levels of its blocks.

        If so, `level_jacobian` also accepts eigenvectors of the whole matrix.
        """
        return self.is_one_block

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The uncoupled blocks of the matrix: their sizes and basis states.

        One block with all states if none are known, as for `Nonlinear`. Affine matrices of fewer
        than 8 states, or with one dominant block, are still decomposed as a whole, as this takes no
        longer.

        Example:
            >>> pairs = [np.kron(np.eye(2), [[0, 1], [1, 0]]), np.diag([1, 0, 2, 0])]
            >>> [block.states for block in Affine(None, pairs).blocks]
            [(0, 1), (2, 3)]
            >>> [(block.size, block.parity) for block in Toeplitz(9).blocks]
            [(4, -1), (5, 1)]
        """
        return (Block(self.size, tuple(range(self.size))),)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """`v_k^H (dA/dx_j) v_k` for arbitrary vectors, such as eigenvectors of another matrix.

        Args:
            parameters: `[B, p]`.
            vectors: `[B, n, c]`, in columns.

        Returns:
            `[B, c, p]`, real.
        """
        # Concatenate the derivatives to `[B, n, p * n]`: one product for each row.
        size, count = self.size, self.num_parameters
        side_by_side = tf.transpose(self.derivatives(parameters), [0, 2, 1, 3])
        side_by_side = tf.reshape(side_by_side, [-1, size, count * size])
        products = matmul_rows(hermitian_transpose(vectors), side_by_side)
        products = tf.reshape(products, [-1, vectors.shape[2], count, size])
        levels = tf.linalg.matvec(products, tf.linalg.matrix_transpose(vectors))
        return tf.math.real(levels)

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: Any, levels: WeightedLevels
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k / dx_i dx_j`, finite at degenerate levels.

        Args:
            parameters: `[B, p]`.
            eigenvectors: from `eigensystem` at these parameters.
            levels: the eigenvalues at these parameters and the g_k.

        Returns:
            `[B, p, p]`.
        """
        second = level_curvature(
            lambda: self.derivatives(parameters),
            lambda: self.coupler(parameters, eigenvectors),
            self.num_parameters,
            eigenvectors,
            levels,
        )
        bending = self.curvature(parameters, density_of(eigenvectors, levels.weights))
        return second if bending is None else second + bending

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings between levels, computed for a few levels at a time.

        Args:
            parameters: `[B, p]`.
            vectors: `[B, n, n]`, eigenvectors in columns.

        Returns:
            A function from vectors `v_k^H` in rows, `[B, c, n]`, to their couplings
            `v_k^H (dA/dx_j) v_l` with all levels l, `[B, p, c, n]`.
        """
        return coupler_of(self.derivatives(parameters), vectors)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """The second derivatives of `tr(density A(x))`; None where A(x) is affine.

        Args:
            parameters: `[B, p]`.
            density: `[B, n, n]`, Hermitian, held fixed.

        Returns:
            `[B, p, p]`, real, or None for zero.
        """

        def trace(points: tf.Tensor, own: tf.Tensor) -> tf.Tensor:
            matrices = self.matrix(points)
            if own.dtype.is_complex and not matrices.dtype.is_complex:
                own = tf.math.real(own)  # a real part of a complex sum
            return tf.reduce_sum(tf.math.real(own * matrices), axis=[1, 2])

        directions = each_in_turn(parameters)
        second = second_along(trace, parameters, directions, [tf.math.conj(density)])
        return tf.transpose(second, [1, 0, 2])

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Default starting points of a fit.

        Deterministic: a function of the row's levels, the number of the attempt and a fixed seed.
        By default normal random numbers with standard deviation 1, 1/3, 3, 1/10 and 10 in turn.

        Args:
            levels: `[B, n]`, an estimate of the target spectrum, ascending.
            attempt: `[B]`, int32, the number of the start, from 0.
            attempts: the number of different starts.

        Returns:
            `[B, p]`.
        """
        table = np.random.default_rng(SEED).normal(size=(attempts, self.num_parameters))
        table *= np.resize([1.0, 1 / 3, 3.0, 0.1, 10.0], attempts)[:, None]
        return tf.gather(tf.constant(table, levels.dtype), attempt % attempts)

    def random_points(self, spread: tf.Tensor, normal: tf.Tensor) -> tf.Tensor | None:
        """Random starting points around 0 that depend on the levels through their spread only.

        `x_j = spread sqrt(n / p) / ||dA/dx_j||_F` times a normal random number.

        Args:
            spread: `[B]`, approximate standard deviation of the resulting levels.
            normal: `[B, p]`, standard normal random numbers.

        Returns:
            `[B, p]`; None if some of `parameter_scales` are unknown.
        """
        scales = self.parameter_scales
        if not (scales > 0).all():
            return None
        effects = tf.constant(np.sqrt(self.size / len(scales)) / scales, normal.dtype)
        return new_axis(spread, 1) * effects * normal

    @property
    def has_constant(self) -> bool:
        """Whether A(0) is known to be nonzero, so that starts depend on its levels."""
        return False

    def levels_of_constant(self, dtype: tf.DType, rows: Any = 1) -> tf.Tensor:
        """The levels `[rows, n]` of the constant part A(0); 0 where they are not finite."""
        levels, finite = self.levels(tf.zeros([rows, self.num_parameters], dtype))
        return tf.where(finite[:, None], levels, tf.zeros_like(levels))

    def with_fixed(self, values: Mapping[str, float]) -> Parameterization:
        """Fix some parameters at given values.

        Args:
            values: the fixed values by parameter name, in the unit of the parameter.

        Returns:
            A parameterization of the remaining parameters.

        Raises:
            ValueError: for an unknown name, a value that is not finite, or if no parameter remains.

        Example:
            >>> Symmetric(2).with_fixed({"a10": 0.0}).parameter_names
            ('a00', 'a11')
        """
        if not isinstance(values, Mapping):
            raise ValueError(
                f'with_fixed: values must be a dict such as {{"{self.parameter_names[0]}": 0.0}}, '
                f"got {values!r}."
            )
        for name, value in values.items():
            _check_name(self, "with_fixed", name)
            _check_finite("with_fixed", f"the value of {name!r}", value)
        keep = [name for name in self.parameter_names if name not in values]
        if not keep:
            raise ValueError("with_fixed: at least one parameter must stay free.")
        offset = np.array([float(values.get(name, 0.0)) for name in self.parameter_names])
        return self._describe(self.mapped(self._only(keep), offset, keep))

    def with_tied(self, ties: Mapping[str, tuple[str, float]]) -> Parameterization:
        """Tie some parameters to multiples of others.

        Args:
            ties: by parameter name, a tuple (free parameter, factor).

        Returns:
            A parameterization of the free parameters.

        Raises:
            ValueError: for an unknown name, a factor that is not finite, or a tie to a tied
                parameter.

        Example:
            >>> tied = Symmetric(2).with_tied({"a11": ("a00", -1.0)})
            >>> tied.matrix(tf.constant([[3.0, 4.0]])).numpy().tolist()
            [[[3.0, 4.0], [4.0, -3.0]]]
        """
        names = self.parameter_names
        pairs = isinstance(ties, Mapping) and all(
            isinstance(tie, tuple) and len(tie) == 2 for tie in ties.values()
        )
        if not pairs:
            example = f'{{"{names[-1]}": ("{names[0]}", 1.0)}}'
            raise ValueError(f"with_tied: ties must be a dict such as {example}, got {ties!r}.")
        for name, (other, factor) in ties.items():
            _check_name(self, "with_tied", name)
            _check_name(self, "with_tied", other)
            if other in ties:
                raise ValueError(
                    f"with_tied: {name!r} is tied to {other!r}, which is itself tied; tie both to "
                    "a free parameter."
                )
            _check_finite("with_tied", f"the factor of {name!r}", factor)
        keep = [name for name in names if name not in ties]
        map_ = self._only(keep)
        for name, (other, factor) in ties.items():
            map_[names.index(name), keep.index(other)] = factor
        return self._describe(self.mapped(map_, np.zeros(len(names)), keep))

    def with_parameters(
        self,
        names: Sequence[str],
        function: Callable[..., Any],
        *,
        typical: float | Sequence[float] | np.ndarray = 1.0,
    ) -> Parameterization:
        """The same matrix as a function of other parameters y, with `x = g(y)`.

        For ties by any expression, logarithms, other units, ratios with bounds. The answer of a
        fit, its names, bounds, priors and standard errors are those of y. Derivatives of g come by
        automatic differentiation.

        Args:
            names: of the new parameters.
            function: g, of TensorFlow operations. Either its arguments are new names, of which it
                gets one tensor `[B]` each (all of them with `**`); or it has one argument of
                another name and gets all of y as `[B, q]`. It returns a dict with a tensor `[B]`,
                or a number, for each parameter of this structure that it computes; or x as
                `[B, p]`. A parameter that is not in the dict stays as it is: at its place in
                `names` if it is there, else behind them.
            typical: the expected order of magnitude of y, a number or one for each of `names`. Used
                for default starting points only, where these cannot be computed from those of x.

        Returns:
            A parameterization of the new parameters.

        Raises:
            ValueError: for names that are not different strings, a function that raises, returns
                another shape, or has no gradient, and for a new parameter that is not used.

        Example:
            >>> s = Spin(1)
            >>> zero_field = Affine(
            ...     None, [s.z @ s.z - 2 / 3 * np.eye(3), s.x @ s.x - s.y @ s.y], ["D", "E"]
            ... )
            >>> axial = zero_field.with_parameters(["D", "rho"], lambda D, rho: {"E": rho * D})
            >>> axial.parameter_names
            ('D', 'rho')
            >>> axial.spectrum(tf.constant([[3.0, 0.2]], tf.float64)).numpy().round(9).tolist()
            [[-2.0, 0.4, 1.6]]
        """
        from .reparameterized import Reparameterized  # it is derived from this class

        made = self._describe(Reparameterized(self, names, function, typical))
        # A new parameter may have the name of an old one, in another unit.
        kept = made.parameter_units.items()
        made.parameter_units = {name: unit for name, unit in kept if name not in names}
        return made

    def _describe(self, made: Parameterization) -> Parameterization:
        """Give units and usual observation to a structure made of this one; returns it."""
        units = self.parameter_units
        made.level_unit, made.usual_observation = self.level_unit, self.usual_observation
        made.parameter_units = {name: units[name] for name in made.parameter_names if name in units}
        return made

    def _only(self, keep: Sequence[str]) -> np.ndarray:
        """`[p, q]`, the columns of the identity for the kept parameters."""
        number = {name: place for place, name in enumerate(self.parameter_names)}
        return np.eye(self.num_parameters)[:, [number[name] for name in keep]]

    def mapped(
        self, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ) -> Parameterization:
        """The parameterization `y -> A(M y + c)`.

        Args:
            map_: `[p, q]`, M.
            offset: `[p]`, c.
            names: the q names of y.

        Returns:
            A parameterization of q parameters.
        """
        return Mapped(self, map_, offset, names)

    def unmapped(self) -> tuple[Parameterization, np.ndarray, np.ndarray]:
        """The inverse of `mapped`: the inner parameterization, M `[p, q]` and c `[p]`."""
        return self, np.eye(self.num_parameters), np.zeros(self.num_parameters)

    def __add__(self, other: Parameterization) -> Parameterization:
        if not isinstance(other, Parameterization):
            return NotImplemented
        _check_single("a sum", self, other)
        if self.size != other.size:
            raise ValueError(
                "a sum of parameterizations needs matrices of one size, got "
                f"{self.size} x {self.size} and {other.size} x {other.size}."
            )
        twice = sorted(set(self.parameter_names) & set(other.parameter_names))
        if twice:
            raise ValueError(
                f"a sum of parameterizations needs different parameter names, but {twice} stand "
                "in both; pass parameter_names to one of them."
            )
        return Combination((1.0, 1.0), (self, other))

    def __mul__(self, factor: float) -> Parameterization:
        if not isinstance(factor, (int, float, np.integer, np.floating)):
            return NotImplemented
        _check_single("a multiple", self)
        if not np.isfinite(factor) or factor == 0:
            raise ValueError(
                "a multiple of a parameterization needs a finite factor other than 0, "
                f"got {factor!r}."
            )
        return Combination((float(factor),), (self,))

    __rmul__ = __mul__


def check_names(owner: str, names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Validate the parameter names.

    Args:
        owner: the class named in error messages.
        names: `count` different names; `x0, x1, ...` when None.
        count: the number of parameters.

    Returns:
        The names.

    Raises:
        ValueError: for anything but `count` different names.
    """
    if names is None:
        return tuple(f"x{index}" for index in range(count))
    if isinstance(names, (str, bytes)) or not np.iterable(names):
        raise ValueError(
            f"{owner}: parameter_names must be a list of {count} different names, such as "
            f'["a", "b"], got {names!r}.'
        )
    names = tuple(str(name) for name in names)
    if len(names) != count or len(set(names)) != count:
        raise ValueError(
            f"{owner}: parameter_names must be {count} different names, one for each parameter, "
            f"got {len(names)}: {names}."
        )
    return names


def same_dtype(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Cast all tensors to complex if any is complex."""
    found = [tensor.dtype for tensor in tensors if tensor.dtype.is_complex]
    return [tf.cast(tensor, found[0]) if found else tensor for tensor in tensors]


def _check_name(inner: Parameterization, method: str, name: str) -> None:
    if name not in inner.parameter_names:
        raise ValueError(
            f"{method}: there is no parameter {name!r}; the parameters are "
            f"{', '.join(inner.parameter_names)}."
        )


def _check_finite(method: str, what: str, value: Any) -> None:
    if not is_number(value) or not np.isfinite(value):
        raise ValueError(f"{method}: {what} must be finite, got {value!r}.")


def _check_single(what: str, *parts: Parameterization) -> None:
    for part in parts:
        if part.conditions_shape is not None:
            raise ValueError(
                f"{what} of a {type(part).__name__} is not defined; add or scale its terms instead."
            )
    if any(len(part.level_counts) > 1 for part in parts):
        raise ValueError(f"{what} of a Family is not defined; make it of the members instead.")


def _at_x(name: str, by_y: Callable[[Any, Any], Any] | None = None) -> Callable[..., Any]:
    """A method of the inner parameterization at x; `by_y` turns derivatives by x to those by y."""

    def at_x(self: Any, parameters: tf.Tensor, *others: Any) -> Any:
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


class Wrapped(Parameterization):
    """The parameterization `y -> A(x(y))` of other parameters; a subclass defines `expand`.

    Attributes:
        inner: the parameterization of x.
    """

    def __init__(self, inner: Parameterization, names: Sequence[str]):
        """Set the inner parameterization and the names of y."""
        super().__init__(inner.size, len(names), names)
        self.condition_names = inner.condition_names
        self.inner = inner

    def expand(self, parameters: tf.Tensor) -> tf.Tensor:
        """The parameters x `[B, p]` of the inner parameterization for y `[B, q]`."""
        raise NotImplementedError(f"{type(self).__name__} must define expand(parameters).")

    @property
    def level_names(self) -> tuple[str | None, ...] | None:
        """Those of the inner parameterization."""
        return self.inner.level_names

    @level_names.setter
    def level_names(self, names: Sequence[str] | None) -> None:
        # A copy: the inner parameterization also stands elsewhere, under its own names.
        inner = copy.copy(self.inner)
        inner.level_names = names
        self.inner = inner

    @property
    def level_counts(self) -> LevelCounts:
        """That of the inner parameterization."""
        return self.inner.level_counts

    @property
    def conditions_shape(self) -> tuple[int, int] | None:
        """That of the inner parameterization."""
        return self.inner.conditions_shape

    def prepared(self, conditions: tf.Tensor) -> tf.Tensor:
        """That of the inner parameterization."""
        return self.inner.prepared(conditions)

    def at_prepared(self, prepared: tf.Tensor) -> Parameterization:
        """This map, around the inner parameterization at its conditions."""
        view = copy.copy(self)
        view.inner = self.inner.at_prepared(prepared)
        return view

    def without_absent(self, levels: tf.Tensor) -> tf.Tensor:
        """That of the inner parameterization."""
        return self.inner.without_absent(levels)

    @property
    def level_signs(self) -> np.ndarray:
        """That of the inner parameterization."""
        return self.inner.level_signs

    @property
    def blocks(self) -> tuple[Block, ...]:
        """That of the inner parameterization."""
        return self.inner.blocks

    @property
    def is_one_block(self) -> bool:
        """That of the inner parameterization."""
        return self.inner.is_one_block

    @property
    def whole_is_cheaper(self) -> bool:
        """That of the inner parameterization."""
        return self.inner.whole_is_cheaper

    @property
    def memory(self) -> Memory:
        """That of the inner parameterization."""
        return self.inner.memory

    matrix = _at_x("matrix")
    finite_matrix = _at_x("finite_matrix")
    eigensystem = _at_x("eigensystem")
    levels = _at_x("levels")
    spectrum = _at_x("spectrum")


class Mapped(Wrapped):
    """The parameterization `y -> A(M y + c)`.

    Attributes:
        map: `[p, q]`, M.
        offset: `[p]`, c.
    """

    def __init__(
        self, inner: Parameterization, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ):
        """See `Parameterization.mapped`."""
        super().__init__(inner, names)
        self.map = map_
        self.offset = offset

    level_jacobian = _at_x("level_jacobian", _slopes_by_y)
    expectation_slopes = _at_x("expectation_slopes", _slopes_by_y)
    derivatives = _at_x("derivatives", _matrices_by_y)
    level_curvature = _at_x("level_curvature", _second_by_y)
    curvature = _at_x("curvature", _second_by_y)

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


class Combination(Parameterization):
    """`sum_i f_i A_i(x_i)` with the parameters of all parts in their order.

    Results of `a + b` (two parts with factors 1) and `f * a` (one part). The levels have the names
    on which all parts with names agree. Where f is negative the names are in reverse order, as the
    levels are.

    Attributes:
        factors: the f_i, finite and nonzero.
        parts: the A_i, of one size, none a family, with different parameter names.
    """

    def __init__(self, factors: Sequence[float], parts: Sequence[Parameterization]):
        """Set factors and parts."""
        names = [name for part in parts for name in part.parameter_names]
        super().__init__(parts[0].size, len(names), names)
        self._level_names = _names_of_sum(factors, parts)
        self.parameter_units = {
            name: unit for part in parts for name, unit in part.parameter_units.items()
        }
        self.factors: tuple[float, ...] = tuple(factors)
        self.parts: tuple[Parameterization, ...] = tuple(parts)

    def _terms(self, parameters: tf.Tensor) -> list[tuple[float, Parameterization, tf.Tensor]]:
        """Each factor and part with its parameters, `[B, p_i]`."""
        if len(self.parts) == 1:
            return [(self.factors[0], self.parts[0], parameters)]
        counts = [part.num_parameters for part in self.parts]
        own = tf.split(parameters, counts, axis=1)
        return list(zip(self.factors, self.parts, own, strict=True))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.matrix`."""
        terms = self._terms(parameters)
        matrices = same_dtype([_times(f, part.matrix(x)) for f, part, x in terms])
        return functools.reduce(operator.add, matrices)

    def as_affine(self) -> Form | None:
        """The sum if all parts are affine and small; see `Parameterization.as_affine`."""
        forms = []
        for factor, part in zip(self.factors, self.parts, strict=True):
            form = part.as_affine()
            if form is None:
                return None
            if factor != 1.0:
                count = part.num_parameters
                form = form.mapped(factor * np.eye(count), np.zeros(count))
                form = dataclasses.replace(form, constant=factor * form.constant)
            forms.append(form)
        return forms[0] if len(forms) == 1 else sum_of(forms)

    @property
    def kind(self) -> Hashable:
        """Equal for combinations of the same kinds with the same factors."""
        return Combination, self.factors, tuple(part.kind for part in self.parts)

    def together(self, members: Sequence[Combination]) -> Combination:
        """See `Parameterization.together`."""
        columns = zip(*(member.parts for member in members), strict=True)
        return Combination(self.factors, [column[0].together(column) for column in columns])

    @property
    def memory(self) -> Memory:
        """The sum over the parts; see `Parameterization.memory`."""
        return Memory.sum_of(part.memory for part in self.parts)

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the scales of the parts times `|f_i|`."""
        pairs = zip(self.factors, self.parts, strict=True)
        return np.concatenate([abs(factor) * part.parameter_scales for factor, part in pairs])

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, the signs of a single part, reversed for a negative factor; NaN for a sum."""
        part, *others = self.parts
        if others:
            return super().level_signs
        signs = part.level_signs
        return signs if self.factors[0] > 0 else -signs[::-1]

    @property
    def has_constant(self) -> bool:
        """Whether any part has a constant."""
        return any(part.has_constant for part in self.parts)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives by the parameters of all parts; see `Parameterization.derivatives`."""
        terms = self._terms(parameters)
        found = same_dtype([_times(f, part.derivatives(x)) for f, part, x in terms])
        rows = functools.reduce(tf.maximum, [tf.shape(part)[0] for part in found])
        return tf.concat([tf.broadcast_to(part, [rows, *part.shape[1:]]) for part in found], axis=1)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """The slopes by the parameters of all parts; see `Parameterization.expectation_slopes`."""
        terms = self._terms(parameters)
        # The vectors are those of the sum, and may be complex where a part is real.
        slopes = [_times(f, part.expectation_slopes(x, vectors)) for f, part, x in terms]
        return tf.concat(slopes, axis=-1)

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings by the parameters of all parts; see `Parameterization.coupler`."""
        every = [(f, part.coupler(x, vectors)) for f, part, x in self._terms(parameters)]
        return lambda by_level: tf.concat([_times(f, one(by_level)) for f, one in every], axis=1)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """Block-diagonal, one block for each part; see `Parameterization.curvature`."""
        found, first = [], 0
        for factor, part, x in self._terms(parameters):
            block = part.curvature(x, density)
            around = [first, self.num_parameters - first - part.num_parameters]
            first += part.num_parameters
            if block is not None:
                found.append(tf.pad(_times(factor, block), [[0, 0], around, around]))
        return tf.add_n(found) if found else None

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Split the levels between two parts by 1/2, 1, 0, 3/4 and 1/4 in turn."""
        shares: list[Any] = [1.0]
        if len(self.parts) > 1:
            share = tf.gather(tf.constant([0.5, 1.0, 0.0, 0.75, 0.25], levels.dtype), attempt % 5)
            shares = [share[:, None], 1.0 - share[:, None]]
        found = []
        for share, factor, part in zip(shares, self.factors, self.parts, strict=True):
            wanted = share * levels / tf.constant(factor, levels.dtype)
            if factor < 0:
                wanted = wanted[:, ::-1]
            found.append(part.starting_points(wanted, attempt, attempts))
        return tf.concat(found, axis=-1)


def _names_of_sum(
    factors: Sequence[float], parts: Sequence[Parameterization]
) -> tuple[str | None, ...] | None:
    """The names of the levels of `sum_i f_i A_i` on which all parts with names agree, else None."""
    pairs = zip(factors, parts, strict=True)
    every = [(factor, part.level_names) for factor, part in pairs]
    in_order = {names[:: 1 if factor > 0 else -1] for factor, names in every if names is not None}
    return in_order.pop() if len(in_order) == 1 else None


def _times(factor: float, tensor: tf.Tensor) -> tf.Tensor:
    return tensor if factor == 1.0 else tf.constant(factor, tensor.dtype) * tensor
