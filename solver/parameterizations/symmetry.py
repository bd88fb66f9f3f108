"""The blocks of an affine structure: subspaces that none of its matrices couples.

A conserved quantum number leaves zeros, and levels of different quantum numbers cross freely. Two
kinds are looked for, in the basis in which the matrices are given: basis states that are not
connected by any matrix, as the m of a crystal field of fourfold symmetry, and mirror symmetry, as
that of Toeplitz and persymmetric matrices (Cantoni and Butler, Linear Algebra Appl. 13 (1976) 275).
"""

from __future__ import annotations

import numpy as np

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


def first_images(blocks: list[np.ndarray]) -> list[int]:
    """For each block the number of the first that has the same levels, which may be itself.

    Args:
        blocks: `[q, k, k]` each, the matrices A0, B_1, ... within it.
    """
    # Images have equal norms, which are quickly compared. (Twice the tolerance of the entries.)
    norms = np.stack([np.linalg.norm(block, axis=(1, 2)) for block in blocks])
    near = 2.0 * _TOLERANCE * blocks[0].shape[-1] * norms
    first: list[int] = []
    for place, block in enumerate(blocks):
        alike = np.flatnonzero((np.abs(norms[:place] - norms[place]) <= near[place]).all(axis=1))
        known = (int(k) for k in alike if first[k] == k and _are_images(blocks[k], block))
        first.append(next(known, place))
    return first


def _are_images(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether matrices are the same but for the order and the signs of their states.

    Time reversal takes |m> to |-m>, in turn with and without a change of sign, and conjugates. So
    the order looked for is the same or the reverse one, and so are the signs.

    Args:
        first: `[q, k, k]`, Hermitian.
        second: `[q, k, k]`.
    """
    allowed = _TOLERANCE * np.stack([_scales(matrix) for matrix in first])
    signs = (-1.0) ** np.arange(first.shape[-1])
    for turned in (second, second[:, ::-1, ::-1]):
        for image in (turned, turned * np.outer(signs, signs)):
            for matrices in (image, image.conj()):
                if (np.abs(matrices - first) <= allowed).all():
                    return True
    return False


def _couplings(matrices: list[np.ndarray]) -> np.ndarray:
    """`[n, n]` bool, which states any of the matrices couples."""
    coupled = np.zeros(matrices[0].shape, bool)
    for matrix in matrices:
        coupled |= np.abs(matrix) > _ROUNDING * _scales(matrix)
    return coupled


def _scales(matrix: np.ndarray) -> np.ndarray:
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
        if (change > _TOLERANCE * _scales(inside)).any():
            return False
    return True


def _halves(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The even and the odd combinations of each state with its mirror image, in columns."""
    first = np.eye(size)[:, : (size + 1) // 2]
    second = np.eye(size)[:, : size // 2]
    even = np.maximum(first, first[::-1])  # the middle state is its own image
    return even, second - second[::-1]
