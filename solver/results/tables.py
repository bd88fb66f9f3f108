"""A result as plain data, and as tidy data frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenfit.extras import need

from .context import Context
from .solution import Solution

if TYPE_CHECKING:
    from pandas import DataFrame

_NAN = float("nan")
_KINDS = ("parameters", "targets", "rows")


def to_dict(rows: Sequence[Sequence[Solution]], context: Context | None) -> dict[str, Any]:
    """All rows as plain data; see `FitResult.to_dict`."""
    several = any(len(solutions) > 1 for solutions in rows)
    return {
        "model": None if context is None else dict(context.facts.model),
        "rows": [
            {"row": row, **({"solution": place} if several else {}), **_plain(solution)}
            for row, solutions in enumerate(rows)
            for place, solution in enumerate(solutions)
        ],
    }


def to_dataframe(data: dict[str, Any], of: str) -> DataFrame:
    """A tidy data frame of the plain data; see `FitResult.to_dataframe`."""
    if of not in _KINDS:
        raise ValueError(f"to_dataframe: of must be one of {', '.join(_KINDS)}, got {of!r}.")
    need("results", "pandas")
    import pandas as pd

    every = data["rows"]
    if of == "rows":
        return pd.DataFrame([_line(row) for row in every])
    lines = []
    for row in every:
        which = {key: row[key] for key in ("row", "solution") if key in row}
        if of == "parameters":
            parts = [{"parameter": name, **part} for name, part in row["parameters"].items()]
        else:
            parts = row["targets"]
        lines += [{**which, **part, "status": row["status"]} for part in parts]
    return pd.DataFrame(lines)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """One line of the frame of rows: the single numbers, then the parameters."""
    line = {key: value for key, value in row.items() if isinstance(value, (int, float, str))}
    del line["message"]
    for name, part in row["parameters"].items():
        line[name] = part["value"]
        line[f"se_{name}"] = part["standard_error"]
    return line


def _plain(solution: Solution) -> dict[str, Any]:
    """One solution as plain data."""
    numbers, found = solution.numbers, solution.statistics
    chi2 = freedom = p_value = reduced = _NAN
    if found is not None:
        chi2, p_value = float(found.chi2), float(found.p_value)
        freedom = float(found.degrees_of_freedom)
        reduced = chi2 / freedom if freedom > 0 else _NAN
    columns = zip(
        solution.names,
        numbers["parameters"],
        numbers["standard_errors"],
        solution.units,
        strict=True,
    )
    return {
        "status": solution.status.name,
        "message": solution.status.message,
        "cause": solution.cause.name,
        "steps": int(numbers["steps"]),
        "starts": int(numbers["starts"]),
        "agreeing": int(numbers["agreeing"]),
        "loss": float(numbers["loss"]),
        "gradient_norm": float(numbers["gradient_norm"]),
        "chi2": chi2,
        "degrees_of_freedom": freedom,
        "reduced_chi2": reduced,
        "p_value": p_value,
        "warnings": solution.warnings,
        "parameters": {
            name: {"value": float(value), "standard_error": float(error), "unit": unit}
            for name, value, error, unit in columns
        },
        "covariance": None if found is None else found.covariance.covariance.tolist(),
        "correlation": None if found is None else found.covariance.correlation.tolist(),
        "conditions": None if solution.conditions is None else solution.conditions.tolist(),
        "eigenvalues": numbers["eigenvalues"].tolist(),
        "targets": _targets(solution),
    }


def _targets(solution: Solution) -> list[dict[str, Any]]:
    """Every target with its observed, fitted and predicted value."""
    residuals, observed = solution.numbers["residuals"], solution.observed
    nothing = np.full(len(residuals), _NAN)
    targets = nothing if solution.targets is None else solution.targets
    weights = nothing if solution.weights is None else solution.weights
    predicted = (
        (nothing, nothing) if solution.statistics is None else solution.statistics.prediction
    )
    units = [""] * len(residuals) if solution.facts is None else solution.facts.target_units
    labels = solution.labels or [f"#{place}" for place in range(len(residuals))]
    return [
        {
            "target": place,
            "label": labels[place],
            "is_observed": bool(observed[place]),
            "observed": float(targets[place]),
            "fitted": float(targets[place] - residuals[place]) if observed[place] else _NAN,
            "residual": float(residuals[place]) if observed[place] else _NAN,
            "weight": float(weights[place]),
            "predicted": float(predicted[0][place]),
            "standard_error": float(predicted[1][place]),
            "unit": units[place],
        }
        for place in range(len(residuals))
    ]
