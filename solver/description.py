"""The settings of a solver as plain data."""

from __future__ import annotations

from typing import Any

from .settings import Settings


def describe(settings: Settings) -> dict[str, Any]:
    """The settings by name, made of numbers, strings, lists and dicts."""
    names = settings.parameterization.parameter_names
    bounds, priors = settings.bounds, settings.priors
    method = settings.method
    options = {
        key: value
        for key, value in vars(method).items()
        if not key.startswith("_") and isinstance(value, (bool, int, float, str))
    }
    return {
        "observation": {
            "kind": type(settings.observation).__name__,
            **settings.observation.describe(),
        },
        "method": {"kind": type(method).__name__, **options},
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
