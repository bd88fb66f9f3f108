"""Units of energy and frequency: factors between them, by pint."""

from __future__ import annotations

import functools
from typing import Any

from eigenfit.extras import need

# How people write units that pint spells otherwise.
_SPELLINGS = {
    "cm-1": "1/cm",
    "cm^-1": "1/cm",
    "cm^{-1}": "1/cm",
    "cm**-1": "1/cm",
    "1/cm": "1/cm",
    "cm⁻¹": "1/cm",
    "cm−1": "1/cm",
    "kayser": "1/cm",
    "1/s": "Hz",
    "s^-1": "Hz",
    "s-1": "Hz",
    "µeV": "microeV",
    "μeV": "microeV",
    "ueV": "microeV",
}


def factor(unit: str, wanted: str) -> float:
    """By what values in one unit are multiplied to have the other.

    Energies, frequencies, wavenumbers and temperatures (E = h f = h c nu = k T) become each other.

    Args:
        unit: of the values, such as "MHz".
        wanted: such as "cm^-1".

    Raises:
        ValueError: if pint does not know a unit, or they are of different kinds.

    Example:
        >>> round(factor("cm^-1", "MHz"), 4), round(factor("meV", "cm^-1"), 6)
        (29979.2458, 8.065544)
    """
    if _spelled(unit) == _spelled(wanted):
        return 1.0
    registry = _registry()
    try:
        one, two = (
            registry.Quantity(number, _spelled(unit)).to(
                _spelled(wanted), "spectroscopy", "boltzmann"
            )
            for number in (1.0, 2.0)
        )
    except Exception as error:  # pint raises kinds of its own, and those of Python's tokenizer
        raise ValueError(f"the unit {unit!r} cannot be converted to {wanted!r} ({error})") from None
    # A wavelength becomes an energy by its inverse, which is no factor.
    if abs(two.magnitude / one.magnitude - 2) > 1e-9:
        raise ValueError(
            f"{unit!r} is not proportional to {wanted!r}; convert the values in the table"
        )
    return float(one.magnitude)


def _spelled(unit: str) -> str:
    text = unit.strip()
    return _SPELLINGS.get(text, text)


@functools.cache
def _registry() -> Any:
    need("problem", "pint")
    import pint

    return pint.UnitRegistry()
