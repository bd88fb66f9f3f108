"""The Hamiltonians of the field by name: structures with parameter names, units and observation.

`SYSTEMS` maps the `type` of a problem file to the callable.
"""

from .crystal_field import CrystalField
from .given_matrices import matrices
from .spin_system import SpinSystem

#: By the `type` of a problem file.
SYSTEMS = {
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
