"""Affine matrices at many conditions: `A(x; c) = sum_k f_k(c) A_k(x)`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.elementwise import in_row_packets
from .affine.forms import DenseForm, Form
from .affine.symmetry_blocks import Block
from .affine_matrix import Affine
from .at_factors import AtFactors
from .base import Parameterization
from .conditions import AtConditions, Conditioned, divided
from .family import Family
from .memory import Memory
from .sweep_starts import ProjectionAtConditions
from .symbolic import symbolic

Factors = Callable[[tf.Tensor], tf.Tensor]


class Sweep(Conditioned):
    """One affine structure at many conditions, which are data: `A(x; c) = sum_k f_k(c) A_k(x)`.

    The terms `A_k(x) = A_k0 + sum_j x_j B_kj` are affine, and the factors `f_k(c)` functions of the
    condition: a magnetic field, a wave vector, a flux, an angle, a pressure. Every row of a fit has
    conditions of its own, up to K of them, so that one solver, and one exported model, serves every
    experiment of a kind. Pass them as `conditions=` to all methods of a solver.

    The spectrum of a row is that at its first condition, then that at its second, and so on, as for
    a `Family` with one member for each condition. Where there are fewer than K, conditions are NaN,
    and so are the levels. The time of a row grows with K, not with the number of its conditions.

    Example:
        >>> sz, sx = np.diag([0.5, -0.5]), np.array([[0.0, 0.5], [0.5, 0.0]])
        >>> gap = Affine(None, [sx], parameter_names=["gap"])
        >>> moment = Affine(None, [sz], parameter_names=["moment"])
        >>> qubit = Sweep([gap, moment], limit=3, conditions=["bias"])  # gap sx + bias moment sz
        >>> solver = SpectralSolver(qubit, initial=[1.0, 1.0])
        >>> bias = [0.0, 1.0, 2.0]
        >>> levels = solver.spectrum([[2.0, 1.5]], conditions=bias)
        >>> levels.numpy().round(6).tolist()
        [[-1.0, 1.0, -1.25, 1.25, -1.802776, 1.802776]]
        >>> solver.fit(levels, conditions=bias).parameters.numpy().round(6).tolist()
        [[2.0, 1.5]]
    """

    def __init__(
        self,
        terms: Sequence[Any],
        factors: Factors | None = None,
        *,
        limit: int,
        conditions: Sequence[str] = ("c",),
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
    ):
        """Set the terms and their factors.

        Args:
            terms: F affine structures of one size, such as `Affine`, or matrices `[n, n]`. A name
                in several terms is one parameter. The level names of the first term that has any
                are those of the levels at each condition.
            factors: maps conditions `[B, d]` to the factors `[B, F]`, each row independently, by
                operations of TensorFlow. When None there are d + 1 terms with the factors 1 and the
                numbers of the condition: `A_0 + sum_i c_i A_i`.
            limit: K, the largest number of conditions of a row.
            conditions: the names of the d numbers of a condition, such as `["Bx", "By", "Bz"]`.
            parameter_names: all parameter names in the wanted order; when None, in order of
                appearance.
            name: name of the module.

        Raises:
            ValueError: for terms that are not affine or of different sizes, or a function that
                raises or returns another shape.
        """
        owner = type(self).__name__
        terms = list(terms) if isinstance(terms, (list, tuple, np.ndarray)) else terms
        joined = _joined(owner, terms, parameter_names)
        forms = [_form_of(owner, place, form) for place, form in enumerate(joined.forms)]
        super().__init__(
            forms[0].size, joined.num_parameters, joined.parameter_names, limit, conditions, name
        )
        self.level_names = next((names for names in joined.level_counts.levels if names), None)
        count, width = len(forms), len(self.condition_names)
        if factors is None:
            if count != width + 1:
                raise ValueError(
                    f"{owner}: without factors there must be {width + 1} terms, one without factor "
                    f"and one for each of the {width} numbers of a condition, got {count}; pass "
                    "factors."
                )
            factors = one_and_each
        _check_factors(owner, factors, width, count)
        self._take(forms, factors)

    def _take(self, forms: Sequence[Form], factors: Factors) -> None:
        """Take forms in all parameters, and the function of the factors."""
        self._factors = factors
        self._count = len(forms)
        found = []  # the matrices with their terms and parameters; p is that of the constants
        for term, form in enumerate(forms):
            basis = form.basis
            found += [(term, j, basis[j]) for j in np.flatnonzero(form.norms)]
            if form.constant.any():
                found.append((term, self.num_parameters, form.constant))
        terms, parameters, matrices = zip(*found, strict=True)
        self._terms, self._parameters = np.array(terms), np.array(parameters)
        self._coefficients = Affine(None, list(matrices))

    def mapped(
        self, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ) -> Parameterization:
        """A `Sweep` of the mapped terms; see `Parameterization.mapped`."""
        made = Sweep.__new__(Sweep)
        Conditioned.__init__(made, self.states, len(names), names, self.limit, self.condition_names)
        forms = [form.mapped(map_, offset) for form in self._forms]
        for place, name in enumerate(names):
            if not any(form.norms[place] for form in forms):
                raise ValueError(
                    f"with_tied: the ties leave {name!r} without any effect on the matrix; check "
                    "the factors, or fix it."
                )
        made._take(forms, self._factors)
        made._level_names = self._level_names
        return made

    @property
    def _forms(self) -> list[Form]:
        """The terms in all parameters."""
        size, basis = self.states, self._coefficients.basis
        every = np.zeros((self._count, self.num_parameters + 1, size, size), basis.dtype)
        every[self._terms, self._parameters] = basis
        return [DenseForm(term[-1], term[:-1]) for term in every]

    @property
    def blocks_at_each(self) -> tuple[Block, ...]:
        """The symmetry blocks that all terms have in common."""
        return self._coefficients.blocks

    @property
    def has_constant(self) -> bool:
        """Whether any term has a constant."""
        return bool((self._parameters == self.num_parameters).any())

    @property
    def memory(self) -> Memory:
        """See `Parameterization.memory`; the matrices are stored once for all conditions."""
        each = self._coefficients.memory
        slopes = each.slopes + self.states * self.num_parameters
        return Memory(constants=each.constants, slopes=self.limit * slopes)

    def values_at(self, conditions: tf.Tensor) -> tf.Tensor:
        """The factors, `[R, F]`; see `Conditioned.values_at`."""
        return in_row_packets(self._checked_factors, conditions)

    def _checked_factors(self, conditions: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(self._factors(conditions), [None, self._count])

    def at_prepared(self, prepared: tf.Tensor) -> _SweepAt:
        """See `Parameterization.at_prepared`."""
        factors, present = divided(prepared)
        members = AtFactors(
            self._coefficients, factors, self._terms, self._parameters, self.parameter_names
        )
        return _SweepAt(self, members, present)

    @functools.cached_property
    def projection(self) -> ProjectionAtConditions:
        """The inner products of the matrices, for starting points."""
        return ProjectionAtConditions.of(
            self._coefficients.basis,
            self._terms,
            self._parameters,
            self._count,
            self.num_parameters,
        )


class _SweepAt(AtConditions):
    """B rows of a `Sweep` at their conditions, with starting points."""

    def __init__(self, owner: Sweep, members: AtFactors, present: tf.Tensor):
        """Set the sweep, its members and their presence."""
        super().__init__(owner, members, present)
        self._owner, self._factors = owner, members.factors

    @property
    def has_constant(self) -> bool:
        """Whether any term has a constant."""
        return self._owner.has_constant

    def scales(self, dtype: tf.DType, factor: float = 1.0) -> tf.Tensor:
        """`[B, p]`, the Frobenius norms of dA/dx_j over the conditions of each row."""
        del dtype
        squares = self._owner.projection.squares(self._squared_factors())
        return float(factor) * tf.sqrt(tf.maximum(squares, 0.0))

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Parameters whose spectrum is near the levels; see `ProjectionAtConditions`."""
        squared = self._squared_factors()
        return self._owner.projection.starts(self, squared, levels, attempt, attempts)

    def random_points(self, spread: tf.Tensor, normal: tf.Tensor) -> tf.Tensor:
        """Random points around 0 with about this spread; see `Parameterization.random_points`."""
        scales = self.scales(normal.dtype)
        there = tf.reduce_sum(tf.cast(self.present, normal.dtype), axis=1, keepdims=True)
        effects = tf.sqrt(there * (self.states / self.num_parameters))
        return normal * tf.math.divide_no_nan(new_axis(spread, 1) * effects, scales)

    def _squared_factors(self) -> tf.Tensor:
        """`[B, F, F]`, the sum of `f f^T` over the conditions of each row."""
        return self._owner.projection.squared_factors(self._factors, self.present)


def one_and_each(conditions: tf.Tensor) -> tf.Tensor:
    """The factors 1, c_1, ..., c_d of conditions `[B, d]`: `[B, d + 1]`."""
    return tf.pad(conditions, [[0, 0], [1, 0]], constant_values=1)


def _joined(owner: str, terms: Any, names: Sequence[str] | None) -> Family:
    """The terms as members of a family, which joins their parameters by name."""
    try:
        joined = Family(terms, parameter_names=names)
    except ValueError as error:
        text = str(error).replace("Family: ", "").replace("members", "terms")
        raise ValueError(f"{owner}: {text}") from error
    sizes = joined.level_counts
    if len(set(sizes)) > 1:
        raise ValueError(f"{owner}: terms must be matrices of one size, got sizes {list(sizes)}.")
    return joined


def _form_of(owner: str, place: int, form: Form | None) -> Form:
    if form is None:
        raise ValueError(
            f"{owner}: terms[{place}] must be affine, such as Affine(None, [matrix]), and not too "
            "large to be written out; for other functions of the parameters use NonlinearSweep."
        )
    return form


def _check_factors(owner: str, factors: Any, width: int, count: int) -> None:
    """Check that the function maps `[B, d]` to `[B, F]`."""
    wanted = f"{owner}: factors must map conditions [B, {width}] to the factors [B, {count}]"
    if not callable(factors):
        raise ValueError(f"{wanted}, one for each term, got {factors!r}.")
    try:
        found = symbolic(factors, tf.TensorSpec([None, width], tf.float64))
    except Exception as error:
        raise ValueError(f"{wanted}, but it raised {type(error).__name__}: {error}") from error
    if found.dtype.is_complex or not found.shape.is_compatible_with([None, count]):
        raise ValueError(
            f"{wanted}, real, but it returned {found.dtype.name} of shape {found.shape}; use "
            "real factors such as cos and sin, each with a Hermitian matrix."
        )
