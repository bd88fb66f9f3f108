"""The solver of which the page's model is exported: every parameter can be turned and held."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import numpy as np

from ..problem import Problem
from ..problem.document import Document
from ..solver import SpectralSolver


def without_fixed(document: Document) -> tuple[Document, tuple[str, ...]]:
    """The problem file with its fixed parameters free, and their names.

    A fixed parameter is no input of a model. Left free, it is held in a request by two equal
    bounds, and the page can let it go.
    """
    values = copy.deepcopy(document.values)
    held = []
    for name, entry in (values.get("parameters") or {}).items():
        if isinstance(entry, dict) and "fixed" in entry:
            values["parameters"][name] = {"start": entry["fixed"]}
            held.append(name)
    return dataclasses.replace(document, values=values), tuple(held)


def solver_of(problem: Problem) -> SpectralSolver:
    """The solver for the page: bounds, priors and sides become inputs of the signature `fit`.

    Args:
        problem: without fixed parameters.

    Raises:
        ProblemError: if the settings do not fit the system.
    """
    settings, names = problem.settings, problem.structure.parameter_names
    changes: dict[str, Any] = {
        # No bound and no prior are written out, so that a request may give them.
        "bounds": dict.fromkeys(names, (-np.inf, np.inf)) | settings.get("bounds", {}),
        "priors": dict.fromkeys(names, (0.0, np.inf)) | settings.get("priors", {}),
        # The page sends its starts. Without one the model searches.
        "initial": None,
    }
    solver = problem.solver(**changes)
    if problem.data.sides is None:
        return solver
    return problem.solver(**changes, sides=[0.0] * solver.num_targets)


def key_of(problem: Problem) -> str:
    """What the inputs and outputs of the model depend on, as a text to compare.

    Bounds, priors and starts are no part of it: a request says them.
    """
    about = ("initial", "bounds", "priors")
    what = {
        "system": problem.document.values.get("system"),
        "ties": problem.ties,
        "observation": problem.observation.describe(),
        "conditions": problem.structure.conditions_shape,
        "sides": problem.data.sides is not None,
        "settings": {k: str(v) for k, v in problem.settings.items() if k not in about},
    }
    return json.dumps(what, sort_keys=True, default=str)


def knowledge_of(problem: Problem) -> dict[str, dict[str, tuple[float, float]]]:
    """The bounds and priors of a problem, by parameter name.

    The signatures `covariance` and `predict` take none, but use those of the model.
    """
    settings = problem.settings
    return {name: settings.get(name, {}) for name in ("bounds", "priors")}
