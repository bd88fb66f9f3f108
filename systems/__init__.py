"""The Hamiltonians and structural models of the field, by name.

A system is a `Parameterization` that knows the names and units of its parameters, the names of its
levels, and what is usually observed: `SpectralSolver(CrystalField("Ho3+", point_group="C4v"))` is
ready to fit.
"""

from collections.abc import Callable
from typing import Any

from .crystal_field import CrystalField
from .given_matrices import matrices
from .spin_system import SpinSystem

#: The system for each `type` of a problem file.
SYSTEMS: dict[str, Callable[..., Any]] = {
    "crystal_field": CrystalField,
    "matrices": matrices,
    "spin_system": SpinSystem,
}

__all__ = [
    "SYSTEMS",
    "CrystalField",
    "SpinSystem",
    "matrices",
]
