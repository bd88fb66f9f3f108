"""The state of a problem as one JSON document, from which the page is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..problem import Problem
from ..solver import Cause, Status
from .rows import Labels, Row, header_of, text_of

#: The name of the model in the REST interface.
MODEL = "problem"


def state_of(problem: Problem, held: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """What the page needs to know; NaN and infinity are None.

    Args:
        problem: without fixed parameters.
        held: the names of those that the file fixes.
        rows: its data, see `rows_of`.
    """
    structure, data = problem.structure, problem.data
    labels = Labels(problem)
    return {
        "title": problem.title or problem.document.name,
        "file": problem.document.name,
        "notes": problem.notes,
        "model": MODEL,
        "unit": data.unit,
        "parameters": _parameters(problem, held),
        "ties": [
            {"name": name, "factor": factor, "other": other}
            for name, (other, factor) in problem.ties.items()
        ],
        "spectra": list(data.spectra),
        "conditions": _plain(data.conditions),
        "condition_names": list(structure.condition_names),
        "targets": _targets(labels, data.targets.shape[1]),
        "columns": list(labels.columns),
        "choices": labels.choices if labels.reassignable else [],
        "header": header_of(problem),
        "rows": [row_as_json(row) for row in rows],
        "text": text_of(problem, rows, saved=True),
        "faults": [str(fault) for fault in problem.faults],
        "statuses": {
            int(one): {
                "name": one.name,
                "message": one.message,
                "certified": one in (Status.CONVERGED, Status.STATIONARY),
            }
            for one in Status
        },
        "causes": {int(one): one.message for one in Cause},
    }


def row_as_json(row: Row) -> dict[str, Any]:
    """A row as the page gets and sends it."""
    return {
        "spectrum": row.spectrum,
        "target": row.target,
        "labels": list(row.labels),
        "at": list(row.at),
        "value": _plain(row.value),
        "sigma": _plain(row.sigma),
        "side": row.side,
        "out": row.out,
    }


def _parameters(problem: Problem, held: Sequence[str]) -> list[dict[str, Any]]:
    """What is known of each parameter, and how far its slider reaches."""
    structure, settings, starts = problem.structure, problem.settings, problem.starts
    bounds, priors = settings.get("bounds", {}), settings.get("priors", {})
    found = []
    for name, reach in zip(structure.parameter_names, reaches_of(problem), strict=True):
        found.append(
            {
                "name": name,
                "unit": structure.parameter_units.get(name, ""),
                "value": starts.get(name),
                "held": name in held,
                "bounds": _plain(bounds.get(name, (-math.inf, math.inf))),
                "prior": _plain(priors.get(name)),
                "reach": reach,
            }
        )
    return found


def reaches_of(problem: Problem) -> list[float]:
    """How far the slider of each parameter reaches to both sides.

    Within it the parameter moves the levels by about the width of the measured spectrum.
    """
    targets = problem.targets
    spread = max(
        (float(np.nanmax(row) - np.nanmin(row)) for row in targets if not np.isnan(row).all()),
        default=0.0,
    )
    reaches = []
    for name, scale in zip(
        problem.structure.parameter_names, problem.structure.parameter_scales, strict=True
    ):
        own = abs(problem.starts.get(name, 0.0))
        reach = spread / float(scale) if scale > 0 and spread else own
        # Frequencies go as the square root of their stiffness: at least the parameter itself.
        reaches.append(max(reach, 0.5 * own) or 1.0)
    return reaches


def _targets(labels: Labels, count: int) -> list[dict[str, Any]]:
    """The name of each target, and the column of the diagram in which it is drawn."""
    targets, width = labels.targets, labels.targets.width
    members = targets.members()
    found = []
    for column in range(count):
        condition, place = divmod(column, width)
        found.append(
            {
                "name": targets.names[place] if targets.names else f"#{place + 1}",
                "condition": condition,
                "member": 0 if members is None else int(members[place]),
                "measures": bool(targets.measures[place]),
            }
        )
    return found


def _plain(value: Any) -> Any:
    """Numbers for JSON: None for NaN and infinity."""
    if value is None:
        return None
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    number = float(value)
    return number if math.isfinite(number) else None
