"""Small systems for the tests of problem files."""

from __future__ import annotations

from typing import Literal

import numpy as np

from eigenfit.solver import (
    Affine,
    Family,
    Frequencies,
    Generalized,
    GraphLaplacian,
    Parameterization,
    Sweep,
    Transitions,
)


def ladder(
    levels: int = 3, *, unit: str = "cm^-1", kind: Literal["even", "odd"] = "even"
) -> Parameterization:
    """Levels `offset + step k + bend k^2` for k = 0, 1, ...

    Args:
        levels: how many there are.
        unit: of the levels and
            of the parameters.
        kind: "odd" leaves out the bend.
    """
    if levels > 50:
        raise ValueError(f"ladder: levels must be at most 50, got {levels}.")
    k = np.arange(levels, dtype=float)
    powers = {"offset": k**0, "step": k, "bend": k**2}
    if kind == "odd":
        del powers["bend"]
    made = Affine(None, [np.diag(one) for one in powers.values()], parameter_names=[*powers])
    made.level_unit = unit
    made.parameter_units = dict.fromkeys(powers, unit)
    return made


def tops(names: bool = True) -> Parameterization:
    """Two members, `J=0` with one level and `J=1` with three, named `1_01` and so on."""
    diagonals = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    matrices = [np.diag(one) for one in diagonals]
    parts = [Affine(None, [np.eye(1)], parameter_names=["D"])]
    parts.append(Affine(None, matrices, parameter_names=list("ABCD")))
    if names:
        parts[0].level_names = ["0_00"]
        parts[1].level_names = ["1_01", "1_11", "1_10"]
    made = Family(parts, names=["J=0", "J=1"])
    made.level_unit = "MHz"
    return made


def field(limit: int = 1) -> Parameterization:
    """A spin 1/2 with a gap along x and a field along z, which is the condition B."""
    sx, sz = np.array([[0, 0.5], [0.5, 0]]), np.diag([0.5, -0.5])
    terms = [Affine(None, [sx], parameter_names=["gap"]), Affine(None, [sz], parameter_names=["g"])]
    made = Sweep(terms, limit=limit, conditions=["B"])
    made.level_unit = "meV"
    return made


def plane(limit: int) -> Parameterization:
    """A level that rises along kx and ky, which are the condition."""
    terms = [Affine(None, [np.eye(1)], parameter_names=[name]) for name in ("E", "vx", "vy")]
    return Sweep(terms, limit=limit, conditions=["kx", "ky"])


def frame() -> Parameterization:
    """A chain of two springs and masses, of which natural frequencies are observed."""
    made = Generalized(GraphLaplacian([(0, 0), (0, 1)]), np.eye(2))
    made.usual_observation = Frequencies()
    made.level_unit = "s^-2"
    return made


def lines() -> Parameterization:
    """A ladder of which lines between neighbours are usually observed."""
    made = ladder(4)
    made.usual_observation = Transitions([(1, 0), (2, 1), (3, 2)])
    return made


TEST_SYSTEMS = {
    "field": field,
    "frame": frame,
    "ladder": ladder,
    "lines": lines,
    "plane": plane,
    "tops": tops,
}
