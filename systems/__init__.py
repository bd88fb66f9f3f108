"""The Hamiltonians of the field by name."""

from __future__ import annotations

from collections.abc import Callable

from ..solver import Parameterization

#: The systems by the `type` of a problem file.
SYSTEMS: dict[str, Callable[..., Parameterization]] = {}

__all__ = ["SYSTEMS"]
