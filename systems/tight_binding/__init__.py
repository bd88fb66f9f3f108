"""Energy bands: hoppings between orbitals, two-centre integrals, models of PythTB and Wannier90."""

from .imported import Imported
from .pythtb_models import from_pythtb
from .slater_koster import two_centre
from .system import TightBinding
from .wannier90 import from_wannier90, read_hr

__all__ = [
    "Imported",
    "TightBinding",
    "from_pythtb",
    "from_wannier90",
    "read_hr",
    "two_centre",
]
