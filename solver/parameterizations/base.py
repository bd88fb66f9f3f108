"""What every parameterization offers: a matrix for parameters, and its derivatives.

And the algebra: fixed and tied parameters, sums, multiples.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..checks import check_count, is_number
from ..linalg.eigh import eigenvalues, hermitian_transpose, replace_infinite
from ..portable import PortableModule
from ..rowwise.axes import new_axis
from ..rowwise.products import matmul_rows, matmul_shared
from ..seed import SEED
from .affine.dense_form import sum_of
from .affine.forms import Form
from .affine.symmetry_blocks import Block
from .level_curvature import Coupler, coupler_of, density_of, level_curvature
from .meeting import Meeting


class Parameterization(PortableModule):
    """A structured matrix `x -> A(x)`: real symmetric or complex Hermitian, `p` real parameters.

    To describe a structure of your own, subclass and write `matrix`; the derivatives then come
    from automatic differentiation. `Nonlinear` does this for a plain function.

    Attributes:
        size: `n`, the number of rows of the matrix, and of its eigenvalues.
        num_parameters: `p`.
        parameter_names: one name for each parameter.

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

    def __init__(
        self,
        size: int,
        num_parameters: int,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
    ):
        """Set the sizes and names.

        Args:
            size: number of rows of the matrix, at least 1.
            num_parameters: number of real parameters, at least 1.
            parameter_names: one name each; `x0, x1, ...` when None.
            name: name of the module.

        Raises:
            ValueError: for a size or number below 1, or names that do not fit.
        """
        super().__init__(name=name)
        self.size = check_count(type(self).__name__, "size", size)
        self.num_parameters = check_count(type(self).__name__, "num_parameters", num_parameters)
        self.parameter_names = check_names(type(self).__name__, parameter_names, num_parameters)

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
        """The matrices of `A(x) = A0 + sum_j x_j B_j`; None where it is not of this kind.

        Members of a `Family` that have them are computed in one batch.
        """
        return None

    @property
    def kind(self) -> Hashable:
        """Equal for parameterizations that `together` makes one of; here for one object alone."""
        return id(self)

    def together(self, members: Sequence[Any]) -> Parameterization:
        """One parameterization for the k members of a kind, of which this is the first.

        Row `b k + j` of its parameters, `[B k, p]`, is one of member j, and so is row `b k + j` of
        all that it computes. Here the members are the same object.
        """
        del members
        return self

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the size of dA/dx for each parameter as far as it is known beforehand, else 0."""
        return np.zeros(self.num_parameters)

    @property
    def numbers_of_slopes(self) -> int:
        """How many numbers the derivatives of the levels of one matrix take on the way."""
        return self.size**2 * self.num_parameters

    @property
    def held_numbers(self) -> int:
        """How many numbers its matrices are, which do not depend on the parameters."""
        return 0

    @property
    def level_counts(self) -> tuple[int, ...]:
        """How many levels each member has: one number, except for a `Family`."""
        return (self.size,)

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]` of -1, 0, 1: the sign of each level whatever the parameters; NaN if they decide."""
        return np.full(self.size, np.nan)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """The levels, and what their derivatives are made of.

        Args:
            parameters: `[B, p]`.

        Returns:
            Eigenvalues `[B, n]`, ascending in each member; eigenvectors `[B, n, n]` in columns
            (one tensor for each block where the matrix has blocks); and `[B]` bool, whether the
            matrix was finite.
        """
        matrix, finite = self.finite_matrix(parameters)
        values, vectors = tf.linalg.eigh(matrix)
        return tf.math.real(values), vectors, finite

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The levels of `eigensystem` alone, `[B, n]`, and whether the matrix was finite, `[B]`."""
        matrix, finite = self.finite_matrix(parameters)
        return tf.math.real(tf.linalg.eigvalsh(matrix)), finite

    def finite_matrix(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Matrices that can be decomposed, `[B, n, n]`, for `tf.linalg.eigh` raises for the others.

        Returns:
            The matrices, and `[B]` bool, whether this is the matrix: one that is not finite is
            replaced by another.
        """
        return replace_infinite(self.matrix(parameters))

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The eigenvalues `[B, n]`, twice differentiable; NaN where the matrix is not finite."""
        return eigenvalues(self.matrix(parameters))

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives `dA/dx_j`, by automatic differentiation.

        The gradient of `sum conj(u) A(x)` by `x` is linear in `u`; its gradient by `u` along `x_j`
        is `dA/dx_j`. Unlike forward-mode accumulation this works for every TensorFlow operation
        that has a gradient.

        Args:
            parameters: `[B, p]`.

        Returns:
            `[B, p, n, n]`, or `[1, p, n, n]` where they do not depend on the parameters.
        """
        count = self.num_parameters
        repeated, chosen = _each_in_turn(parameters)
        zero = tf.UnconnectedGradients.ZERO
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(repeated)
                matrices = self.matrix(repeated)
            seed = tf.zeros_like(matrices)
            outer.watch(seed)
            slope = inner.gradient(
                matrices, repeated, output_gradients=seed, unconnected_gradients=zero
            )
            component = tf.reduce_sum(slope * chosen)
        derivative = outer.gradient(component, seed, unconnected_gradients=zero)
        by_parameter = tf.reshape(derivative, [count, -1, self.size, self.size])
        return tf.transpose(by_parameter, [1, 0, 2, 3])

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The Hellmann-Feynman derivatives `d lambda_k / dx_j = v_k^H (dA/dx_j) v_k`.

        Args:
            parameters: `[B, p]`.
            eigenvectors: `[B, n, n]`, in columns, as `eigensystem` gives them at these parameters;
                where the matrix is one block, some of the columns will do, `[B, n, c]`.

        Returns:
            `[B, n, p]` or `[B, c, p]`, real.
        """
        # The derivatives side by side, `[B, n, p * n]`: one product for each row.
        size, count = self.size, self.num_parameters
        side_by_side = tf.transpose(self.derivatives(parameters), [0, 2, 1, 3])
        side_by_side = tf.reshape(side_by_side, [-1, size, count * size])
        products = matmul_rows(hermitian_transpose(eigenvectors), side_by_side)
        products = tf.reshape(products, [-1, eigenvectors.shape[2], count, size])
        levels = tf.linalg.matvec(products, tf.linalg.matrix_transpose(eigenvectors))
        return tf.math.real(levels)

    @property
    def is_one_block(self) -> bool:
        """Whether the levels come from one decomposition of the whole matrix."""
        return True

    @property
    def prefers_whole(self) -> bool:
        """Whether few levels are found sooner in the whole matrix than all of them in its blocks.

        Then `level_jacobian` takes eigenvectors of the whole matrix, too.
        """
        return self.is_one_block

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the matrix that nothing couples: how large, and which states they have.

        One with all states where nothing is known to split the matrix, or where it is a function.
        Affine matrices of fewer than 8 states are decomposed as a whole all the same, and so are
        those where one block is nearly everything: that takes no longer.

        Example:
            >>> pairs = [np.kron(np.eye(2), [[0, 1], [1, 0]]), np.diag([1, 0, 2, 0])]
            >>> [block.states for block in Affine(None, pairs).blocks]
            [(0, 1), (2, 3)]
            >>> [(block.size, block.parity) for block in Toeplitz(9).blocks]
            [(4, -1), (5, 1)]
        """
        return (Block(self.size, tuple(range(self.size))),)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """`v_k^H (dA/dx_j) v_k` for any vectors, such as those of another matrix.

        Args:
            parameters: `[B, p]`.
            vectors: `[B, n, c]`, in columns.

        Returns:
            `[B, c, p]`, real.
        """
        return self.level_jacobian(parameters, vectors)

    def level_curvature(
        self,
        parameters: tf.Tensor,
        eigenvalues: tf.Tensor,
        eigenvectors: Any,
        weights: tf.Tensor,
        meeting: Meeting | None = None,
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k / dx_i dx_j`, finite at degenerate levels.

        Args:
            parameters: `[B, p]`.
            eigenvalues: `[B, n]`, at these parameters.
            eigenvectors: as `eigensystem` gives them.
            weights: `[B, n]`, the numbers g.
            meeting: what holds for levels that are equal, see `coupled_curvature`.

        Returns:
            `[B, p, p]`.
        """
        second = level_curvature(
            lambda: self.derivatives(parameters),
            lambda: self.coupler(parameters, eigenvectors),
            self.num_parameters,
            eigenvalues,
            eigenvectors,
            weights,
            meeting,
        )
        bending = self.curvature(parameters, density_of(eigenvectors, weights))
        return second if bending is None else second + bending

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings of levels, for large matrices some levels at a time.

        Args:
            parameters: `[B, p]`.
            vectors: `[B, n, n]`, eigenvectors in columns.

        Returns:
            A function that makes of some `v_k^H` in rows, `[B, c, n]`, the
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
        count = self.num_parameters
        repeated, chosen = _each_in_turn(parameters)
        weights = tf.math.conj(tf.tile(density, [count, 1, 1]))
        zero = tf.UnconnectedGradients.ZERO
        with tf.GradientTape() as outer:
            outer.watch(repeated)
            with tf.GradientTape() as inner:
                inner.watch(repeated)
                matrices = self.matrix(repeated)
                if weights.dtype.is_complex and not matrices.dtype.is_complex:
                    weights = tf.math.real(weights)  # of a sum with complex matrices
                trace = tf.reduce_sum(tf.math.real(weights * matrices), axis=[1, 2])
            slope = inner.gradient(trace, repeated, unconnected_gradients=zero)
            component = tf.reduce_sum(slope * chosen, axis=-1)
        second = outer.gradient(component, repeated, unconnected_gradients=zero)
        return tf.transpose(tf.reshape(second, [count, -1, count]), [1, 0, 2])

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Where a fit starts when the user names no starting point.

        A function of the row's own levels, the number of the attempt and a fixed seed. Here:
        normal random numbers, in turn of size 1, 1/3, 3, 1/10 and 10.

        Args:
            levels: `[B, n]`, what is known of the wanted spectrum, ascending.
            attempt: `[B]`, int32, 0 for the first start of a row.
            attempts: how many different starts there shall be.

        Returns:
            `[B, p]`.
        """
        table = np.random.default_rng(SEED).normal(size=(attempts, self.num_parameters))
        table *= np.resize([1.0, 1 / 3, 3.0, 0.1, 10.0], attempts)[:, None]
        return tf.gather(tf.constant(table, levels.dtype), attempt % attempts)

    def random_points(self, spread: tf.Tensor, normal: tf.Tensor) -> tf.Tensor | None:
        """Starts at random around 0, which owe nothing to the levels but their unit.

        Args:
            spread: `[B]`, about the standard deviation of the levels that the parameters make.
            normal: `[B, p]`, normal random numbers.

        Returns:
            `[B, p]`; None where the effect of some parameter is not known beforehand.
        """
        scales = self.parameter_scales
        if not (scales > 0).all():
            return None
        effects = tf.constant(np.sqrt(self.size / len(scales)) / scales, normal.dtype)
        return new_axis(spread, 1) * effects * normal

    @property
    def has_constant(self) -> bool:
        """Whether A(0) is known to be other than 0, so that starts look at its levels."""
        return False

    def with_fixed(self, values: Mapping[str, float]) -> Parameterization:
        """The same structure with some parameters held at given values.

        Args:
            values: by parameter name, the value to hold, in the unit of the parameter.

        Returns:
            A parameterization of the remaining parameters.

        Raises:
            ValueError: for a name that is not a parameter, or if none remains.

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
        return self.mapped(self._only(keep), offset, keep)

    def with_tied(self, ties: Mapping[str, tuple[str, float]]) -> Parameterization:
        """The same structure with some parameters multiples of others.

        Args:
            ties: by parameter name, the free parameter it follows and the factor.

        Returns:
            A parameterization of the free parameters.

        Raises:
            ValueError: for a name that is not a parameter, or a tie to a tied parameter.

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
        return self.mapped(map_, np.zeros(len(names)), keep)

    def _only(self, keep: Sequence[str]) -> np.ndarray:
        """`[p, q]`, the map from parameters of which only some are kept."""
        number = {name: place for place, name in enumerate(self.parameter_names)}
        return np.eye(self.num_parameters)[:, [number[name] for name in keep]]

    def mapped(
        self, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ) -> Parameterization:
        """The same matrices in parameters y, of which `x = M y + c` are those of this one.

        Args:
            map_: `[p, q]`, M.
            offset: `[p]`, c.
            names: q names.
        """
        return Mapped(self, map_, offset, names)

    def unmapped(self) -> tuple[Parameterization, np.ndarray, np.ndarray]:
        """What `mapped` may have made this of: another one, M and c."""
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


class Mapped(Parameterization):
    """A parameterization whose parameters are affine functions of fewer: `x = M y + c`.

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
        """Where the inner parameterization is affine; see `Parameterization.as_affine`."""
        form = self.inner.as_affine()
        return None if form is None else form.mapped(self.map, self.offset)

    def unmapped(self) -> tuple[Parameterization, np.ndarray, np.ndarray]:
        """See `Parameterization.unmapped`."""
        inner, map_, offset = self.inner.unmapped()
        return inner, map_ @ self.map, map_ @ self.offset + offset

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[q]`, bounds from the scales of x."""
        return np.abs(self.map).T @ self.inner.parameter_scales

    @property
    def has_constant(self) -> bool:
        """Whether the parameters that are held make one, or x = 0 does."""
        return bool(self.offset.any()) or self.inner.has_constant

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives by y; see `Parameterization.derivatives`."""
        inner = self.inner.derivatives(self.expand(parameters))
        return tf.einsum("bpij,pq->bqij", inner, tf.constant(self.map, inner.dtype))

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The derivatives of the levels by y; see `Parameterization.level_jacobian`."""
        inner = self.inner.level_jacobian(self.expand(parameters), eigenvectors)
        return matmul_shared(inner, self.map)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """The slopes by y; see `Parameterization.expectation_slopes`."""
        inner = self.inner.expectation_slopes(self.expand(parameters), vectors)
        return matmul_shared(inner, self.map)

    def level_curvature(
        self,
        parameters: tf.Tensor,
        eigenvalues: tf.Tensor,
        eigenvectors: Any,
        weights: tf.Tensor,
        meeting: Meeting | None = None,
    ) -> tf.Tensor:
        """The second derivatives by y; see `Parameterization.level_curvature`."""
        x = self.expand(parameters)
        inner = self.inner.level_curvature(x, eigenvalues, eigenvectors, weights, meeting)
        return self._contract(inner)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """The second derivatives by y; see `Parameterization.curvature`."""
        inner = self.inner.curvature(self.expand(parameters), density)
        return None if inner is None else self._contract(inner)

    def _contract(self, inner: tf.Tensor) -> tf.Tensor:
        """Second derivatives by y for those by x."""
        map_ = tf.constant(self.map, inner.dtype)
        return tf.matmul(map_, tf.matmul(inner, map_), transpose_a=True)

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
        """The starting points of x, projected on what y can reach."""
        full = self.inner.starting_points(levels, attempt, attempts)
        inverse = tf.constant(np.linalg.pinv(self.map), levels.dtype)
        return tf.linalg.matvec(inverse, full - tf.constant(self.offset, levels.dtype))


def _same_as_inner(name: str) -> property:
    return property(lambda self: getattr(self.inner, name))


def _inner_at_x(name: str) -> Callable[[Mapped, tf.Tensor], Any]:
    return lambda self, parameters: getattr(self.inner, name)(self.expand(parameters))


for _name in ("level_counts", "level_signs", "blocks", "is_one_block", "prefers_whole"):
    setattr(Mapped, _name, _same_as_inner(_name))
for _name in ("numbers_of_slopes", "held_numbers"):
    setattr(Mapped, _name, _same_as_inner(_name))
for _name in ("matrix", "finite_matrix", "eigensystem", "levels", "spectrum"):
    setattr(Mapped, _name, _inner_at_x(_name))


class Combination(Parameterization):
    """`sum_i f_i A_i(x_i)` with the parameters of all parts, those of the first part first.

    Made by `a + b` and `f * a`: of one part, or of two with factors of 1.

    Attributes:
        factors: the f_i, finite and not 0.
        parts: the A_i, of one size, none a family, with different parameter names.
    """

    def __init__(self, factors: Sequence[float], parts: Sequence[Parameterization]):
        """Take factors and parts that fit."""
        names = [name for part in parts for name in part.parameter_names]
        super().__init__(parts[0].size, len(names), names)
        self.factors: tuple[float, ...] = tuple(factors)
        self.parts: tuple[Parameterization, ...] = tuple(parts)

    def _terms(self, parameters: tf.Tensor) -> list[tuple[float, Parameterization, tf.Tensor]]:
        """Each factor and part with the part's own parameters, `[B, p_i]`."""
        if len(self.parts) == 1:
            return [(self.factors[0], self.parts[0], parameters)]
        counts = [part.num_parameters for part in self.parts]
        own = tf.split(parameters, counts, axis=1)
        return list(zip(self.factors, self.parts, own, strict=True))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices of a batch of parameters; see `Parameterization.matrix`."""
        terms = self._terms(parameters)
        matrices = same_dtype([_times(f, part.matrix(x)) for f, part, x in terms])
        return functools.reduce(operator.add, matrices)

    def as_affine(self) -> Form | None:
        """Where all parts are affine, and small; see `Parameterization.as_affine`."""
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
        """Combinations of the same kinds with the same factors are one."""
        return Combination, self.factors, tuple(part.kind for part in self.parts)

    def together(self, members: Sequence[Combination]) -> Combination:
        """See `Parameterization.together`."""
        columns = zip(*(member.parts for member in members), strict=True)
        return Combination(self.factors, [column[0].together(column) for column in columns])

    @property
    def numbers_of_slopes(self) -> int:
        """Those of all; see `Parameterization.numbers_of_slopes`."""
        return sum(part.numbers_of_slopes for part in self.parts)

    @property
    def held_numbers(self) -> int:
        """Those of all; see `Parameterization.held_numbers`."""
        return sum(part.held_numbers for part in self.parts)

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the scales of all times the magnitudes of the factors."""
        pairs = zip(self.factors, self.parts, strict=True)
        return np.concatenate([abs(factor) * part.parameter_scales for factor, part in pairs])

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, those of a single part, turned around by a negative factor; NaN of a sum."""
        part, *others = self.parts
        if others:
            return super().level_signs
        signs = part.level_signs
        return signs if self.factors[0] > 0 else -signs[::-1]

    @property
    def has_constant(self) -> bool:
        """Whether any part has."""
        return any(part.has_constant for part in self.parts)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives by the parameters of all; see `Parameterization.derivatives`."""
        terms = self._terms(parameters)
        found = same_dtype([_times(f, part.derivatives(x)) for f, part, x in terms])
        rows = functools.reduce(tf.maximum, [tf.shape(part)[0] for part in found])
        return tf.concat([tf.broadcast_to(part, [rows, *part.shape[1:]]) for part in found], axis=1)

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: tf.Tensor) -> tf.Tensor:
        """The derivatives of the levels; see `Parameterization.level_jacobian`."""
        terms = self._terms(parameters)
        # Each part sees vectors that are not its own, perhaps complex where it is real.
        slopes = [_times(f, part.expectation_slopes(x, eigenvectors)) for f, part, x in terms]
        return tf.concat(slopes, axis=-1)

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings by all; see `Parameterization.coupler`."""
        every = [(f, part.coupler(x, vectors)) for f, part, x in self._terms(parameters)]
        return lambda by_level: tf.concat([_times(f, one(by_level)) for f, one in every], axis=1)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """Block by block; see `Parameterization.curvature`."""
        found, first = [], 0
        for factor, part, x in self._terms(parameters):
            block = part.curvature(x, density)
            around = [first, self.num_parameters - first - part.num_parameters]
            first += part.num_parameters
            if block is not None:
                found.append(tf.pad(_times(factor, block), [[0, 0], around, around]))
        return tf.add_n(found) if found else None

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """The levels are shared out at random between two parts, the same for every row."""
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


def _times(factor: float, tensor: tf.Tensor) -> tf.Tensor:
    return tensor if factor == 1.0 else tf.constant(factor, tensor.dtype) * tensor


def check_names(owner: str, names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """One name for each parameter; `x0, x1, ...` when None."""
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
    """Real tensors cast up if any is complex."""
    found = [tensor.dtype for tensor in tensors if tensor.dtype.is_complex]
    return [tf.cast(tensor, found[0]) if found else tensor for tensor in tensors]


def _each_in_turn(parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All rows once for each parameter, and the unit vectors of these: `[p B, p]` both.

    Rows stay behind each other, so that k members in turn stay in turn; see `together`.
    """
    count = parameters.shape[1]
    chosen = tf.repeat(tf.eye(count, dtype=parameters.dtype), tf.shape(parameters)[0], axis=0)
    return tf.tile(parameters, [count, 1]), chosen


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
    if any(len(part.level_counts) > 1 for part in parts):
        raise ValueError(f"{what} of a Family is not defined; make it of the members instead.")
