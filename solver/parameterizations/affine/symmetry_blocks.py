"""Symmetry blocks of an affine structure: invariant subspaces common to all of its matrices.

Levels of different blocks (quantum numbers) cross freely. Two kinds of blocks are detected, in the
basis in which the matrices are given: basis states that no matrix couples, such as the m of a
crystal field of fourfold symmetry, and mirror symmetry, such as that of Toeplitz and persymmetric
matrices (Cantoni & Butler, Linear Algebra Appl. 13 (1976) 275).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...seed import SEED
from .entries import Entries

# Entries below this, relative to the largest of their row and column, count as rounding errors.
_ROUNDING = np.finfo(float).eps
# Relative tolerance of equal entries, for the rounding in products of operators.
_TOLERANCE = 16.0 * _ROUNDING
# Splitting smaller matrices into halves saves no time.
_SMALLEST = 8
# The number of rows that are checked at a time.
_ROWS_AT_ONCE = 256


class Block(NamedTuple):
    """A symmetry block of a matrix: the states of one conserved quantum number.

    Attributes:
        size: the number of levels of the block.
        states: the numbers of its basis states, from 0, in the order of the rows of the matrix.
        parity: 0 if the block is spanned by these states. If mirror symmetry splits them further, 1
            for the even and -1 for the odd block: vector k of the block is state `states[k]` plus
            or minus its mirror image `states[-1 - k]`, divided by the square root of 2. (A state in
            the middle is its own image, and even.)
        member: the number of the member of a `Family`; states are numbered within the member.
    """

    size: int
    states: tuple[int, ...]
    parity: int = 0
    member: int = 0


def block_of(columns: np.ndarray) -> Block:
    """The `Block` of a subspace from `uncoupled_subspaces`."""
    states = np.flatnonzero(columns.any(axis=1))
    parity = 0
    if columns.shape[1] < len(states):
        parity = 1 if columns.min() >= 0 else -1
    return Block(columns.shape[1], tuple(states.tolist()), parity)


def uncoupled_subspaces(constant: np.ndarray, basis: np.ndarray) -> list[np.ndarray]:
    """The common invariant subspaces of A0 and all B_j.

    Args:
        constant: `[n, n]`, A0.
        basis: `[p, n, n]`, the B_j.

    Returns:
        For each subspace a basis `[n, k]`, int8 with entries 0, 1 and -1, the smallest subspace
        first. All columns, divided by their norms, are an orthonormal basis of the whole space.
    """
    matrices = [constant, *basis]
    coupled = np.zeros(constant.shape, bool)
    for matrix in matrices:
        coupled |= couplings_of(matrix)
    return _split_by_mirror(coupled, functools.partial(_is_mirror_symmetric, matrices))


def subspaces_of_entries(constant: np.ndarray, entries: Entries) -> list[np.ndarray]:
    """`uncoupled_subspaces` for B_j given by their entries, which are compared exactly."""
    coupled = couplings_of(constant)
    coupled[entries.rows, entries.columns] = True

    def is_symmetric(states: np.ndarray) -> bool:
        place = np.full(len(constant), -1)
        place[states] = np.arange(len(states))
        mirrored = np.arange(len(constant))
        mirrored[states] = states[::-1]
        inside = place[entries.rows] >= 0
        keys, values = _sorted(entries, np.arange(len(constant)), inside)
        images = _sorted(entries, mirrored, inside)
        same = np.array_equal(keys, images[0]) and np.array_equal(values, images[1])
        return same and _is_mirror_symmetric([constant], states)

    return _split_by_mirror(coupled, is_symmetric)


def _split_by_mirror(
    coupled: np.ndarray, is_symmetric: Callable[[np.ndarray], bool]
) -> list[np.ndarray]:
    """The subspaces of connected states, in halves where mirror symmetry splits them."""
    subspaces, size = [], len(coupled)
    for states in sorted(connected(coupled), key=len):
        split = len(states) >= _SMALLEST and is_symmetric(states)
        subspaces += _halves(size, states) if split else [_columns(size, states)]
    return sorted(subspaces, key=lambda columns: columns.shape[1])


def _sorted(
    entries: Entries, moved: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted coordinate keys, and the values, of the chosen entries after a permutation."""
    rows, columns = moved[entries.rows[chosen]], moved[entries.columns[chosen]]
    keys = (rows * entries.size + columns) * entries.count + entries.owners[chosen]
    order = np.argsort(keys)
    return keys[order], entries.values[chosen][order]


def first_images(blocks: Sequence[np.ndarray]) -> list[int]:
    """For each block the number of the first block with the same levels, which may be itself.

    Args:
        blocks: the restricted matrices A0, B_1, ... of each block, `[q, k, k]`.

    Returns:
        One number for each block.
    """
    marks, near = _invariants(blocks)
    first: list[int] = []
    for place, block in enumerate(blocks):
        alike = (np.abs(marks[:place] - marks[place]) <= near).all(axis=1)
        candidates = (int(k) for k in np.flatnonzero(alike) if first[k] == k)
        known = (k for k in candidates if _are_images(blocks[k], block))
        first.append(next(known, place))
    return first


def _invariants(blocks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Invariants that are equal for images, `[blocks, r]`, and their tolerances, `[r]`.

    The norms of the matrices, and moments of the squared entries of a random linear combination.
    """
    weights = np.random.default_rng(SEED).uniform(0.5, 1.0, len(blocks[0]))
    distance = np.abs(np.subtract.outer(*2 * [np.arange(blocks[0].shape[-1])]))
    marks = []
    for block in blocks:
        norms = np.linalg.norm(block, axis=(1, 2))
        squares = np.abs(np.tensordot(weights, block, 1)) ** 2
        total = np.sqrt(squares.sum())
        moments = [np.sqrt(np.sum(squares**2)), np.sum(distance * squares)]
        marks.append([*norms, total, *(moment / (total or 1.0) for moment in moments)])
    marks = np.array(marks)
    return marks, 1e-9 * blocks[0].shape[-1] * marks.max(axis=0)


def _are_images(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether matrices are equal up to a reversal of the states, alternating signs and conjugation.

    Time reversal maps |m> to |-m> with alternating signs, and conjugates.

    Args:
        first: `[q, k, k]`, Hermitian.
        second: `[q, k, k]`.

    Returns:
        Whether one of the combinations maps the second matrices to the first.
    """
    signs = (-1.0) ** np.arange(first.shape[-1])
    for turn in (slice(None), slice(None, None, -1)):
        for flip in (1.0, np.outer(signs, signs)):
            image = flip * second[:, turn, turn]
            if _are_equal(first, image) or _are_equal(first, image.conj()):
                return True
    return False


def _are_equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether matrices are equal up to rounding."""
    return all(
        (np.abs(other - one) <= _TOLERANCE * scales_of(one)).all()
        for one, other in zip(first, second, strict=True)
    )


def couplings_of(matrix: np.ndarray) -> np.ndarray:
    """`[n, n]` bool, the pairs of states that the matrix couples beyond rounding."""
    largest = _largest(matrix)
    coupled = np.empty(matrix.shape, bool)
    for rows in _slices(len(matrix)):
        coupled[rows] = np.abs(matrix[rows]) > _ROUNDING * np.maximum(largest[rows, None], largest)
    return coupled


def scales_of(matrix: np.ndarray) -> np.ndarray:
    """`[k, k]`, the largest magnitude in the row and the column of each entry.

    Not of the whole matrix: small couplings between states without larger ones are not rounding.
    """
    largest = _largest(matrix)
    return np.maximum(largest[:, None], largest)


def _largest(matrix: np.ndarray) -> np.ndarray:
    """`[k]`, the largest magnitude in each row, which is that in each column."""
    return np.concatenate([np.abs(matrix[rows]).max(axis=1) for rows in _slices(len(matrix))])


def _slices(size: int) -> list[slice]:
    """Slices of a few rows, to avoid copies of large matrices."""
    return [slice(first, first + _ROWS_AT_ONCE) for first in range(0, size, _ROWS_AT_ONCE)]


def connected(coupled: np.ndarray) -> list[np.ndarray]:
    """The connected components of a graph `[n, n]`, each the ascending numbers of its nodes."""
    unseen = np.ones(len(coupled), bool)
    components = []
    while unseen.any():
        reached = np.zeros_like(unseen)
        border = np.zeros_like(unseen)
        border[np.argmax(unseen)] = True
        while border.any():
            reached |= border
            border = coupled[border].any(axis=0) & ~reached
        unseen &= ~reached
        components.append(np.flatnonzero(reached))
    return components


def _is_mirror_symmetric(matrices: list[np.ndarray], states: np.ndarray) -> bool:
    """Whether all matrices are unchanged when the order of these states is reversed."""
    for matrix in matrices:
        # Rows of these states have no entries outside of them.
        largest = _largest(matrix)[states]
        for rows in _slices((len(states) + 1) // 2):
            inside = matrix[np.ix_(states[rows], states)]
            mirrored = matrix[np.ix_(states[::-1][rows], states[::-1])]
            allowed = _TOLERANCE * np.maximum(largest[rows, None], largest)
            if (np.abs(inside - mirrored) > allowed).any():
                return False
    return True


def _columns(size: int, states: np.ndarray) -> np.ndarray:
    """The columns of the identity for these states, `[n, k]`, int8."""
    columns = np.zeros((size, len(states)), np.int8)
    columns[states, np.arange(len(states))] = 1
    return columns


def _halves(size: int, states: np.ndarray) -> list[np.ndarray]:
    """The even and odd combinations of each state with its mirror image, unnormalized columns."""
    first, second = states[: (len(states) + 1) // 2], states[: len(states) // 2]
    even, odd = _columns(size, first), _columns(size, second)
    even[states[::-1][: len(first)], np.arange(len(first))] = 1  # the middle is its own image
    odd[states[::-1][: len(second)], np.arange(len(second))] = -1
    return [even, odd]
