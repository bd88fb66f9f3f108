"""The Hamiltonians and structural models of the field, by name.

A system is a `Parameterization` that knows the names and units of its parameters, the names of its
levels, and what is usually observed: `SpectralSolver(CrystalField("Ho3+", point_group="C4v"))` is
ready to fit.
"""

from collections.abc import Callable
from typing import Any

from .crystal_field import CrystalField
from .given_matrices import matrices
from .rotor import Rotor
from .shear_frame import ShearFrame
from .spin_system import SpinSystem
from .spring_mass import SpringMass
from .tight_binding import TightBinding

#: The system for each `type` of a problem file.
SYSTEMS: dict[str, Callable[..., Any]] = {
    "crystal_field": CrystalField,
    "matrices": matrices,
    "rotor": Rotor,
    "shear_frame": ShearFrame,
    "spin_system": SpinSystem,
    "spring_mass": SpringMass,
    "tight_binding": TightBinding,
}

__all__ = [
    "SYSTEMS",
    "CrystalField",
    "Rotor",
    "ShearFrame",
    "SpinSystem",
    "SpringMass",
    "TightBinding",
    "matrices",
]
