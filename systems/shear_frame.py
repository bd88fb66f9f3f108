"""Frames of storeys that yield sideways: the shear building of structural engineering."""

from __future__ import annotations

from typing import Any

import numpy as np

from .spring_mass import GROUND, SpringMass


class ShearFrame(SpringMass):
    """A building of storeys with rigid floors: natural frequencies in Hz from storey stiffnesses.

    Storey j joins floor j - 1 and floor j, storey 1 the ground and floor 1. Each floor moves
    sideways; the columns of a storey act as one spring k_j. It is a chain of masses and springs,
    see `SpringMass` (Chopra, Dynamics of Structures, section 9.1).

    Example:
        >>> frame = ShearFrame(storeys=4, masses=12.060 / 386.088, stiffness_unit="kip/in")
        >>> frame.parameter_names
        ('k1', 'k2', 'k3', 'k4')
        >>> solver = SpectralSolver(frame, initial=[7.0, 7.0, 9.0, 16.0])
        >>> fit = solver.fit([[0.8767, 2.7665, 4.2139, 5.6263]])
        >>> fit.by_name()["k1"].numpy().round(1).tolist()
        [7.5]
    """

    def __init__(
        self,
        storeys: int,
        masses: float | str | list[float | str],
        stiffnesses: list[float | str] | None = None,
        stiffness_unit: str = "N/m",
        mass_unit: str = "kg",
    ):
        """Set the storeys.

        Args:
            storeys: their number.
            masses: the mass of every floor, or a list from the lowest floor to the top. A name in
                place of a number is a parameter of the fit; equal names are one parameter.
            stiffnesses: for each storey from the lowest to the top its stiffness, or the name of a
                parameter. `k1, k2, ...` when None.
            stiffness_unit: the unit of the stiffnesses, for tables and figures.
            mass_unit: the unit of the masses. Nothing is converted: for frequencies in Hz the two
                units must fit, such as N/m and kg, or kip/in and kip s^2/in.

        Raises:
            ValueError: for another number of masses or stiffnesses than of storeys, or values that
                `SpringMass` does not take.
        """
        owner = type(self).__name__
        if isinstance(storeys, bool) or not isinstance(storeys, (int, np.integer)) or storeys < 1:
            raise ValueError(f"{owner}: storeys must be an integer of at least 1, got {storeys!r}.")
        if stiffnesses is None:
            stiffnesses = [f"k{number}" for number in range(1, storeys + 1)]
        every = masses if isinstance(masses, (list, tuple, np.ndarray)) else [masses] * storeys
        _check_count(owner, "masses", every, storeys, "floor")
        _check_count(owner, "stiffnesses", stiffnesses, storeys, "storey")
        floors = [f"floor {number}" for number in range(1, storeys + 1)]
        ends = zip([GROUND, *floors], floors, stiffnesses, strict=False)
        super().__init__(
            dict(zip(floors, every, strict=True)),
            [(below, above, value) for below, above, value in ends],
            stiffness_unit,
            mass_unit,
        )


def _check_count(owner: str, argument: str, values: Any, count: int, what: str) -> None:
    if isinstance(values, str) or len(values) != count:
        raise ValueError(
            f"{owner}: {argument} must be a list of {count} values, one for each {what}, got "
            f"{values!r}."
        )
