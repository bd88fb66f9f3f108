"""The Hamiltonians and structural models of the field, by name.

A system is a `Parameterization` that knows the names and units of its parameters, the names of its
levels, and what is usually observed: `SpectralSolver(ShearFrame(storeys=4, masses=1.0))` is ready to fit.
"""

from collections.abc import Callable
from typing import Any

from .shear_frame import ShearFrame
from .spring_mass import SpringMass

#: The system for each `type` of a problem file.
SYSTEMS: dict[str, Callable[..., Any]] = {
    "shear_frame": ShearFrame,
    "spring_mass": SpringMass,
}

__all__ = [
    "SYSTEMS",
    "ShearFrame",
    "SpringMass",
]
