"""Structure and settings of a solver as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from .parameterizations import Parameterization
from .settings import Settings


def describe_structure(structure: Parameterization) -> dict[str, Any]:
    """Kind, sizes, names and units of a structure, made of numbers, strings, lists and dicts."""
    counts, names = structure.level_counts, structure.level_names
    return {
        "parameterization": type(structure).__name__,
        "parameter_names": list(structure.parameter_names),
        "parameter_units": dict(structure.parameter_units),
        "level_unit": structure.level_unit,
        "num_levels": structure.size,
        "level_counts": list(counts),
        "member_names": None if counts.members is None else list(counts.members),
        "level_names": None if names is None else list(names),
        "condition_names": list(structure.condition_names),
    }


def describe_model(settings: Settings) -> dict[str, Any]:
    """Structure and settings together, with None in place of numbers that are not finite."""
    structure = describe_structure(settings.parameterization)
    return _finite({**structure, "dtype": settings.dtype.name, **describe(settings)})


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value


def describe(settings: Settings) -> dict[str, Any]:
    """The settings by name, made of numbers, strings, lists and dicts."""
    names = settings.parameterization.parameter_names
    bounds, priors = settings.bounds, settings.priors
    method = settings.method
    return {
        "observation": {
            "kind": type(settings.observation).__name__,
            **settings.observation.describe(),
        },
        "method": {"kind": type(method).__name__, **method.options()},
        "loss": settings.model.loss.kind,
        "f_scale": settings.model.loss.f_scale,
        "weights": None if settings.weights is None else settings.weights.tolist(),
        "bounds": None
        if bounds is None
        else {
            name: [float(low), float(high)] for name, low, high in zip(names, *bounds, strict=True)
        },
        "priors": None
        if priors is None
        else {
            name: [float(mean), float(sigma)]
            for name, mean, sigma in zip(names, *priors, strict=True)
        },
        "sides": None if settings.sides is None else settings.sides.tolist(),
        "tolerance": settings.tolerance,
        "max_steps": settings.steps_of_a_search,
        "starts": settings.starts,
        "solutions": settings.solutions,
        "end_early": settings.end_early,
        "absolute_sigma": settings.absolute_sigma,
    }
