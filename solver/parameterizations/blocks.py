"""Base class of families and block-diagonal matrices: several matrices of one parameter vector."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .affine.forms import Form, may_be_copied
from .affine.split import Split
from .affine.starts import projected_starts, shared_between
from .affine_matrix import as_matrices, constant_of
from .base import Parameterization, check_names, same_dtype
from .mapped_members import MappedMembers
from .memory import Memory
from .weighted_levels import WeightedLevels

# How many members propose starts for a parameter, if not all members are affine.
_PROPOSALS = 4


class Blocks(Parameterization):
    """The block-diagonal matrix of several members, decomposed member by member.

    Parameters with the same name are the same parameter. Members of equal size are decomposed in
    one batch.

    Attributes:
        members: the parameterizations; constant matrices are members without parameters.
    """

    #: The name of the members' argument in the subclass, for error messages.
    _argument = "members"

    def __init__(
        self,
        members: Sequence[Parameterization],
        name: str | None = None,
        parameter_names: Sequence[str] | None = None,
    ):
        """Set the members; the parameters are the union of theirs.

        Args:
            members: parameterizations or constant matrices `[n, n]`.
            name: name of the module.
            parameter_names: all parameter names in the wanted order; when None, the order of
                appearance, member by member.

        Raises:
            ValueError: for members of another type, none with parameters, or other names.
        """
        _check_members(type(self).__name__, self._argument, members)
        members = [
            _as_member(type(self).__name__, f"{self._argument}[{place}]", member)
            for place, member in enumerate(members)
        ]
        if not any(member.num_parameters for member in members):
            raise ValueError(
                f"{type(self).__name__}: {self._argument} must hold at least one parameterization, "
                "got matrices alone."
            )
        every = [names for member in members for names in member.parameter_names]
        names = tuple(dict.fromkeys(every))
        if parameter_names is not None:
            names = _in_this_order(type(self).__name__, parameter_names, names)
        super().__init__(sum(member.size for member in members), len(names), names, name)
        self.members = tuple(members)
        self._first = [0, *itertools.accumulate(member.size for member in self.members)]

    @functools.cached_property
    def _columns(self) -> list[list[int]]:
        """For each member the indices of its parameters among all parameters."""
        number = {name: place for place, name in enumerate(self.parameter_names)}
        return [[number[name] for name in member.parameter_names] for member in self.members]

    def _selection(self, place: int) -> np.ndarray:
        """`[p_k, p]`, the 0-1 matrix that selects the parameters of member k."""
        chosen = np.zeros((self.members[place].num_parameters, self.num_parameters))
        chosen[np.arange(len(chosen)), self._columns[place]] = 1.0
        return chosen

    @functools.cached_property
    def forms(self) -> list[Form | None]:
        """The form of each member in all parameters; None if not affine, or too large."""
        found: list[Form | None] = []
        for place, member in enumerate(self.members):
            form = member.as_affine()
            if form is not None and member.parameter_names != self.parameter_names:
                small = may_be_copied(form, self.num_parameters)
                nothing = np.zeros(member.num_parameters)
                form = form.mapped(self._selection(place), nothing) if small else None
            found.append(form)
        return found

    @functools.cached_property
    def _parts(self) -> tuple[Split | MappedMembers, ...]:
        """The members in groups that are computed in one batch."""
        affine: list[tuple[int, Form]] = []
        others: list[tuple[int, Parameterization, np.ndarray]] = []
        for place, form in enumerate(self.forms):
            if form is None:
                others.append((place, self.members[place], self._selection(place)))
            else:
                affine.append((place, form))
        return *Split.of(affine), *MappedMembers.of(others)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The block-diagonal matrices, `[B, n, n]`."""
        return self._placed(same_dtype([part.matrices(parameters) for part in self._parts]))

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the root of the sum of squares of the members' scales."""
        squares = np.zeros(self.num_parameters)
        for member, form, columns in zip(self.members, self.forms, self._columns, strict=True):
            if form is not None:
                squares += form.norms**2
            else:
                squares[columns] += member.parameter_scales**2
        return np.sqrt(squares)

    @property
    def memory(self) -> Memory:
        """The sum over the members; see `Parameterization.memory`."""
        return Memory.sum_of(member.memory for member in self.members)

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, the signs of the members, one after the other."""
        return np.concatenate([member.level_signs for member in self.members])

    @property
    def has_constant(self) -> bool:
        """Whether any member has a constant."""
        return any(member.has_constant for member in self.members)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives of the block-diagonal matrix; see `Parameterization.derivatives`."""
        blocks = same_dtype([part.derivatives(parameters) for part in self._parts])
        rows = functools.reduce(tf.maximum, [tf.shape(block)[0] for block in blocks])
        each = [
            tf.reshape(tf.broadcast_to(block, [rows, *block.shape[1:]]), [-1, *block.shape[2:]])
            for block in blocks
        ]
        return tf.reshape(self._placed(each), [rows, self.num_parameters, self.size, self.size])

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """The sum over the members; see `Parameterization.curvature`."""
        found = []
        for part in self._parts:
            inside = [slice(self._first[place], self._first[place + 1]) for place in part.places]
            blocks = tf.stack([density[:, span, span] for span in inside], axis=1)
            found.append(part.curvature(parameters, blocks))
        bent = [part for part in found if part is not None]
        return tf.add_n(bent) if bent else None

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The levels of `eigensystem` alone; see `Parameterization.levels`."""
        values, _, finite = self.eigensystem(parameters)
        return values, finite

    @property
    def is_one_block(self) -> bool:
        """False: each member is decomposed by itself."""
        return False

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """The levels member after member; see `Parameterization.eigensystem`."""
        found = [part.eigensystem(parameters) for part in self._parts]
        values, vectors, finite = zip(*found, strict=True)
        all_finite = functools.reduce(tf.logical_and, finite)
        return self._by_member(values), vectors, all_finite

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels member after member, all NaN if a matrix is not finite.

        See `Parameterization.spectrum`.
        """
        every = self._by_member([part.spectrum(parameters) for part in self._parts])
        bad = tf.reduce_any(tf.math.is_nan(every), axis=1, keepdims=True)
        return tf.where(bad, tf.constant(np.nan, every.dtype), every)

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The derivatives of the levels; see `Parameterization.level_jacobian`."""
        pairs = zip(self._parts, eigenvectors, strict=True)
        return self._by_member([part.level_jacobian(parameters, own) for part, own in pairs])

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: Any, levels: WeightedLevels
    ) -> tf.Tensor:
        """The sum over the members; see `Parameterization.level_curvature`."""
        levels = levels.each(functools.partial(_in_order, order=self._part_order))
        curved, first = [], 0
        for part, own in zip(self._parts, eigenvectors, strict=True):
            span = slice(first, first + sum(self.members[place].size for place in part.places))
            first = span.stop
            curved.append(part.level_curvature(parameters, own, levels.part(span)))
        return tf.add_n(curved)

    def _by_member(self, of_parts: Sequence[tf.Tensor]) -> tf.Tensor:
        """Reorder fields of the levels, `[B, k, ...]` of each part, to member after member."""
        together = tf.concat(of_parts, axis=1) if len(of_parts) > 1 else of_parts[0]
        return _in_order(together, np.argsort(self._part_order))

    @functools.cached_property
    def _part_order(self) -> np.ndarray:
        """`[n]`, the level numbers in the order part after part."""
        places = [place for part in self._parts for place in part.places]
        spans = [np.arange(self._first[place], self._first[place + 1]) for place in places]
        return np.concatenate(spans)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Parameters whose spectrum is near the levels; see `projected_starts`.

        If not all members are affine, the mean of the starts that some of them propose.
        """
        forms = [form for form in self.forms if form is not None]
        if len(forms) == len(self.members):
            return projected_starts(tuple(forms), levels, attempt, attempts)
        proposing, count = [], np.zeros(self.num_parameters)
        for place, columns in enumerate(self._columns):
            if (count[columns] < _PROPOSALS).any():
                proposing.append(place)
                count[columns] += 1
        total = 0.0
        for place in proposing:
            part = levels[:, self._first[place] : self._first[place + 1]]
            with shared_between(len(proposing)):
                proposed = self.members[place].starting_points(part, attempt, attempts)
            every = tf.constant(self._selection(place), levels.dtype)
            total += tf.linalg.matvec(every, proposed, transpose_a=True)
        return total / tf.constant(count, levels.dtype)

    def _placed(self, blocks: list[tf.Tensor]) -> tf.Tensor:
        """The block-diagonal matrix `[B, n, n]` of the blocks `[B, k, m, m]` of each part."""
        parts, first = [], 0
        for block in blocks:
            _, number, size, _ = block.shape
            width = number * size
            by_entry = tf.linalg.diag(tf.transpose(block, [0, 2, 3, 1]))  # [B, m, m, k, k]
            part = tf.reshape(tf.transpose(by_entry, [0, 3, 1, 4, 2]), [-1, width, width])
            parts.append(tf.pad(part, [[0, 0], [0, 0], [first, self.size - first - width]]))
            first += width
        back = np.argsort(self._part_order)
        return _in_order(_in_order(tf.concat(parts, axis=1), back), back, axis=2)


def _in_this_order(owner: str, wanted: Sequence[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Validate a permutation of the parameter names."""
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


def _as_member(owner: str, argument: str, member: Any) -> Parameterization:
    """Validate a member; convert a matrix to a parameterization without parameters."""
    if isinstance(member, Parameterization):
        if member.conditions_shape is not None:
            raise ValueError(
                f"{owner}: {argument} is a {type(member).__name__}, which takes conditions and "
                "cannot be a member; give a fit several conditions instead."
            )
        if len(member.level_counts) > 1:
            raise ValueError(f"{owner}: {argument} is a family itself; give its members instead.")
        return member
    is_matrix = isinstance(member, (list, tuple)) or any(
        hasattr(member, method) for method in ("__array__", "toarray", "full")
    )
    if not is_matrix:
        raise ValueError(
            f"{owner}: {argument} must be a Parameterization, or a matrix [n, n] for a member "
            f"without parameters, got {member!r}."
        )
    return constant_of(as_matrices(owner, argument, member, rank=2))


def _in_order(tensor: tf.Tensor, order: np.ndarray, axis: int = 1) -> tf.Tensor:
    """Reorder a field of the levels, `[B, n, ...]`."""
    if np.array_equal(order, np.arange(len(order))):
        return tensor
    return tf.gather(tensor, tf.constant(order, tf.int32), axis=axis)
