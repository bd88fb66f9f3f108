"""Units and usual observation of a system."""

from __future__ import annotations

from collections.abc import Iterable

from ..solver import Parameterization
from ..solver.observations import Observation


def describe(
    structure: Parameterization,
    unit: str,
    parameters: Iterable[str],
    observation: Observation | None,
) -> Parameterization:
    """Set the unit of levels and of these parameters, and the usual observation; returns it."""
    structure.level_unit = unit
    structure.parameter_units = dict.fromkeys(parameters, unit) if unit else {}
    structure.usual_observation = observation
    return structure
