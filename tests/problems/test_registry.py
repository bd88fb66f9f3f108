"""Nothing is left out: every problem is registered, every method is claimed."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import block_diag

from eigenfit import solver
from eigenfit.solver import FitResult, Method, Status

from . import registry
from .registry import Problem, problems

MODULES = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if not path.stem.startswith(("test_", "_"))
    and path.stem not in ("registry", "claims", "conftest")
)


def public_methods() -> set[str]:
    """The classes in the public names that a solver would take as a method."""
    classes = {name: value for name, value in vars(solver).items() if isinstance(value, type)}
    return {
        name
        for name, value in classes.items()
        if name in solver.__all__ and issubclass(value, Method) and value is not Method
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_problem_of_a_module_is_registered(module: str):
    found = vars(importlib.import_module(f"{registry.__package__}.{module}")).values()
    defined = [value for value in found if isinstance(value, Problem)]
    for value in found:
        if isinstance(value, (tuple, list)):
            defined += [item for item in value if isinstance(item, Problem)]
    assert defined, f"{module}.py defines no Problem"
    for problem in defined:
        assert problems().get(problem.name) is problem, f"{problem.name} is not registered"


def test_every_public_method_is_claimed():
    claimed = {method for problem in problems().values() for method in problem.runs}
    assert public_methods() == claimed
    assert claimed >= {"LevenbergMarquardt", "Adam"}


@pytest.mark.parametrize("problem", problems().values(), ids=problems())
def test_problem_is_complete(problem: Problem):
    rows, levels = problem.targets.shape
    parameterization = problem.parameterization()
    count = parameterization.num_parameters
    assert problem.citation
    assert problem.runs
    assert rows >= 1
    assert levels == problem.observation().num_targets(parameterization.level_counts)
    for points in (problem.initial, problem.solution, problem.standard_errors):
        assert points is None or points.shape == (rows, count)
    for method, run in problem.runs.items():
        assert type(run.method()).__name__ == method
        assert run.status in (Status.CONVERGED, Status.STATIONARY)


@pytest.mark.parametrize("problem", problems().values(), ids=problems())
def test_matrix_is_the_numpy_matrix(problem: Problem, rng: np.random.Generator):
    parameterization = problem.parameterization()
    points = rng.normal(size=(5, parameterization.num_parameters))
    if problem.positive:
        points = np.abs(points) + 0.1
    found = parameterization.matrix(tf.constant(points)).numpy()
    expected = np.array([block_diag(*problem.matrices(point)) for point in points])
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def test_result_has_the_fields_of_the_design():
    assert FitResult._fields == (
        "parameters",
        "eigenvalues",
        "residuals",
        "loss",
        "gradient_norm",
        "standard_errors",
        "steps",
        "status",
        "cause",
        "starts",
        "agreeing",
    )
