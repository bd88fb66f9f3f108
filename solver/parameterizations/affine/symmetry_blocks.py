"""The blocks of an affine structure: subspaces that none of its matrices couples.

A conserved quantum number leaves zeros, and levels of different quantum numbers cross freely. Two
kinds are looked for, in the basis in which the matrices are given: basis states that are not
connected by any matrix, as the m of a crystal field of fourfold symmetry, and mirror symmetry, as
that of Toeplitz and persymmetric matrices (Cantoni and Butler, Linear Algebra Appl. 13 (1976) 275).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...seed import SEED
from .entries import Entries

# What is smaller, beside the other entries of its row and column, cannot be told from rounding.
_ROUNDING = np.finfo(float).eps
# What the products that make up operators may add to it.
_TOLERANCE = 16.0 * _ROUNDING
# Smaller matrices are decomposed as fast as their halves.
_SMALLEST = 8
# Rows of a matrix that are looked at together.
_ROWS_AT_ONCE = 256


class Block(NamedTuple):
    """States of a matrix that a conserved quantum number holds together.

    Attributes:
        size: how many levels the block has.
        states: the numbers of its basis states, from 0, in the order of the rows of the matrix.
        parity: 0 where the block is made of these states themselves. Where mirror symmetry splits
            them further, 1 for the even and -1 for the odd block: vector k of the block is state
            `states[k]` plus or minus its mirror image `states[-1 - k]`, divided by the square root
            of 2. (A state in the middle is its own image, and even.)
        member: in a `Family`, the number of the member, whose states are numbered by themselves.
    """

    size: int
    states: tuple[int, ...]
    parity: int = 0
    member: int = 0


def block_of(columns: np.ndarray) -> Block:
    """The block of a subspace, as from `uncoupled_subspaces`."""
    states = np.flatnonzero(columns.any(axis=1))
    parity = 0
    if columns.shape[1] < len(states):
        parity = 1 if columns.min() >= 0 else -1
    return Block(columns.shape[1], tuple(states.tolist()), parity)


def uncoupled_subspaces(constant: np.ndarray, basis: np.ndarray) -> list[np.ndarray]:
    """Subspaces that neither A0 nor any B_j leads out of.

    Args:
        constant: `[n, n]`, A0.
        basis: `[p, n, n]`, the B_j.

    Returns:
        For each subspace `[n, k]` int8 with entries 0, 1 and -1, the smallest first. Their columns,
        divided by their norms, are an orthonormal basis of the whole space.
    """
    matrices = [constant, *basis]
    coupled = np.zeros(constant.shape, bool)
    for matrix in matrices:
        coupled |= couplings_of(matrix)
    subspaces = []
    for columns in uncoupled_states(coupled):
        states = columns.argmax(axis=0)
        if len(states) >= _SMALLEST and _is_mirror_symmetric(matrices, states):
            subspaces += _halves(len(constant), states)
        else:
            subspaces.append(columns)
    return sorted(subspaces, key=lambda columns: columns.shape[1])


def subspaces_of_entries(constant: np.ndarray, entries: Entries) -> list[np.ndarray]:
    """The same for real matrices B_j given by their entries, without rounding errors."""
    coupled = couplings_of(constant)
    coupled[entries.rows, entries.columns] = True
    subspaces = []
    for columns in uncoupled_states(coupled):
        states = columns.argmax(axis=0)
        place = np.full(len(constant), -1)
        place[states] = np.arange(len(states))
        mirrored = np.arange(len(constant))
        mirrored[states] = states[::-1]
        inside = place[entries.rows] >= 0
        keys, values = _sorted(entries, np.arange(len(constant)), inside)
        images = _sorted(entries, mirrored, inside)
        same = np.array_equal(keys, images[0]) and np.array_equal(values, images[1])
        if len(states) >= _SMALLEST and same and _is_mirror_symmetric([constant], states):
            subspaces += _halves(len(constant), states)
        else:
            subspaces.append(columns)
    return sorted(subspaces, key=lambda columns: columns.shape[1])


def _sorted(
    entries: Entries, moved: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the chosen entries are when states have moved, and their values, in this order."""
    rows, columns = moved[entries.rows[chosen]], moved[entries.columns[chosen]]
    keys = (rows * entries.size + columns) * entries.count + entries.owners[chosen]
    order = np.argsort(keys)
    return keys[order], entries.values[chosen][order]


def uncoupled_states(coupled: np.ndarray) -> list[np.ndarray]:
    """The subspaces of the states that `[n, n]` bool connects, the smallest first."""
    size = len(coupled)
    groups = sorted(_connected(coupled), key=len)
    return [_columns(size, states) for states in groups]


def first_images(blocks: Sequence[np.ndarray]) -> list[int]:
    """For each block the number of the first that has the same levels, which may be itself.

    Args:
        blocks: `[q, k, k]` each, the matrices A0, B_1, ... within it.
    """
    marks, near = _marks(blocks)
    first: list[int] = []
    for place, block in enumerate(blocks):
        alike = (np.abs(marks[:place] - marks[place]) <= near).all(axis=1)
        candidates = (int(k) for k in np.flatnonzero(alike) if first[k] == k)
        known = (k for k in candidates if _are_images(blocks[k], block))
        first.append(next(known, place))
    return first


def _marks(blocks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What images have in common, `[blocks, r]`, and how near it is to be, `[r]`.

    The norms, and moments of the sizes of all entries of a sum of the matrices with random weights.
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
    """Whether matrices are the same but for the order and the signs of their states.

    Time reversal takes |m> to |-m>, in turn with and without a change of sign, and conjugates. So
    the order looked for is the same or the reverse one, and so are the signs.

    Args:
        first: `[q, k, k]`, Hermitian.
        second: `[q, k, k]`.
    """
    signs = (-1.0) ** np.arange(first.shape[-1])
    for turn in (slice(None), slice(None, None, -1)):
        for flip in (1.0, np.outer(signs, signs)):
            image = flip * second[:, turn, turn]
            if _are_equal(first, image) or _are_equal(first, image.conj()):
                return True
    return False


def _are_equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether matrices are the same but for rounding."""
    return all(
        (np.abs(other - one) <= _TOLERANCE * scales_of(one)).all()
        for one, other in zip(first, second, strict=True)
    )


def couplings_of(matrix: np.ndarray) -> np.ndarray:
    """`[n, n]` bool, which states the matrix couples."""
    largest = _largest(matrix)
    coupled = np.empty(matrix.shape, bool)
    for rows in _slices(len(matrix)):
        coupled[rows] = np.abs(matrix[rows]) > _ROUNDING * np.maximum(largest[rows, None], largest)
    return coupled


def scales_of(matrix: np.ndarray) -> np.ndarray:
    """`[k, k]`, the largest entry in the row or the column of each entry.

    Not of the whole matrix: small couplings of states that have no others are no rounding.
    """
    largest = _largest(matrix)
    return np.maximum(largest[:, None], largest)


def _largest(matrix: np.ndarray) -> np.ndarray:
    """`[k]`, the largest entry of each row, and so of each column."""
    return np.concatenate([np.abs(matrix[rows]).max(axis=1) for rows in _slices(len(matrix))])


def _slices(size: int) -> list[slice]:
    """A few rows at a time: large matrices shall not be copied as a whole."""
    return [slice(first, first + _ROWS_AT_ONCE) for first in range(0, size, _ROWS_AT_ONCE)]


def _connected(coupled: np.ndarray) -> list[np.ndarray]:
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
    """Whether all matrices stay the same when the order of these states is reversed."""
    for matrix in matrices:
        # States that nothing couples to these have no entries in their rows.
        largest = _largest(matrix)[states]
        for rows in _slices((len(states) + 1) // 2):
            inside = matrix[np.ix_(states[rows], states)]
            mirrored = matrix[np.ix_(states[::-1][rows], states[::-1])]
            allowed = _TOLERANCE * np.maximum(largest[rows, None], largest)
            if (np.abs(inside - mirrored) > allowed).any():
                return False
    return True


def _columns(size: int, states: np.ndarray) -> np.ndarray:
    """`[n, k]`, these states."""
    columns = np.zeros((size, len(states)), np.int8)
    columns[states, np.arange(len(states))] = 1
    return columns


def _halves(size: int, states: np.ndarray) -> list[np.ndarray]:
    """The even and the odd combinations of each state with its mirror image, in columns."""
    first, second = states[: (len(states) + 1) // 2], states[: len(states) // 2]
    even, odd = _columns(size, first), _columns(size, second)
    even[states[::-1][: len(first)], np.arange(len(first))] = 1  # the middle is its own image
    odd[states[::-1][: len(second)], np.arange(len(second))] = -1
    return [even, odd]
