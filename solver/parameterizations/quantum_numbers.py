"""Common eigenspaces of conserved operators, and the quantum numbers that name them.

Operators that commute with each other have common eigenspaces. They are found by splitting the
whole space by one operator after the other. Within a subspace an operator is decomposed only among
the basis vectors that it couples, so that basis vectors that it does not couple stay as they are:
a diagonal operator selects basis states, a parity pairs of them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .affine.symmetry_blocks import connected

# Eigenvalues of an operator closer than this, relative to the largest, are one quantum number.
_SAME = 1e-8
# Couplings between eigenspaces up to this, relative to the matrix, count as rounding errors.
_ROUNDING = 1e-12
# Quantum numbers are written as fractions with at most this denominator, or that of a rotation.
_LARGEST_DENOMINATOR = 64
# Digits of a quantum number that is no such fraction.
_DIGITS = 3


class Subspace(NamedTuple):
    """A common eigenspace.

    Attributes:
        vectors: `[n, k]`, orthonormal columns.
        numbers: the place of its quantum number among the distinct ones of each operator.
    """

    vectors: np.ndarray
    numbers: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Conserved:
    """An operator whose eigenvalues are quantum numbers: Hermitian, or unitary such as a rotation.

    Attributes:
        name: of the quantum number.
        matrix: `[n, n]`.
    """

    name: str
    matrix: np.ndarray

    @functools.cached_property
    def asymmetry(self) -> float:
        """The largest entry of `Q - Q^H`, relative to that of Q; 0 for Q = 0."""
        difference = float(np.abs(self.matrix - self.matrix.conj().T).max())
        return difference / (float(np.abs(self.matrix).max()) or 1.0)

    @functools.cached_property
    def stretch(self) -> float:
        """The largest entry of `Q Q^H - 1`."""
        product = self.matrix @ self.matrix.conj().T
        return float(np.abs(product - np.eye(len(product))).max())

    @property
    def is_hermitian(self) -> bool:
        """Whether the operator is Hermitian."""
        return self.asymmetry <= _SAME

    @functools.cached_property
    def parts(self) -> tuple[np.ndarray, ...]:
        """Commuting Hermitian matrices with the same eigenspaces: Q, or cosine and sine of U."""
        adjoint = self.matrix.conj().T
        if self.is_hermitian:
            return ((self.matrix + adjoint) / 2,)
        return (self.matrix + adjoint) / 2, (self.matrix - adjoint) / 2j

    @functools.cached_property
    def values(self) -> np.ndarray:
        """The distinct quantum numbers, ascending: eigenvalues q, or phi / 2 pi of exp(i phi).

        Phases are above -1/2 and up to 1/2.
        """
        if self.is_hermitian:
            return _distinct(_eigenvalues(self.parts[0]), _size_of(self.parts[0]))
        phases = np.angle(np.linalg.eigvals(self.matrix)) / (2 * np.pi)
        return _distinct(np.where(phases <= -0.5 + _SAME, phases + 1.0, phases), 1.0)

    @functools.cached_property
    def gap(self) -> float:
        """The smallest distance of two distinct eigenvalues; the magnitude of one alone."""
        found = self.values if self.is_hermitian else np.exp(2j * np.pi * self.values)
        if len(found) == 1:
            return float(np.abs(found[0])) or 1.0
        gaps = np.abs(np.diff(found if self.is_hermitian else np.append(found, found[0])))
        return float(gaps.min())

    def commutator(self, matrix: np.ndarray) -> tuple[float, bool]:
        """The Frobenius norm of `[B, Q]` for a matrix B `[n, n]`, and whether it is rounding.

        B couples eigenspaces of Q by at most the norm divided by the gap of the eigenvalues.
        """
        if np.count_nonzero(self.matrix) == np.count_nonzero(self.matrix.diagonal()):
            diagonal = self.matrix.diagonal()
            difference = matrix * (diagonal[None, :] - diagonal[:, None])
        else:
            difference = matrix @ self.matrix - self.matrix @ matrix
        norm = float(np.linalg.norm(difference))
        return norm, norm <= _ROUNDING * self.gap * float(np.linalg.norm(matrix))

    def split(self, vectors: np.ndarray) -> dict[int, np.ndarray]:
        """Split a subspace that the operator leaves invariant.

        Args:
            vectors: `[n, k]`, orthonormal columns.

        Returns:
            By the place of a quantum number among `values`, the vectors that have it, `[n, l]`.
        """
        found: list[tuple[tuple[float, ...], np.ndarray]] = [((), vectors)]
        for part in self.parts:
            found = [
                ((*before, value), inside)
                for before, columns in found
                for value, inside in _eigenspaces(part, columns)
            ]
        by_number: dict[int, np.ndarray] = {}
        for parts, columns in found:
            value = parts[0]
            if not self.is_hermitian:
                value = np.angle(parts[0] + 1j * parts[1]) / (2 * np.pi)
                value += 1.0 if value <= -0.5 + _SAME else 0.0
            number = int(np.abs(self.values - value).argmin())
            before = by_number.get(number, columns[:, :0])
            by_number[number] = np.concatenate([before, columns], axis=1)
        return by_number

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """How the quantum numbers are written, such as `3/2`; see `written`."""
        return written(self.values, max(_LARGEST_DENOMINATOR, len(self.matrix)))[0]

    @functools.cached_property
    def rounded(self) -> tuple[float, ...]:
        """The quantum numbers without the rounding errors of the operator."""
        return written(self.values, max(_LARGEST_DENOMINATOR, len(self.matrix)))[1]


def common_eigenspaces(operators: Sequence[Conserved]) -> list[Subspace]:
    """The common eigenspaces of operators that commute, by ascending quantum numbers.

    Args:
        operators: at least one, all of one size.
    """
    spaces = [Subspace(np.eye(len(operators[0].matrix)), ())]
    for operator in operators:
        spaces = [
            Subspace(vectors, (*space.numbers, number))
            for space in spaces
            for number, vectors in operator.split(space.vectors).items()
        ]
    return sorted(spaces, key=lambda space: space.numbers)


def written(values: np.ndarray, most: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Distinct numbers as text, and without their rounding errors.

    Integers and simple fractions are written as such, or as a decimal if that is shorter; other
    numbers with three digits, or as many as tell them apart.

    Args:
        values: `[d]`, different numbers.
        most: the largest denominator of a fraction.

    Example:
        >>> written(np.array([-1.5, 0.1, 1.4142136, 2.0000000001]), 64)
        (('-3/2', '0.1', '1.41', '2'), (-1.5, 0.1, 1.4142136, 2.0))
    """
    scale = float(np.abs(values).max()) or 1.0
    exact = [Fraction(float(value)).limit_denominator(most) for value in values]
    is_exact = [
        abs(float(value) - one) <= _SAME * scale for value, one in zip(values, exact, strict=True)
    ]
    digits = _DIGITS
    while True:
        texts = tuple(
            _fraction(one) if simple else f"{value + 0.0:.{digits}g}"
            for value, one, simple in zip(values, exact, is_exact, strict=True)
        )
        if len(set(texts)) == len(texts) or digits > 16:
            break
        digits += 1
    rounded = tuple(
        float(one) if simple else float(value)
        for value, one, simple in zip(values, exact, is_exact, strict=True)
    )
    return texts, rounded


def _fraction(value: Fraction) -> str:
    """A fraction as text; as a decimal where that is exact and shorter."""
    decimal = f"{float(value):.6f}".rstrip("0").rstrip(".")
    return decimal if Fraction(decimal) == value and len(decimal) < len(str(value)) else str(value)


def as_operator(owner: str, name: str, given: Any, size: int) -> Conserved:
    """Check an operator: a Hermitian or unitary matrix, or a permutation of the basis states.

    Args:
        owner: the function named in error messages.
        name: of the quantum number.
        given: `[n, n]`, also SciPy sparse or QuTiP; or `[n]` integers, the state to which each
            basis state is moved.
        size: n.

    Raises:
        ValueError: for anything else.
    """
    convert = getattr(given, "toarray", None) or getattr(given, "full", None)
    try:
        array = np.asarray(convert() if callable(convert) else given)
    except ValueError:
        array = np.empty((), object)
    if array.dtype.kind in "iu" and np.array_equal(np.sort(array, axis=None), np.arange(size)):
        matrix = np.zeros((size, size))
        matrix[array.reshape(-1), np.arange(size)] = 1.0
        return Conserved(name, matrix)
    if array.shape != (size, size) or array.dtype.kind not in "biufc":
        hint = ""
        if array.shape == (size,):
            hint = " For the quantum numbers of the basis states pass numpy.diag of them."
        raise ValueError(
            f"{owner}: the operator {name!r} must be a matrix [{size}, {size}], or a permutation "
            f"of the numbers 0 to {size - 1}, got shape {array.shape} of dtype {array.dtype}.{hint}"
        )
    operator = Conserved(name, array.astype(complex if array.dtype.kind == "c" else float))
    if not np.isfinite(array).all():
        raise ValueError(f"{owner}: the operator {name!r} must be finite, got NaN or infinity.")
    if not operator.is_hermitian and operator.stretch > _SAME:
        raise ValueError(
            f"{owner}: the operator {name!r} must be symmetric, Hermitian or unitary, but Q - Q^H "
            f"is up to {operator.asymmetry:.1e} of Q, and Q Q^H - 1 up to {operator.stretch:.1e}; "
            "pass an observable such as Jz, a permutation, or the matrix of a symmetry operation, "
            "in double precision."
        )
    return operator


def _eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """The eigenvalues of a Hermitian matrix; exact for a diagonal one."""
    diagonal = matrix.diagonal()
    if np.count_nonzero(matrix) == np.count_nonzero(diagonal):
        return np.real(diagonal)
    return np.linalg.eigvalsh(matrix)


def _size_of(matrix: np.ndarray) -> float:
    """The largest sum of magnitudes of a row, to which rounding errors are compared."""
    return float(np.abs(matrix).sum(axis=1).max())


def _distinct(values: np.ndarray, scale: float) -> np.ndarray:
    """The means of groups of values that differ by rounding of the scale only, ascending."""
    ordered = np.sort(values)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > _SAME * scale) + 1)
    return np.array([group.mean() for group in groups])


def _eigenspaces(matrix: np.ndarray, vectors: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """The eigenspaces of a Hermitian matrix `[n, n]` within an invariant subspace `[n, k]`.

    Returns:
        For each the eigenvalue, and `[n, l]`, its vectors.
    """
    inside, scale = vectors.conj().T @ matrix @ vectors, _size_of(matrix)
    inside = np.where(np.abs(inside) > _ROUNDING * scale, inside, 0.0)
    if np.iscomplexobj(inside) and not np.imag(inside).any():
        inside = np.real(inside)
    values, columns = [], []
    for states in connected((inside != 0) | (inside != 0).T):
        own = inside[np.ix_(states, states)]
        found, turned = _small_eigh(own)
        values.append(found)
        columns.append(vectors[:, states] @ turned)
    every, together = np.concatenate(values), np.concatenate(columns, axis=1)
    distinct = _distinct(every, scale)
    number = np.abs(every[:, None] - distinct).argmin(axis=1)
    return [(value, together[:, number == place]) for place, value in enumerate(distinct)]


def _small_eigh(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eigensystem of a Hermitian matrix; without rounding for one state and for equal pairs."""
    if len(matrix) == 1:
        return np.real(matrix[0]), np.eye(1)
    if len(matrix) == 2 and abs(matrix[0, 0] - matrix[1, 1]) <= _ROUNDING * abs(matrix[0, 1]):
        size = abs(matrix[0, 1])
        phase = matrix[1, 0] / size
        centre = np.real(matrix[0, 0] + matrix[1, 1]) / 2
        pair = np.array([[1.0, 1.0], [phase, -phase]]) / np.sqrt(2.0)
        return np.array([centre + size, centre - size]), pair
    return np.linalg.eigh(matrix)
