"""The Zeeman term: a magnetic field in tesla as the condition of a spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from ..solver import Sweep

#: The components of the field that are conditions.
Components = Literal["x", "y", "z", "xy", "xz", "yz", "xyz"]

#: The Bohr magneton by unit of energy, for 1 T (CODATA 2022).
BOHR_MAGNETON = {
    "eV": 5.7883817982e-5,
    "meV": 5.7883817982e-2,
    "ueV": 57.883817982,
    "cm^-1": 0.46686447719,
    "K": 0.67171381472,
    "MHz": 13996.2449171,
    "GHz": 13.9962449171,
    "THz": 0.0139962449171,
}


def bohr_magneton(owner: str, unit: str) -> float:
    """The Bohr magneton in a unit of energy for 1 T.

    Raises:
        ValueError: for an unknown unit.
    """
    if unit not in BOHR_MAGNETON:
        raise ValueError(
            f"{owner}: with a magnetic field, unit must be one of {', '.join(BOHR_MAGNETON)}, so "
            f"that tesla can be converted, got {unit!r}."
        )
    return BOHR_MAGNETON[unit]


def check_field(owner: str, field: Any, limit: Any) -> None:
    """Check the components of the field and the limit.

    Raises:
        ValueError: for other components, or a limit without field.
    """
    known = get_args(Components)
    if field is not None and field not in known:
        raise ValueError(
            f"{owner}: field must name the components of the magnetic field that are conditions, "
            f"one of {', '.join(known)}, or be None for no field, got {field!r}."
        )
    if field is None and limit != 1:
        raise ValueError(
            f"{owner}: limit is the largest number of magnetic fields of a spectrum, got {limit!r} "
            "without a field; give field as well, such as field='xyz'."
        )


def in_field(zero_field: Any, moments: Mapping[str, Any], limit: int) -> Sweep:
    """The structure `A(x) + sum_i B_i M_i(x)` with the components of B as conditions, in tesla.

    Args:
        zero_field: A, an `Affine` or a matrix.
        moments: by component, the M_i for 1 T, of the same kinds.
        limit: the largest number of fields of a spectrum.
    """
    return Sweep(
        [zero_field, *moments.values()],
        limit=limit,
        conditions=[f"B{axis}" for axis in moments],
    )
