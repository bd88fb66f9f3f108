"""The lines that electric dipole transitions allow."""

from __future__ import annotations

from collections.abc import Sequence

from ...solver import Parameterization
from .labels import label, quantum_numbers
from .system import Rotor, rotor_of


def allowed_lines(
    rotor: Rotor | Parameterization, dipole: Sequence[str] = ("a",)
) -> list[tuple[str, str]]:
    """The lines of a rotor that electric dipole transitions allow.

    The J of both levels differ by at most 1. Of an asymmetric top the component of the dipole along
    a changes Kc by an odd number and Ka by an even one, that along c the reverse, and that along b
    both by odd ones. Of other tops K stays and J changes.

    Args:
        rotor: the rotor, with fixed parameters or without.
        dipole: the principal axes along which it has a dipole, of an asymmetric top.

    Returns:
        (level, level) for each line, by name, the one of the larger J first.

    Raises:
        ValueError: for another structure than a rotor, or another axis.
    """
    rotor = rotor_of("allowed_lines", rotor)
    odd = {"a": (0, 1), "b": (1, 1), "c": (1, 0)}
    unknown = [axis for axis in dipole if axis not in odd]
    if unknown:
        raise ValueError(f"allowed_lines: dipole must be axes a, b or c, got {unknown[0]!r}.")
    changes = {odd[axis] for axis in dipole}
    by_j: list[list[tuple[int, ...]]] = [[] for _ in range(rotor.max_j + 1)]
    for name in rotor.level_names or ():
        numbers = quantum_numbers(str(name), rotor.top)
        by_j[numbers[0]].append(numbers)
    found = []
    for j, levels in enumerate(by_j):
        if rotor.top != "asymmetric":
            pairs = [(one, (j - 1, *one[1:])) for one in levels if j > max(one[1:], default=0)]
        else:
            inside = [(one, two) for place, one in enumerate(levels) for two in levels[:place]]
            between = [(one, two) for one in levels for two in (by_j[j - 1] if j else [])]
            pairs = [
                (one, two)
                for one, two in inside + between
                if tuple((x - y) % 2 for x, y in zip(one[1:], two[1:], strict=True)) in changes
            ]
        found += [(label(*one), label(*two)) for one, two in pairs]
    return found
