"""Several matrices from one parameter vector: what families and block-diagonal matrices share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..eigen import eigenvalues, guarded_eigh
from .affine import Affine
from .base import Parameterization
from .composition import Reduced
from .dense_form import DenseForm
from .projected_starts import start_maps

# A member is written out with a matrix for every parameter of the family up to this size.
_MOST_NUMBERS = 2_000_000


class Blocks(Parameterization):
    """The block-diagonal matrix of several members, solved block by block.

    Parameters with the same name are the same parameter. Members of equal size are decomposed in
    one batch.

    Attributes:
        members: the parameterizations, each of all parameters.
    """

    def __init__(self, members: Sequence[Parameterization], name: str | None = None):
        """Take the members; the parameters are those of all of them, in order of appearance."""
        owner = type(self).__name__
        if not isinstance(members, Sequence) or not members:
            raise ValueError(f"{owner}: members must be a list of parameterizations: {members!r}.")
        for place, member in enumerate(members):
            if not isinstance(member, Parameterization):
                raise ValueError(
                    f"{owner}: members[{place}] must be a Parameterization, got {member!r}."
                )
            if len(member.level_counts) > 1:
                raise ValueError(
                    f"{owner}: members[{place}] is a family itself; give its members instead."
                )
        every = [names for member in members for names in member.parameter_names]
        names = tuple(dict.fromkeys(every))
        super().__init__(sum(member.size for member in members), len(names), names, name)
        self.members = tuple(_with_names(member, names) for member in members)
        sizes = [member.size for member in self.members]
        self._first = [0, *itertools.accumulate(sizes)]
        self._groups = [
            [place for place, size in enumerate(sizes) if size == wanted]
            for wanted in dict.fromkeys(sizes)
        ]

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The block-diagonal matrices `[B, n, n]` of all members."""
        blocks = _same_dtype([member.matrix(parameters) for member in self.members])
        return sum(self._placed(place, block) for place, block in enumerate(blocks))

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the root of the sum of the squares of those of the members."""
        return np.sqrt(sum(member.parameter_scales**2 for member in self.members))

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives of the block-diagonal matrix; see `Parameterization.derivatives`."""
        blocks = _same_dtype([member.derivatives(parameters) for member in self.members])
        return sum(self._placed(place, block) for place, block in enumerate(blocks))

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """The sum over the members; see `Parameterization.curvature`."""
        parts = [
            member.curvature(parameters, self._block(place, density))
            for place, member in enumerate(self.members)
        ]
        return _sum_of(parts)

    def _decompose(self, parameters: tf.Tensor) -> tuple[list[tf.Tensor], list, tf.Tensor]:
        """Levels, eigenvectors and finiteness, member by member (the last for all together)."""
        matrices = [member.matrix(parameters) for member in self.members]
        values: list[Any] = [None] * len(matrices)
        vectors: list[Any] = [None] * len(matrices)
        finite = tf.ones_like(parameters[:, 0], tf.bool)
        for group in self._groups:
            stacked = tf.stack(_same_dtype([matrices[place] for place in group]), axis=1)
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
        """The twice differentiable levels, member after member: `[B, n]`."""
        matrices = [member.matrix(parameters) for member in self.members]
        values: list[Any] = [None] * len(matrices)
        for group in self._groups:
            stacked = tf.stack(_same_dtype([matrices[place] for place in group]), axis=1)
            size = stacked.shape[-1]
            levels = eigenvalues(tf.reshape(stacked, [-1, size, size]))
            levels = tf.reshape(levels, [-1, len(group), size])
            for index, place in enumerate(group):
                values[place] = levels[:, index]
        return tf.concat(values, axis=1)

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
        limits: tf.Tensor | None,
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, for levels member after member: `[B, p, p]`."""
        parts = []
        for place, member in enumerate(self.members):
            span = slice(self._first[place], self._first[place + 1])
            inside = None if limits is None else limits[:, span, span]
            parts.append(
                member.level_curvature(
                    parameters, values[:, span], vectors[place], weights[:, span], inside
                )
            )
        return sum(parts)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Parameters whose members come near the levels, see `projected_starts`.

        Where the members are not all affine, the mean of what each of them proposes.
        """
        forms = [member.form for member in self.members if isinstance(member, Affine)]
        if len(forms) == len(self.members):
            maps, offsets = start_maps(tuple(forms), attempts)
            chosen = tf.gather(tf.constant(maps, levels.dtype), attempt % len(maps))
            return tf.linalg.matvec(chosen, levels) + tf.constant(offsets, levels.dtype)
        total, count = 0.0, np.zeros(self.num_parameters)
        for place, member in enumerate(self.members):
            part = levels[:, self._first[place] : self._first[place + 1]]
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


def _with_names(member: Parameterization, names: tuple[str, ...]) -> Parameterization:
    """The member as a function of all parameters of the family."""
    if member.parameter_names == names:
        return member
    columns = [names.index(name) for name in member.parameter_names]
    if isinstance(member, Affine) and len(names) * member.size**2 <= _MOST_NUMBERS:
        basis = np.zeros((len(names), member.size, member.size), member.basis.dtype)
        basis[columns] = member.basis
        return affine_member(member.constant, basis, names)
    selection = np.zeros((member.num_parameters, len(names)))
    selection[np.arange(len(columns)), columns] = 1.0
    return Reduced(member, selection, np.zeros(member.num_parameters), names)


def affine_member(constant: np.ndarray, basis: np.ndarray, names: Sequence[str]) -> Affine:
    """An affine matrix that, unlike `Affine`, may leave some parameters without effect."""
    member = Affine.__new__(Affine)
    member._take_form(DenseForm(constant, basis), names, None)
    return member


def _same_dtype(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Real tensors cast up if any is complex."""
    if not any(tensor.dtype.is_complex for tensor in tensors):
        return tensors
    dtype = next(tensor.dtype for tensor in tensors if tensor.dtype.is_complex)
    return [tf.cast(tensor, dtype) for tensor in tensors]


def _sum_of(parts: list[tf.Tensor | None]) -> tf.Tensor | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None
