"""Several matrices from one parameter vector: what families and block-diagonal matrices share."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..eigen import eigenvalues, guarded_eigh
from .affine import Affine, affine_of
from .base import Parameterization, check_names
from .composition import Reduced
from .dense_form import DenseForm
from .meeting import Meeting
from .projected_starts import projected_starts, shared_between
from .squares_form import SquaresForm

# A member is written out with a matrix for every parameter of the family up to this size.
_MOST_NUMBERS = 2_000_000


class Blocks(Parameterization):
    """The block-diagonal matrix of several members, solved block by block.

    Parameters with the same name are the same parameter. Members of equal size are decomposed in
    one batch.

    Attributes:
        members: the parameterizations, each of all parameters.
    """

    #: What a member is called in the arguments of the subclass.
    _argument = "members"

    def __init__(
        self,
        members: Sequence[Parameterization],
        name: str | None = None,
        parameter_names: Sequence[str] | None = None,
    ):
        """Take the members; the parameters are those of all of them.

        Their order is that of `parameter_names`, which holds them all; when None, that in which
        they appear, member by member.
        """
        _check_members(type(self).__name__, self._argument, members)
        every = [names for member in members for names in member.parameter_names]
        names = tuple(dict.fromkeys(every))
        if parameter_names is not None:
            names = _in_this_order(type(self).__name__, parameter_names, names)
        super().__init__(sum(member.size for member in members), len(names), names, name)
        affine = all(isinstance(member, Affine) for member in members)
        self.members = tuple(_with_names(member, names, affine) for member in members)
        self._first = [0, *itertools.accumulate(member.size for member in self.members)]

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The block-diagonal matrices `[B, n, n]` of all members."""
        blocks = _same_dtype([member.matrix(parameters) for member in self.members])
        return _total([self._placed(place, block) for place, block in enumerate(blocks)])

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the root of the sum of the squares of those of the members."""
        return np.sqrt(sum(member.parameter_scales**2 for member in self.members))

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives of the block-diagonal matrix; see `Parameterization.derivatives`."""
        blocks = _same_dtype([member.derivatives(parameters) for member in self.members])
        return _total([self._placed(place, block) for place, block in enumerate(blocks)])

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """The sum over the members; see `Parameterization.curvature`."""
        parts = [
            member.curvature(parameters, self._block(place, density))
            for place, member in enumerate(self.members)
        ]
        return _sum_of(parts)

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The levels of `eigensystem` alone; see `Parameterization.levels`."""
        values, _, finite = self.eigensystem(parameters)
        return values, finite

    @property
    def is_one_block(self) -> bool:
        """False: each member is decomposed by itself."""
        return False

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """For vectors of the whole matrix; see `Parameterization.expectation_slopes`."""
        return Parameterization.level_jacobian(self, parameters, vectors)

    def _decompose(self, parameters: tf.Tensor) -> tuple[list[tf.Tensor], list, tf.Tensor]:
        """Levels, eigenvectors and finiteness, member by member (the last for all together)."""
        values: list[Any] = [None] * len(self.members)
        vectors: list[Any] = [None] * len(self.members)
        finite = tf.ones_like(parameters[:, 0], tf.bool)
        for place, member in enumerate(self.members):
            if not member.is_one_block:
                values[place], vectors[place], there = member.eigensystem(parameters)
                finite &= there
        for group, stacked in self._stacks(parameters):
            size = stacked.shape[-1]
            found = guarded_eigh(tf.reshape(stacked, [-1, size, size]))
            levels = tf.reshape(found[0], [-1, len(group), size])
            columns = tf.reshape(found[1], [-1, len(group), size, size])
            finite &= tf.reduce_all(tf.reshape(found[2], [-1, len(group)]), axis=1)
            for index, place in enumerate(group):
                values[place] = levels[:, index]
                vectors[place] = columns[:, index]
        return values, vectors, finite

    def _levels(self, parameters: tf.Tensor) -> tf.Tensor:
        """The twice differentiable levels, member after member: `[B, n]`.

        NaN in a whole row if one of its members is not finite.
        """
        values: list[Any] = [
            None if member.is_one_block else member.spectrum(parameters) for member in self.members
        ]
        for group, stacked in self._stacks(parameters):
            size = stacked.shape[-1]
            levels = eigenvalues(tf.reshape(stacked, [-1, size, size]))
            levels = tf.reshape(levels, [-1, len(group), size])
            for index, place in enumerate(group):
                values[place] = levels[:, index]
        every = tf.concat(values, axis=1)
        bad = tf.reduce_any(tf.math.is_nan(every), axis=1, keepdims=True)
        return tf.where(bad, tf.constant(np.nan, every.dtype), every)

    def _stacks(self, parameters: tf.Tensor) -> list[tuple[list[int], tf.Tensor]]:
        """The matrices of members that are one block, by size and dtype: `[B, k, n, n]` each."""
        matrices = {
            place: member.matrix(parameters)
            for place, member in enumerate(self.members)
            if member.is_one_block
        }
        groups: dict[Any, list[int]] = {}
        for place, matrix in matrices.items():
            groups.setdefault((matrix.shape[-1], matrix.dtype), []).append(place)
        return [
            (group, tf.stack([matrices[place] for place in group], axis=1))
            for group in groups.values()
        ]

    def _jacobian(self, parameters: tf.Tensor, vectors: Sequence[tf.Tensor]) -> tf.Tensor:
        """The derivatives of the levels, member after member: `[B, n, p]`."""
        slopes = [
            member.level_jacobian(parameters, columns)
            for member, columns in zip(self.members, vectors, strict=True)
        ]
        return tf.concat(slopes, axis=1)

    def _curved(
        self,
        parameters: tf.Tensor,
        values: tf.Tensor,
        vectors: Sequence[tf.Tensor],
        weights: tf.Tensor,
        meeting: Meeting | None,
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, for levels member after member: `[B, p, p]`."""
        parts = []
        for place, member in enumerate(self.members):
            span = slice(self._first[place], self._first[place + 1])
            inside = None if meeting is None else meeting.part(span)
            parts.append(
                member.level_curvature(
                    parameters, values[:, span], vectors[place], weights[:, span], inside
                )
            )
        return _total(parts)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Parameters whose members come near the levels, see `projected_starts`.

        Where the members are not all affine, the mean of what each of them proposes.
        """
        forms = [member.form for member in self.members if isinstance(member, Affine)]
        if len(forms) == len(self.members):
            return projected_starts(tuple(forms), levels, attempt, attempts)
        total, count = 0.0, np.zeros(self.num_parameters)
        for place, member in enumerate(self.members):
            part = levels[:, self._first[place] : self._first[place + 1]]
            with shared_between(len(self.members)):
                proposed = member.starting_points(part, attempt, attempts)
            known = np.ones(self.num_parameters)
            if isinstance(member, Reduced):  # it has only some of the parameters
                known = (member.map != 0).any(axis=0).astype(float)
            total += proposed * tf.constant(known, levels.dtype)
            count += known
        return total / tf.constant(count, levels.dtype)

    def _placed(self, place: int, block: tf.Tensor) -> tf.Tensor:
        """A block `[..., k, k]` at its place in zeros `[..., n, n]`."""
        before = self._first[place]
        after = self.size - self._first[place + 1]
        leading = [[0, 0]] * (block.shape.rank - 2)
        return tf.pad(block, [*leading, [before, after], [before, after]])

    def _block(self, place: int, matrix: tf.Tensor) -> tf.Tensor:
        span = slice(self._first[place], self._first[place + 1])
        return matrix[:, span, span]


def _in_this_order(owner: str, wanted: Sequence[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """The names in the wanted order."""
    order = check_names(owner, wanted, len(names))
    if set(order) != set(names):
        raise ValueError(
            f"{owner}: parameter_names must be the names of the members' parameters in the order "
            f"that you want, {', '.join(names)}; got {', '.join(order)}."
        )
    return order


def _check_members(owner: str, argument: str, members: Any) -> None:
    if not isinstance(members, Sequence) or not members:
        raise ValueError(
            f"{owner}: {argument} must be a list of parameterizations, such as [Symmetric(2), "
            f"Symmetric(3)], got {members!r}."
        )
    for place, member in enumerate(members):
        if not isinstance(member, Parameterization):
            raise ValueError(
                f"{owner}: {argument}[{place}] must be a Parameterization, got {member!r}."
            )
        if len(member.level_counts) > 1:
            raise ValueError(
                f"{owner}: {argument}[{place}] is a family itself; give its members instead."
            )


def _with_names(member: Parameterization, names: tuple[str, ...], affine: bool) -> Parameterization:
    """The member as a function of all parameters; `affine` if all members are."""
    if member.parameter_names == names:
        return member
    columns = [names.index(name) for name in member.parameter_names]
    selection = np.zeros((member.num_parameters, len(names)))
    selection[np.arange(len(columns)), columns] = 1.0
    nothing = np.zeros(member.num_parameters)
    small = len(names) * member.size**2 <= _MOST_NUMBERS
    if not (affine and small and isinstance(member, Affine)):
        return Reduced(member, selection, nothing, names)
    if isinstance(member.form, SquaresForm):
        return affine_of(member.form.mapped(selection, nothing), names)
    basis = np.zeros((len(names), member.size, member.size), member.basis.dtype)
    basis[columns] = member.basis
    return affine_of(DenseForm(member.constant, basis), names)


def _same_dtype(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Real tensors cast up if any is complex."""
    if not any(tensor.dtype.is_complex for tensor in tensors):
        return tensors
    dtype = next(tensor.dtype for tensor in tensors if tensor.dtype.is_complex)
    return [tf.cast(tensor, dtype) for tensor in tensors]


def _sum_of(parts: list[tf.Tensor | None]) -> tf.Tensor | None:
    known = [part for part in parts if part is not None]
    return _total(known) if known else None


def _total(parts: list[tf.Tensor]) -> tf.Tensor:
    """The sum; unlike `tf.add_n` it lets one row stand for all."""
    return functools.reduce(tf.add, parts)
