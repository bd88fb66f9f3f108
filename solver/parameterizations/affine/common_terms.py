"""Basis matrices that family members share up to factors, as for a spin in many magnetic fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ...rowwise.products import matmul_shared
from ..constants import captured
from .entries import Entries
from .entries_form import EntriesForm
from .forms import DenseForm, Form, may_be_written_out
from .squares_form import SquaresForm
from .symmetry_blocks import scales_of

# Relative tolerance for proportional entries: the rounding of one multiplication.
_TOLERANCE = 4.0 * np.finfo(float).eps


@dataclasses.dataclass(frozen=True, eq=False)
class CommonTerms:
    """`sum_t f_kt x_j(t) C_t` for members k: factors times common matrices C_t.

    Usually there is one term for each parameter, as for a spin in many magnetic fields, where each
    field multiplies the same Zeeman operators.

    Attributes:
        form: the C_t, with constant 0.
        owner: `[T]`, the parameter j(t) of each term.
        factors: `[k, T]`, the f_kt.
        count: `p`, the number of parameters.
    """

    form: Form
    owner: np.ndarray
    factors: np.ndarray
    count: int

    @classmethod
    def of(cls, forms: Sequence[Form]) -> CommonTerms | None:
        """Find the common matrices of several members; None if they have none."""
        if len(forms) == 1:
            return None
        entries = [form.entries for form in forms if isinstance(form, EntriesForm)]
        if len(entries) == len(forms):
            found = _of_entries(forms[0], entries)
            if found is not None or all(len(each.terms) == 1 for each in entries):
                return found
        return _of_matrices(forms) if may_be_written_out(forms) else None

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices without A0.

        Args:
            parameters: `[B, p]`, or `[B, k, p]` with different parameters for each member.

        Returns:
            `[B, k, n, n]`; `[B, 1, n, n]` if all members are equal.
        """
        if not self._is_plain:
            parameters = tf.gather(parameters, tf.constant(self.owner, tf.int32), axis=-1)
        shared = parameters.shape.rank == 2
        if self._is_same and shared:
            return self.form.matrix(parameters)[:, None]
        parameters = parameters[:, None, :] if shared else parameters
        scaled = parameters * tf.constant(self.factors, parameters.dtype)
        each = self.form.matrix(tf.reshape(scaled, [-1, len(self.owner)]))
        size = each.shape[-1]
        return tf.reshape(each, [-1, len(self.factors), size, size])

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """`v^H B_kj v` for eigenvectors v.

        Args:
            by_level: `[B, k n, n]`, eigenvectors in rows, member after member.

        Returns:
            `[B, k n, p]`.
        """
        slopes = self.form.slopes(by_level)
        if not self._is_same:
            members, terms = self.factors.shape
            each = tf.reshape(slopes, [-1, members, by_level.shape[-1], terms])
            each *= tf.constant(self.factors[:, None, :], slopes.dtype)
            slopes = tf.reshape(each, [-1, by_level.shape[1], terms])
        return slopes if self._is_plain else matmul_shared(slopes, self._owners)

    def half_couplings(self, adjoint: tf.Tensor, members: tf.Tensor) -> tf.Tensor:
        """`v^H B_kj` for eigenvectors v of some members k.

        Args:
            adjoint: `[B, c, n, n]`, conjugate eigenvectors in rows.
            members: `[c]`, int32, the numbers k.

        Returns:
            `[B, c, n, p, n]`.
        """
        number, size, terms = adjoint.shape[1], adjoint.shape[-1], len(self.owner)

        def side_by_side() -> np.ndarray:
            return self.form.basis.transpose(1, 0, 2).reshape(size, terms * size)

        beside = captured(self, "side by side", adjoint.dtype, side_by_side)
        half = matmul_shared(tf.reshape(adjoint, [-1, number * size, size]), beside)
        half = tf.reshape(half, [-1, number, size, terms, size])
        if not self._is_same:
            factors = tf.gather(tf.constant(self.factors, half.dtype), members)
            half *= factors[:, None, :, None]
        if self._is_plain:
            return half
        by_term = tf.reshape(half, [-1, number * size, terms, size])
        owners = tf.constant(self._owners.T, half.dtype)
        return tf.reshape(owners @ by_term, [-1, number, size, self.count, size])

    @property
    def _is_same(self) -> bool:
        return bool((self.factors == 1.0).all())

    @property
    def _is_plain(self) -> bool:
        """Whether there is one term for each parameter, in order."""
        return np.array_equal(self.owner, np.arange(self.count))

    @property
    def _owners(self) -> np.ndarray:
        """`[T, p]`, the 0-1 matrix of terms and their parameters."""
        return np.eye(self.count)[self.owner]


def _of_entries(form: Form, every: Sequence[Entries]) -> CommonTerms | None:
    """One term for each parameter if its matrices are proportional in all members, else None."""
    first, *others = (entries.in_order for entries in every)
    owners, place = np.unique(first.owners, return_index=True)
    factors = np.ones((len(every), first.count))
    for factor, other in zip(factors[1:], others, strict=True):
        if not first.moves_the_same(other):
            return None
        ratios = other.values / first.values
        factor[owners] = np.real(ratios[place])
        expected = factor[first.owners]
        if (np.abs(ratios - expected) > _TOLERANCE * np.abs(expected)).any():
            return None
    return CommonTerms(_without_constant(form), np.arange(first.count), factors, first.count)


def _of_matrices(forms: Sequence[Form]) -> CommonTerms | None:
    """A few terms for each parameter, of which the members' matrices are multiples, else None."""
    bases = [form.basis for form in forms]
    count = len(bases[0])
    # With more terms, products with each member's own matrices are as fast.
    most = min(2 * count + 2, len(forms) * count // 2)
    owner, factors, lenders = [], [], []
    for parameter in range(count):
        matrices = np.stack([basis[parameter] for basis in bases])
        norms = np.linalg.norm(matrices, axis=(1, 2))
        missing = norms > 0
        while missing.any():
            if len(owner) == most:
                return None
            lender = int(np.argmax(np.where(missing, norms, 0.0)))
            ratios, like = _multiples(matrices, matrices[lender])
            like &= missing
            missing &= ~like
            owner.append(parameter)
            factors.append(np.where(like, ratios, 0.0))
            lenders.append(lender)
    number, ratios = np.array(owner, int), np.array(factors).reshape(-1, len(forms)).T
    if not len(number):
        return None
    plain = np.array_equal(number, np.arange(count)) and (ratios == 1.0).all()
    form = _without_constant(forms[0]) if plain else _common_form(forms, bases, number, lenders)
    return CommonTerms(form, number, ratios, count)


def _multiples(matrices: np.ndarray, one: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`[k]`, the least-squares factors of `one`, and `[k]` bool, whether they are exact."""
    ratios = np.real(np.tensordot(matrices, one.conj(), 2)) / np.linalg.norm(one) ** 2
    ratios = np.where(np.abs(ratios - 1.0) <= _TOLERANCE, 1.0, ratios)
    errors = np.abs(matrices - ratios[:, None, None] * one)
    allowed = _TOLERANCE * np.stack([scales_of(matrix) for matrix in matrices])
    return ratios, (errors <= allowed).all(axis=(1, 2)) & (ratios != 0)


def _common_form(
    forms: Sequence[Form],
    bases: list[np.ndarray],
    owner: np.ndarray,
    lenders: list[int],
) -> DenseForm | SquaresForm:
    """The form of the C_t, each the matrix of one member (`lenders`) and parameter (`owner`)."""
    pairs = list(zip(lenders, owner, strict=True))
    basis = np.stack([bases[lender][parameter] for lender, parameter in pairs])
    squares = [form for form in forms if isinstance(form, SquaresForm)]
    waves = squares[0].vectors if len(squares) == len(forms) else None
    if waves is None or any(not np.array_equal(form.vectors, waves) for form in squares):
        return DenseForm(np.zeros_like(bases[0][0]), basis)
    columns = [squares[lender].coefficients[:, parameter] for lender, parameter in pairs]
    entries = Entries.of_several(
        [(squares[lender].entries, parameter) for lender, parameter in pairs]
    )
    return SquaresForm(np.zeros_like(bases[0][0]), entries, waves, np.stack(columns, axis=1))


def _without_constant(form: Form) -> Form:
    return dataclasses.replace(form, constant=np.zeros_like(form.constant))
