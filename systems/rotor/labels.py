"""How the levels of rotors are called: `3_12`, `3_2`, `J=3`."""

from __future__ import annotations

import re

_FORMS = {
    "asymmetric": re.compile(r"(\d+)_(?:(\d)(\d)|(\d+)_(\d+))"),
    "prolate": re.compile(r"(\d+)_(\d+)"),
    "oblate": re.compile(r"(\d+)_(\d+)"),
    "linear": re.compile(r"J=(\d+)"),
}


def label(*numbers: int) -> str:
    """The name of a level by its quantum numbers J, then Ka and Kc, or K, or nothing.

    Example:
        >>> label(3, 1, 2), label(12, 2, 10), label(3, 2), label(3)
        ('3_12', '12_2_10', '3_2', 'J=3')
    """
    j, *projections = numbers
    if not projections:
        return f"J={j}"
    short = len(projections) == 1 or max(projections) < 10
    return f"{j}_" + ("" if short else "_").join(map(str, projections))


def quantum_numbers(name: str, top: str) -> tuple[int, ...]:
    """The quantum numbers in the name of a level; the inverse of `label`.

    Args:
        name: such as `3_12` of an asymmetric top.
        top: the kind of rotor: "asymmetric", "prolate", "oblate" or "linear".

    Raises:
        ValueError: for another form.

    Example:
        >>> quantum_numbers("12_2_10", "asymmetric")
        (12, 2, 10)
    """
    found = _FORMS[top].fullmatch(name)
    if found is None:
        shown = {"asymmetric": "3_12 or 12_2_10", "linear": "J=3"}.get(top, "3_2")
        raise ValueError(f"a level of this top is called {shown}, not {name!r}")
    return tuple(int(number) for number in found.groups() if number is not None)
