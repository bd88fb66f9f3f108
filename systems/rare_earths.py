"""The ground multiplets of the rare-earth ions: J, the Landé factor and the Stevens factors.

Hund's rules give the ground term of 4f^n, and the multiplet with J = |L - S| below half filling and
L + S above. The Stevens factors theta_k are the reduced matrix elements of the potential of rank k:
K. W. H. Stevens, Proc. Phys. Soc. A 65, 209 (1952); Hutchings, Solid State Phys. 16 (1964), table
VI; Abragam & Bleaney, Electron Paramagnetic Resonance of Transition Ions (1970), table 20.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from eigenfit.spelling import did_you_mean

RANKS = (2, 4, 6)


class Multiplet(NamedTuple):
    """The states of one J.

    Attributes:
        term: such as `5I8`; "" if it is not known.
        j: J.
        lande: the Landé factor g_J; None if it is not known.
        factors: the Stevens factors theta_2, theta_4, theta_6; None if they are not known.
    """

    term: str
    j: float
    lande: float | None
    factors: tuple[float, ...] | None


def _multiplet(term: str, j: str, lande: str, second: str, fourth: str, sixth: str) -> Multiplet:
    factors = tuple(float(Fraction(text)) for text in (second, fourth, sixth))
    return Multiplet(term, float(Fraction(j)), float(Fraction(lande)), factors)


#: By the number of 4f electrons.
GROUND_MULTIPLETS = {
    1: _multiplet("2F5/2", "5/2", "6/7", "-2/35", "2/315", "0"),
    2: _multiplet("3H4", "4", "4/5", "-52/2475", "-4/5445", "272/4459455"),
    3: _multiplet("4I9/2", "9/2", "8/11", "-7/1089", "-136/467181", "-1615/42513471"),
    4: _multiplet("5I4", "4", "3/5", "14/1815", "952/2335905", "2584/42513471"),
    5: _multiplet("6H5/2", "5/2", "2/7", "13/315", "26/10395", "0"),
    6: _multiplet("7F0", "0", "0", "0", "0", "0"),
    7: _multiplet("8S7/2", "7/2", "2", "0", "0", "0"),
    8: _multiplet("7F6", "6", "3/2", "-1/99", "2/16335", "-1/891891"),
    9: _multiplet("6H15/2", "15/2", "4/3", "-2/315", "-8/135135", "4/3864861"),
    10: _multiplet("5I8", "8", "5/4", "-1/450", "-1/30030", "-5/3864861"),
    11: _multiplet("4I15/2", "15/2", "6/5", "4/1575", "2/45045", "8/3864861"),
    12: _multiplet("3H6", "6", "7/6", "1/99", "8/49005", "-5/891891"),
    13: _multiplet("2F7/2", "7/2", "8/7", "2/63", "-2/1155", "4/27027"),
}

_LANTHANIDES = ["La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb"]
# The charges in which the lanthanides occur in solids, beside 3+.
_OTHER_CHARGES = {
    "Ce": (4,),
    "Pr": (4,),
    "Tb": (4,),
    "Sm": (2,),
    "Eu": (2,),
    "Tm": (2,),
    "Yb": (2,),
}


def _electrons() -> dict[str, int]:
    """The number of 4f electrons by ion; trivalent La has none, and each next element one more."""
    found = {f"4f{count}": count for count in GROUND_MULTIPLETS}
    for place, symbol in enumerate(_LANTHANIDES):
        for charge in (3, *_OTHER_CHARGES.get(symbol, ())):
            count = place + 3 - charge
            if count in GROUND_MULTIPLETS:
                found[f"{symbol}{charge}+"] = count
    return found


ELECTRONS = _electrons()


def ground_multiplet(owner: str, ion: str) -> Multiplet:
    """The ground multiplet of an ion.

    Args:
        owner: the system named in error messages.
        ion: such as "Ho3+", or "4f10" for any ion with ten 4f electrons.

    Raises:
        ValueError: for an unknown ion, or one whose ground multiplet is a single state.
    """
    if ion not in ELECTRONS:
        known = ", ".join(name for name in ELECTRONS if not name.startswith("4f"))
        raise ValueError(
            f"{owner}: ion must be one of {known}, or 4f1 to 4f13, got {ion!r}."
            f"{did_you_mean(ion, ELECTRONS)} For another ion give j, and for Wybourne parameters "
            "stevens_factors."
        )
    found = GROUND_MULTIPLETS[ELECTRONS[ion]]
    if not found.j:
        raise ValueError(
            f"{owner}: the ground multiplet {found.term} of {ion} is a single state, which no "
            "crystal field splits; for an excited multiplet give j, such as j=1, and "
            "stevens_factors."
        )
    return found
