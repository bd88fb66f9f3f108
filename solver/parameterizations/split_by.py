"""Families of symmetry blocks, named by their quantum numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..seed import SEED
from .affine.forms import DenseForm, Form
from .affine_matrix import affine_of
from .base import Parameterization
from .family import Family
from .quantum_numbers import Conserved, Subspace, as_operator, common_eigenspaces

# Levels that differ by at most this, relative to the largest, are equal.
_EQUAL_LEVELS = 1e-9
# Matrix elements of a block below this, relative to the largest of the matrix, are rounding errors.
_ROUNDING = 1e-14


class _Block(NamedTuple):
    """A symmetry block of one member.

    Attributes:
        name: such as `M=3/2`, after the name of the member.
        numbers: its quantum numbers.
        form: the matrices of the block.
    """

    name: str
    numbers: tuple[float, ...]
    form: Form


def split_by(
    structure: Parameterization,
    operators: Mapping[str, Any],
    *,
    keep: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Family:
    """The symmetry blocks of a structure, as a family whose members are named by quantum numbers.

    Operators that commute with every matrix of the structure and with each other have common
    eigenspaces, which no parameter couples. In each the matrix is a block of its own. Levels of
    different blocks cross freely during a fit, so a level that is named by its block and its number
    in it, `("M=3/2", 0)`, keeps its identity.

    The members are ordered by the first quantum number, then by the second, and so on, ascending;
    those of a family member after member, with the member's name (its number if it has none) in
    front: `B=0.5, M=3/2`. The blocks of a diagonal operator are submatrices.

    Args:
        structure: an affine structure such as `Affine`, or a `Family` of affine members.
        operators: by the name of the quantum number, operators that are conserved: Hermitian
            `[n, n]`, whose eigenvalues are the quantum numbers; a permutation of the basis states
            as `[n]` integers (state k becomes state `permutation[k]`); or unitary `[n, n]`, whose
            eigenvalues `exp(2 pi i q)` have the quantum numbers q, above -1/2 and up to 1/2. A
            permutation that is its own inverse is a parity with quantum numbers 1 and -1. In the
            unit of the operator; simple fractions are written as such. For a family with members
            of several sizes, a function of the size n that returns the operator.
        keep: for multiplets: a function of the quantum numbers of a block, in the order of the
            operators, that tells whether the block is kept. Each dropped block must have the same
            levels as a kept one of the same member, as M and -M of a Kramers pair have. So the
            levels of a multiplet are given once, and count once.
        name: name of the module.

    Returns:
        The family.

    Raises:
        ValueError: for a structure that is not affine, an operator of another form or size, one
            that does not commute with a matrix or with another operator, a dropped block whose
            levels no kept block has, or a parameter that acts in no block that is kept.

    Example:
        >>> s = Spin(3 / 2)
        >>> ion = Affine(None, [s.z @ s.z, s.z], parameter_names=["D", "b"])
        >>> blocks = split_by(ion, {"M": s.z})
        >>> blocks.names
        ('M=-3/2', 'M=-1/2', 'M=1/2', 'M=3/2')
        >>> no_field = split_by(ion.with_fixed({"b": 0.0}), {"M": s.z}, keep=lambda M: M > 0)
        >>> lines = SpectralSolver(
        ...     no_field, observation=Transitions([(("M=3/2", 0), ("M=1/2", 0))])
        ... )
        >>> lines.fit([[-6.0]]).parameters.numpy().round(6)
        array([[-3.]])
    """
    owner = "split_by"
    members, parameter_names = _members_of(owner, structure)
    if not isinstance(operators, Mapping) or not operators or not _are_texts(operators):
        raise ValueError(
            f'{owner}: operators must be a dict such as {{"M": Jz}}, by the name of each quantum '
            f"number, got {operators!r}."
        )
    if keep is not None and not callable(keep):
        raise ValueError(
            f"{owner}: keep must be a function of the quantum numbers, such as lambda M: M > 0, "
            f"got {keep!r}."
        )
    _check_sizes(owner, members, operators)
    kept: list[_Block] = []
    by_size: dict[int, tuple[list[Conserved], list[Subspace]]] = {}
    for prefix, form in members:
        if form.size not in by_size:
            conserved = _operators(owner, operators, form.size)
            by_size[form.size] = conserved, common_eigenspaces(conserved)
        conserved, spaces = by_size[form.size]
        _check_conserved(owner, conserved, form, parameter_names, prefix)
        blocks = [_block(conserved, space, form, prefix) for space in spaces]
        kept += blocks if keep is None else _kept(owner, blocks, keep, _random_points(form))
    _check_acting(owner, kept, parameter_names)
    made = [affine_of(block.form, parameter_names) for block in kept]
    return Family(made, name, names=[block.name for block in kept])


def _members_of(
    owner: str, structure: Any
) -> tuple[list[tuple[str | None, Form]], tuple[str, ...]]:
    """The names and the forms of the members, in all parameters, and the parameter names."""
    if not isinstance(structure, Parameterization):
        raise ValueError(
            f"{owner}: structure must be a Parameterization such as Affine, got {structure!r}."
        )
    inner, map_, offset = structure.unmapped()
    if isinstance(inner, Family):
        names = inner.names or [str(place) for place in range(len(inner.members))]
        forms = inner.forms
        if inner is not structure:
            forms = [None if form is None else form.mapped(map_, offset) for form in forms]
    else:
        names, forms = [None], [structure.as_affine()]
    found = []
    for place, (key, form) in enumerate(zip(names, forms, strict=True)):
        if form is None:
            what = type(inner).__name__ if key is None else f"member {key}, number {place},"
            raise ValueError(
                f"{owner}: structure must be affine, A0 + sum_j x_j B_j, or a family of such, but "
                f"{what} is not, or is too large to be written out."
            )
        found.append((key, form))
    return found, tuple(structure.parameter_names)


def _are_texts(operators: Mapping[Any, Any]) -> bool:
    return all(isinstance(key, str) and key for key in operators)


def _is_function(given: Any) -> bool:
    """Whether an operator is a function of the size; operators of QuTiP can be called too."""
    return callable(given) and not any(hasattr(given, one) for one in ("full", "__array__"))


def _check_sizes(
    owner: str, members: Sequence[tuple[str | None, Form]], operators: Mapping[str, Any]
) -> None:
    """Raise a ValueError for members of several sizes and an operator of one size."""
    size = members[0][1].size
    fixed = [key for key, given in operators.items() if not _is_function(given)]
    for prefix, form in members:
        if fixed and form.size != size:
            raise ValueError(
                f"{owner}: the operator {fixed[0]!r} acts on matrices of one size, but the first "
                f"member is {size} x {size} and member {prefix} is {form.size} x {form.size}; pass "
                "a function of the size n that returns the operator."
            )


def _operators(owner: str, operators: Mapping[str, Any], size: int) -> list[Conserved]:
    """The operators for matrices of one size; a ValueError if two of them do not commute."""
    found = [
        as_operator(owner, key, given(size) if _is_function(given) else given, size)
        for key, given in operators.items()
    ]
    for one, other in itertools.combinations(found, 2):
        norm, is_rounding = one.commutator(other.matrix)
        if not is_rounding:
            raise ValueError(
                f"{owner}: the operators {one.name!r} and {other.name!r} have no common quantum "
                f"numbers: they do not commute (norm of the commutator {norm:.3g}); leave one out."
            )
    return found


def _check_conserved(
    owner: str,
    operators: Sequence[Conserved],
    form: Form,
    names: Sequence[str],
    member: str | None,
) -> None:
    """Raise a ValueError if an operator does not commute with a matrix of the form."""
    where = "" if member is None else f" of member {member}"
    for place, matrix in enumerate(itertools.chain([form.constant], form.basis)):
        for operator in operators:
            norm, is_rounding = operator.commutator(matrix)
            if is_rounding:
                continue
            what, fix = "the constant matrix", "leave the operator out"
            if place:
                what = f"the matrix of the parameter {names[place - 1]!r}"
                fix += f", or fix {names[place - 1]!r} at 0 by with_fixed"
            raise ValueError(
                f"{owner}: {operator.name!r} is not conserved: its operator does not commute with "
                f"{what}{where} (norm of the commutator {norm:.3g}, of the matrix "
                f"{np.linalg.norm(matrix):.3g}); {fix}."
            )


def _block(
    operators: Sequence[Conserved], space: Subspace, form: Form, member: str | None
) -> _Block:
    """The block of one member in a common eigenspace."""
    pairs = list(zip(operators, space.numbers, strict=True))
    texts = [f"{operator.name}={operator.labels[number]}" for operator, number in pairs]
    numbers = tuple(operator.rounded[number] for operator, number in pairs)
    name = ", ".join(texts if member is None else [member, *texts])
    return _Block(name, numbers, _restricted(form, space.vectors))


def _restricted(form: Form, vectors: np.ndarray) -> Form:
    """The matrices of a form in an invariant subspace with the orthonormal basis `[n, k]`."""
    columns = _simple_columns(vectors)
    if columns is not None:
        return form.restricted(columns)
    adjoint = vectors.conj().T

    def inside(matrix: np.ndarray) -> np.ndarray:
        found = adjoint @ matrix @ vectors
        found = (found + found.conj().T) / 2
        rounding = _ROUNDING * len(matrix) * np.abs(matrix).max()
        return np.where(np.abs(found) > rounding, found, 0.0)

    constant = inside(form.constant)
    dense = np.array([inside(matrix) for matrix in form.basis])
    is_complex = np.imag(constant).any() or np.imag(dense).any()
    part = np.asarray if is_complex else np.real
    return DenseForm(part(constant), part(dense).reshape(-1, *constant.shape))


def _simple_columns(vectors: np.ndarray) -> np.ndarray | None:
    """The columns as basis states, or sums or differences of two, for `Form.restricted`.

    Returns:
        `[n, k]`, int8 with entries 0, 1 and -1; None if they are not of this kind.
    """
    if np.iscomplexobj(vectors):
        if np.imag(vectors).any():
            return None
        vectors = np.real(vectors)
    signs = np.sign(vectors).astype(np.int8)
    used = np.count_nonzero(signs, axis=0)
    alone = (np.count_nonzero(signs, axis=1) <= 1).all()
    if not alone or used.max() > 2 or not np.allclose(vectors, signs / np.sqrt(used), 0, 1e-12):
        return None
    first = signs[(signs != 0).argmax(axis=0), np.arange(signs.shape[1])]
    return signs * first


def _kept(
    owner: str, blocks: Sequence[_Block], keep: Callable[..., Any], points: np.ndarray
) -> list[_Block]:
    """The blocks that are kept; each other one must have the levels of one of them."""
    chosen = [bool(keep(*block.numbers)) for block in blocks]
    kept = [block for block, wanted in zip(blocks, chosen, strict=True) if wanted]
    samples = {
        block.name: np.linalg.eigvalsh(block.form.constant + block.form.member(points))
        for block in blocks
    }
    for block, wanted in zip(blocks, chosen, strict=True):
        if not wanted and not any(_same(samples[block.name], samples[one.name]) for one in kept):
            raise ValueError(
                f"{owner}: keep drops the block {block.name}, but no block that is kept has the "
                "same levels at all parameters, so that data would be lost; keep it."
            )
    return kept


def _random_points(form: Form) -> np.ndarray:
    """Two random points `[2, p]` at which every matrix of the form is about equally large.

    Levels are analytic in the parameters: those that are equal there are equal everywhere.
    """
    normal = np.random.default_rng(SEED).normal(size=(2, len(form.norms)))
    size = np.linalg.norm(form.constant) or 1.0
    return normal * size / np.where(form.norms > 0, form.norms, 1.0)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    return bool(np.abs(one - other).max() <= _EQUAL_LEVELS * np.abs(one).max())


def _check_acting(owner: str, blocks: Sequence[_Block], names: Sequence[str]) -> None:
    """Raise a ValueError for a parameter without effect in any block."""
    if not blocks:
        raise ValueError(f"{owner}: keep drops every block; keep one of each multiplet.")
    total = np.sum([block.form.norms for block in blocks], axis=0)
    for name, norm in zip(names, total, strict=True):
        if not norm:
            raise ValueError(
                f"{owner}: the parameter {name!r} has no effect in any block that is kept; fix it "
                "by with_fixed, or keep other blocks."
            )
