"""A tight-binding model that another program made: its structure, and the values in it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Imported(NamedTuple):
    """A structure to fit, and its parameters in the model that was read.

    Attributes:
        structure: a `Sweep` with the wave vector as condition, or a `Family` at given ones.
        values: the parameters by name, at which the structure has the levels of that model:
            starting values of a fit.
    """

    structure: Any
    values: dict[str, float]
