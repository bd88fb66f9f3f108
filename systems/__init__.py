"""The Hamiltonians and structural models of the field, by name.

A system is a `Parameterization` that knows the names and units of its parameters, the names of its
levels, and what is usually observed: `SpectralSolver(Rotor(max_j=10))` is ready to fit.
"""

from collections.abc import Callable
from typing import Any

from .rotor import Rotor
from .shear_frame import ShearFrame
from .spring_mass import SpringMass
from .tight_binding import TightBinding

#: The system for each `type` of a problem file.
SYSTEMS: dict[str, Callable[..., Any]] = {
    "rotor": Rotor,
    "shear_frame": ShearFrame,
    "spring_mass": SpringMass,
    "tight_binding": TightBinding,
}

__all__ = [
    "SYSTEMS",
    "Rotor",
    "ShearFrame",
    "SpringMass",
    "TightBinding",
]
