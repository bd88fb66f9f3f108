"""Constants in the `.par` and `.var` files of SPFIT."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...solver import Parameterization
from .spfit_text import free_numbers, text_of
from .system import Rotor, constants_of

# An error in a .par file that holds its constant fixed, relative to the constant and absolute.
_HELD, _TINY = 1e-9, 1e-30

# The constants by the identifier in a .par file, with their signs there.
_COMMON = {
    "S": {2: "-DJ", 11: "-DJK", 20: "-DK", 3: "HJ", 12: "HJK", 21: "HKJ", 30: "HK"},
    "A": {
        2: "-DeltaJ",
        11: "-DeltaJK",
        20: "-DeltaK",
        3: "PhiJ",
        12: "PhiJK",
        21: "PhiKJ",
        30: "PhiK",
    },
}
_ASYMMETRIC = {
    "S": {401: "d1", 500: "d2", 402: "h1", 501: "h2", 600: "h3"},
    "A": {401: "-deltaJ", 410: "-deltaK", 402: "phiJ", 411: "phiJK", 420: "phiK"},
}
_ROTATIONAL = {100: "A", 200: "B", 300: "C"}
# Of a symmetric top 10 is the difference of its two rotational constants, and 1 is B.
_EQUATORIAL, _DIFFERENCE = 1, 10


class Parameters(NamedTuple):
    """What a `.par` file says of the rotor; see `read_par`.

    Attributes:
        title: its first line.
        top: "asymmetric", "prolate", "oblate" or "linear".
        reduction: "S" or "A".
        representation: "I^r" or "III^l".
        constants: in MHz, by name, with the signs of `Rotor`.
        errors: the a priori errors by name, in MHz: large ones of free constants.
        held: the names of constants whose a priori error holds them fixed.
    """

    title: str
    top: Any
    reduction: Any
    representation: Any
    constants: dict[str, float]
    errors: dict[str, float]
    held: tuple[str, ...]

    def rotor(self, max_j: int) -> Parameterization:
        """The rotor with these constants as parameters; those that are held are fixed."""
        made = Rotor(
            max_j,
            self.top,
            self.reduction,
            self.representation,
            parameters=list(self.constants),
        )
        fixed = {name: self.constants[name] for name in self.held}
        return made.with_fixed(fixed) if fixed else made

    def initial(self) -> dict[str, float]:
        """The constants that are not held: starting values for a fit."""
        return {name: value for name, value in self.constants.items() if name not in self.held}


def read_par(path: str) -> Parameters:
    """Read the constants of a `.par` or `.var` file, of one state without spins.

    SPFIT has -DJ, -DJK and -DK (-DeltaJ, -deltaJ, ...), `Rotor` the constants themselves. The
    reduction is that of the constants; where they fit both, that of the letter `a` or `s` on the
    third line.

    Args:
        path: the file.

    Returns:
        The kind of rotor, its constants and their a priori errors.

    Raises:
        ValueError: with the number of the line, for what cannot be read, and for spins, several
            states, tied constants and constants that `Rotor` does not have.
    """
    rows = text_of(path).splitlines()
    if len(rows) < 4:
        raise ValueError(
            f"read_par: {path} must have a title, a line of settings, a line of options and the "
            f"constants, got {len(rows)} lines."
        )
    count = free_numbers(rows[1])
    if not count or count[0] < 1:
        raise ValueError(
            f"read_par: {path}, line 2 must begin with the number of constants, got {rows[1]!r}."
        )
    top, representation = _options(f"read_par: {path}, line 3", rows[2])
    found: dict[int, tuple[float, float]] = {}
    for number, row in enumerate(rows[3 : 3 + int(count[0])], start=4):
        numbers = free_numbers(row)
        where = f"read_par: {path}, line {number}"
        if len(numbers) < 2:
            raise ValueError(f"{where} must be an identifier, a value and an error, got {row!r}.")
        found[_operator(where, int(numbers[0]))] = (
            numbers[1],
            numbers[2] if len(numbers) > 2 else np.inf,
        )
    reduction = _reduction(path, found, rows[2][:1].lower())
    signed = _names_of(top, reduction)
    unknown = [code for code in found if code not in signed]
    if unknown:
        known = ", ".join(str(code * 100) for code in signed)
        raise ValueError(
            f"read_par: {path}: Rotor has no constant with the identifier {unknown[0] * 100}; "
            f"those of this rotor are {known}."
        )
    constants, errors = {}, {}
    for code, (value, error) in found.items():
        name = signed[code]
        constants[name.removeprefix("-")] = -value if name.startswith("-") else value
        errors[name.removeprefix("-")] = error
    if top in ("prolate", "oblate"):
        _add_difference(path, constants, errors)
    order = [name for group in constants_of(top, reduction) for name in group]
    names = [name for name in order if name in constants]
    return Parameters(
        title=rows[0].strip(),
        top=top,
        reduction=reduction if top == "asymmetric" else "S",
        representation=representation if top == "asymmetric" else "I^r",
        constants={name: constants[name] for name in names},
        errors={name: errors[name] for name in names},
        held=tuple(
            name for name in names if errors[name] <= max(_HELD * abs(constants[name]), _TINY)
        ),
    )


def _options(where: str, row: str) -> tuple[str, str]:
    """The kind of rotor and the representation."""
    numbers = free_numbers(row[1:])
    spins, states = numbers[0] if numbers else 1.0, numbers[1] if len(numbers) > 1 else 1.0
    if abs(spins) != 1 or abs(states) != 1:
        raise ValueError(
            f"{where}: the file has {abs(states):.0f} states and the spin degeneracy "
            f"{abs(spins):.0f}; only one state without spins, 1 and 1, can be read."
        )
    lowest, highest = [*numbers[2:4], 0.0, 0.0][:2]
    if lowest == highest == 0:
        return "linear", "I^r"
    oblate = states < 0
    if spins < 0:
        return ("oblate" if oblate else "prolate"), "I^r"
    return "asymmetric", "III^l" if oblate else "I^r"


def _operator(where: str, identifier: int) -> int:
    """The identifier without its last two digits, the numbers of the state."""
    if identifier < 0:
        raise ValueError(
            f"{where}: the constant {identifier} is tied to that before it, which is not "
            "supported; fit it freely, or use with_tied of the rotor."
        )
    operator, states = divmod(identifier, 100)
    if states not in (0, 99):
        raise ValueError(
            f"{where}: the identifier {identifier} belongs to a second state; only one can be read."
        )
    return operator


def _reduction(path: str, found: dict[int, Any], letter: str) -> str:
    only = {
        name: [code for code in found if code in codes and code not in _ASYMMETRIC[other]]
        for name, other, codes in (
            ("S", "A", _ASYMMETRIC["S"]),
            ("A", "S", _ASYMMETRIC["A"]),
        )
    }
    if only["S"] and only["A"]:
        raise ValueError(
            f"read_par: {path} has constants of both reductions, {only['S'][0] * 100} of S and "
            f"{only['A'][0] * 100} of A; they cannot be determined together."
        )
    if only["S"] or only["A"]:
        return "S" if only["S"] else "A"
    return "A" if letter == "a" else "S"


def _names_of(top: str, reduction: str) -> dict[int, str]:
    """The constants by their identifier, with a minus sign where the file has the negative."""
    if top == "asymmetric":
        return _ROTATIONAL | _COMMON[reduction] | _ASYMMETRIC[reduction]
    if top == "linear":
        return {_EQUATORIAL: "B", 2: "-DJ", 3: "HJ"}
    return {_EQUATORIAL: "B", _DIFFERENCE: "difference"} | _COMMON["S"]


def _add_difference(path: str, constants: dict[str, float], errors: dict[str, float]) -> None:
    """Replace A - B (or C - B) by A (or C) itself."""
    if "difference" not in constants:
        return
    if "B" not in constants:
        raise ValueError(
            f"read_par: {path} has the difference 1000 of a symmetric top, but no 100."
        )
    axial = constants.pop("difference") + constants["B"]
    error = errors.pop("difference")
    for name in ("A", "C"):
        constants[name], errors[name] = axial, error
