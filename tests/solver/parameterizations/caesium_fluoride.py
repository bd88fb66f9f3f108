"""Hyperfine lines of CsF in a molecular beam: Zorn, as in the SPFIT suite; MHz.

N = 1 is coupled with the spins 7/2 of Cs to F1, and this with the spin 1/2 of F to F. The 48 states
are six multiplets (F1, F), whose 2 F + 1 states are degenerate: F1 + 1/2, F stand in the lines. The
lines are absolute values of differences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eigenfit.solver import Affine, Spin, embed

PARAMETERS = ("1.5 eQq", "C1", "C2", "3S", "J")
PUBLISHED = np.array([1.85561, 6.881e-4, 0.015044, -2.943e-3, 6.185e-4])
PUBLISHED_ERRORS = np.array([46e-5, 118e-7, 84e-6, 95e-6, 218e-7])
PUBLISHED_RMS = 0.85537
LINES = """43-55 .22460(25), 44-55 .22805(15), 43-54 .24580(25), 44-54 .24905(20), 43-32 .30490(20),
44-32 .30810(15), 43-33 .31440(30), 44-33 .31760(15), 44-43 .0028(2), 32-33 .0088(3),
55-54 .02135(25), 54-32 .0592(2), 54-33 .0682(3), 55-33 .0894(2)"""


class Line(NamedTuple):
    """A line between two multiplets (F1 + 1/2, F), with its frequency and error in MHz."""

    upper: tuple[int, int]
    lower: tuple[int, int]
    frequency: float
    sigma: float


def lines() -> list[Line]:
    """The observed lines."""
    found = []
    for match in re.finditer(r"(\d)(\d)-(\d)(\d) (\.\d+)\((\d+)\)", LINES):
        a, b, c, d = map(int, match.groups()[:4])
        sigma = int(match[6]) * 10.0 ** (1 - len(match[5]))
        found.append(Line((a, b), (c, d), float(match[5]), sigma))
    return found


class Operators(NamedTuple):
    """Matrices of the 48 states; `total` is F and `first` is F1, each along x, y and z."""

    hamiltonian: list[np.ndarray]
    total: list[np.ndarray]
    first: list[np.ndarray]


def operators() -> Operators:
    """The operators of the five parameters, in their order, and the angular momenta."""
    spins = [Spin(1), Spin(7 / 2), Spin(1 / 2)]
    rotation, caesium, fluorine = (
        [embed(getattr(spin, axis), site, spins) for axis in "xyz"]
        for site, spin in enumerate(spins)
    )
    first, second, direct = (
        scalar(caesium, rotation),
        scalar(fluorine, rotation),
        scalar(caesium, fluorine),
    )
    s = 7 / 2
    one = np.eye(len(first))
    shape = 3 * first @ first + 1.5 * first - s * (s + 1) * 2 * one
    quadrupole = -shape / (2 * s * (2 * s - 1) * 5) / 1.5
    tensor = -(3 * first @ second + 3 * second @ first - 4 * direct) / 15
    return Operators(
        [quadrupole, first, second, tensor, direct],
        [np.sum(parts, axis=0) for parts in zip(rotation, caesium, fluorine, strict=True)],
        [np.sum(parts, axis=0) for parts in zip(rotation, caesium, strict=True)],
    )


def scalar(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> np.ndarray:
    """The scalar product of two vector operators, real here."""
    return np.real(sum(a @ b for a, b in zip(one, other, strict=True)))


def structure() -> Affine:
    """The Hamiltonian of all 48 states."""
    return Affine(None, operators().hamiltonian, PARAMETERS)
