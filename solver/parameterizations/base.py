"""What every parameterization offers: a matrix for parameters, and its derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..eigen import eigenvalues, hermitian_transpose, replace_infinite
from ..portable import PortableModule
from ..products import matmul_rows
from ..seed import SEED
from .forms import Form
from .level_curvature import Coupler, coupler_of, density_of, level_curvature
from .meeting import Meeting
from .symmetry import Block


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
        for label, value in (("size", size), ("num_parameters", num_parameters)):
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise ValueError(
                    f"{type(self).__name__}: {label} must be an integer of at least 1, "
                    f"got {value!r}."
                )
        self.size = int(size)
        self.num_parameters = int(num_parameters)
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
        repeated = tf.repeat(parameters, count, axis=0)
        chosen = tf.tile(tf.eye(count, dtype=parameters.dtype), [tf.shape(parameters)[0], 1])
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
        return tf.reshape(derivative, [-1, count, self.size, self.size])

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
        repeated = tf.repeat(parameters, count, axis=0)
        weights = tf.math.conj(tf.repeat(density, count, axis=0))
        chosen = tf.tile(tf.eye(count, dtype=parameters.dtype), [tf.shape(parameters)[0], 1])
        zero = tf.UnconnectedGradients.ZERO
        with tf.GradientTape() as outer:
            outer.watch(repeated)
            with tf.GradientTape() as inner:
                inner.watch(repeated)
                trace = tf.reduce_sum(tf.math.real(weights * self.matrix(repeated)), axis=[1, 2])
            slope = inner.gradient(trace, repeated, unconnected_gradients=zero)
            component = tf.reduce_sum(slope * chosen, axis=-1)
        second = outer.gradient(component, repeated, unconnected_gradients=zero)
        return tf.reshape(second, [-1, count, count])

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
        return spread[:, None] * effects * normal

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
        from .composition import fix  # it is built from this class

        return fix(self, values)

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
        from .composition import tie

        return tie(self, ties)

    def __add__(self, other: Parameterization) -> Parameterization:
        if not isinstance(other, Parameterization):
            return NotImplemented
        from .composition import Sum

        return Sum(self, other)

    def __mul__(self, factor: float) -> Parameterization:
        if not isinstance(factor, (int, float, np.integer, np.floating)):
            return NotImplemented
        from .composition import Multiple

        return Multiple(factor, self)

    __rmul__ = __mul__


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
