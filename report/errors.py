"""Errors for what cannot be drawn."""

from __future__ import annotations

from collections.abc import Sized

from .content import Solution


def require_answer(function: str, solution: Solution) -> None:
    """Raise a ValueError for a row without fitted parameters."""
    if not solution.has_answer:
        raise ValueError(
            f"{function}: the row has no answer ({solution.status.name}: {solution.reason}); draw "
            "a row whose status is positive."
        )


def require_data(function: str, data: Sized) -> None:
    """Raise a ValueError if there is nothing to draw."""
    if not len(data):
        raise ValueError(
            f"{function}: the result knows no observed values; pass what `fit` of a solver "
            "returned, not the result of another graph or of a server."
        )
