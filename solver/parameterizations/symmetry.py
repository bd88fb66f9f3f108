"""The blocks of an affine structure: subspaces that none of its matrices couples.

A conserved quantum number leaves zeros, and levels of different quantum numbers cross freely. Two
kinds are looked for, in the basis in which the matrices are given: basis states that are not
connected by any matrix, as the m of a crystal field of fourfold symmetry, and mirror symmetry, as
that of Toeplitz and persymmetric matrices (Cantoni and Butler, Linear Algebra Appl. 13 (1976) 275).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..seed import SEED
from .entries import Entries

# What is smaller, beside the other entries of its row and column, cannot be told from rounding.
_ROUNDING = np.finfo(float).eps
# What the products that make up operators may add to it.
_TOLERANCE = 16.0 * _ROUNDING
# Smaller matrices are decomposed as fast as their halves.
_SMALLEST = 8


def uncoupled_subspaces(constant: np.ndarray, basis: np.ndarray) -> list[np.ndarray]:
    """Subspaces that neither A0 nor any B_j leads out of.

    Args:
        constant: `[n, n]`, A0.
        basis: `[p, n, n]`, the B_j.

    Returns:
        For each subspace `[n, k]` with entries 0, 1 and -1, the smallest first. Their columns,
        divided by their norms, are an orthonormal basis of the whole space.
    """
    matrices = [constant, *basis]
    subspaces = []
    for states in _connected(_couplings(matrices)):
        columns = np.eye(len(constant))[:, states]
        if len(states) >= _SMALLEST and _is_mirror_symmetric(matrices, states):
            subspaces += [columns @ half for half in _halves(len(states))]
        else:
            subspaces.append(columns)
    return sorted(subspaces, key=lambda columns: columns.shape[1])


def subspaces_of_entries(constant: np.ndarray, entries: Entries) -> list[np.ndarray]:
    """The same for real matrices B_j given by their entries, without rounding errors."""
    coupled = _couplings([constant])
    coupled[entries.rows, entries.columns] = True
    subspaces = []
    for states in _connected(coupled):
        columns = np.eye(len(constant))[:, states]
        place = np.full(len(constant), -1)
        place[states] = np.arange(len(states))
        mirrored = np.arange(len(constant))
        mirrored[states] = states[::-1]
        inside = place[entries.rows] >= 0
        keys, values = _sorted(entries, np.arange(len(constant)), inside)
        images = _sorted(entries, mirrored, inside)
        same = np.array_equal(keys, images[0]) and np.array_equal(values, images[1])
        if len(states) >= _SMALLEST and same and _is_mirror_symmetric([constant], states):
            subspaces += [columns @ half for half in _halves(len(states))]
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


def first_images(blocks: Sequence[np.ndarray]) -> list[int]:
    """For each block the number of the first that has the same levels, which may be itself.

    Args:
        blocks: `[q, k, k]` each, the matrices A0, B_1, ... within it.
    """
    if len(blocks) == 1:
        return [0]
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


def _couplings(matrices: list[np.ndarray]) -> np.ndarray:
    """`[n, n]` bool, which states any of the matrices couples."""
    coupled = np.zeros(matrices[0].shape, bool)
    for matrix in matrices:
        coupled |= np.abs(matrix) > _ROUNDING * scales_of(matrix)
    return coupled


def scales_of(matrix: np.ndarray) -> np.ndarray:
    """`[k, k]`, the largest entry in the row or the column of each entry.

    Not of the whole matrix: small couplings of states that have no others are no rounding.
    """
    largest = np.abs(matrix).max(axis=1)
    return np.maximum(largest[:, None], largest)


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
        inside = matrix[np.ix_(states, states)]
        change = np.abs(inside - inside[::-1, ::-1])
        if (change > _TOLERANCE * scales_of(inside)).any():
            return False
    return True


def _halves(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The even and the odd combinations of each state with its mirror image, in columns."""
    first = np.eye(size)[:, : (size + 1) // 2]
    second = np.eye(size)[:, : size // 2]
    even = np.maximum(first, first[::-1])  # the middle state is its own image
    return even, second - second[::-1]
