"""Rotational spectra: Watson's Hamiltonian, and the files of SPFIT and SPCAT."""

from .cat_file import cat_lines, write_cat
from .labels import label, quantum_numbers
from .lin_file import LineList, read_lin
from .par_file import Parameters, read_par
from .selection_rules import allowed_lines
from .system import Rotor
from .watson import operators

__all__ = [
    "LineList",
    "Parameters",
    "Rotor",
    "allowed_lines",
    "cat_lines",
    "label",
    "operators",
    "quantum_numbers",
    "read_lin",
    "read_par",
    "write_cat",
]
