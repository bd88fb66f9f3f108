"""Shells of neighbours in a crystal."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Two distances are of one shell if they differ by less than this, relative to the larger one.
_SAME = 1e-6


def shell(lattice: Array, offset: Array, number: int) -> list[tuple[int, ...]]:
    """The cells in which a site has its neighbours of one shell.

    Args:
        lattice: `[d, D]`, the lattice vectors.
        offset: `[D]`, from the site to its neighbour in the home cell.
        number: of the shell, 1 for the nearest neighbours. A site is no neighbour of itself.

    Returns:
        The cells R for which `offset + R` is at this distance.
    """
    duals = np.linalg.pinv(lattice)  # [D, d]: r @ duals are the coordinates of r
    start = np.abs(offset @ duals)
    radius = np.linalg.norm(lattice, axis=1).max()
    while True:
        # |coordinate i of r| <= |r| |dual i|: all cells within the radius are in this box.
        reach = np.ceil(radius * np.linalg.norm(duals, axis=0) + start).astype(int)
        cells = list(itertools.product(*(range(-far, far + 1) for far in reach)))
        distances = np.linalg.norm(offset + np.array(cells) @ lattice, axis=1)
        near = [
            (distance, cell)
            for distance, cell in sorted(zip(distances.tolist(), cells, strict=True))
            if _SAME * radius < distance <= radius
        ]
        shells: list[list[tuple[int, ...]]] = []
        last = 0.0
        for distance, cell in near:
            if distance - last > _SAME * distance:
                shells.append([])
                last = distance
            shells[-1].append(cell)
        # The outermost shell may be cut by the radius.
        if len(shells) > number:
            return shells[number - 1]
        radius *= 1.5
