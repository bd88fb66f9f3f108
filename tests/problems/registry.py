"""What a registered problem is, and the list of all of them."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import tensorflow as tf

from eigenfit.solver import (
    FitResult,
    Levels,
    Method,
    Observation,
    Parameterization,
    SpectralSolver,
    Status,
)


@dataclasses.dataclass(frozen=True)
class Run:
    """How one method is asked to solve a problem, and how every row must end.

    Attributes:
        method: makes the method, with its settings for this problem.
        status: how every row ends.
        dtype: of the solver.
        tolerance: of the solver; None for its default.
        max_steps: of the solver; None for its default.
        accuracy: the largest error of a matched level, and of the spectrum, relative to the
            spectral scale.
        solution_error: the largest absolute error of a parameter whose value is known.
    """

    method: Callable[[], Method]
    status: Status = Status.CONVERGED
    dtype: tf.DType = tf.float64
    tolerance: float | None = None
    max_steps: int | None = None
    accuracy: float = 1e-9
    solution_error: float = 1e-8


@dataclasses.dataclass(frozen=True)
class Problem:
    """An inverse eigenvalue problem with known answers.

    Attributes:
        name: unique.
        citation: where the numbers come from.
        parameterization: makes the structured matrix.
        reference: `[p] -> [n, n]`, the same matrix in plain NumPy; for a family a list of them.
        targets: `[B, m]`, NaN where not observed.
        runs: for each method that claims the problem, by the name of its class, its `Run`.
        initial: `[B, p]`; None leaves the choice to the solver.
        solution: `[B, p]`, where it is unique near the start; None where it is not.
        standard_errors: `[B, p]`, from another program; None where none are known.
        weights: `[B, m]`; None for 1.
        absolute_sigma: whether they are 1 / sigma.
        rms: the unweighted root mean square residual of a least-squares minimum; None where the
            spectrum is matched.
        rms_error: how far the rms may be from that number.
        observation: makes the observation.
        observe: `[n] -> [m]`, the same in plain NumPy, for levels member after member.
        positive: whether parameters must be positive for there to be a matrix.
    """

    name: str
    citation: str
    parameterization: Callable[[], Parameterization]
    reference: Callable[[np.ndarray], np.ndarray | Sequence[np.ndarray]]
    targets: np.ndarray
    runs: Mapping[str, Run]
    initial: np.ndarray | None = None
    solution: np.ndarray | None = None
    standard_errors: np.ndarray | None = None
    weights: np.ndarray | None = None
    absolute_sigma: bool = False
    rms: float | None = None
    rms_error: float = 0.0
    observation: Callable[[], Observation] = Levels
    observe: Callable[[np.ndarray], np.ndarray] = np.array
    positive: bool = False

    def matrices(self, parameters: np.ndarray) -> list[np.ndarray]:
        """The NumPy matrices at parameters `[p]`, one for each member."""
        found = self.reference(parameters)
        return [found] if isinstance(found, np.ndarray) else list(found)

    def levels(self, parameters: np.ndarray) -> np.ndarray:
        """`[n]`: the eigenvalues of the NumPy matrices at parameters `[p]`."""
        return np.concatenate([np.linalg.eigvalsh(m) for m in self.matrices(parameters)])

    def spectra(self, parameters: np.ndarray) -> np.ndarray:
        """`[B, n]`: the eigenvalues of the NumPy matrices at parameters `[B, p]`."""
        return np.stack([self.levels(row) for row in parameters])

    def observed(self, parameters: np.ndarray) -> np.ndarray:
        """`[B, m]`: what is compared with the targets at parameters `[B, p]`."""
        return np.stack([self.observe(levels) for levels in self.spectra(parameters)])


@functools.cache
def example(name: str) -> ModuleType:
    """An example of the documentation, which writes the matrices; imported by its path."""
    path = Path(__file__).resolve().parents[2] / "docs" / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def problems() -> dict[str, Problem]:
    """All registered problems by name; add a new module of this folder here."""
    from . import (
        additive,
        beaded_string,
        crystal_field,
        free_entries,
        given_matrices,
        h2s,
        morse_trimer,
        silicon,
        sturm_liouville,
        three_by_three,
        toeplitz,
        two_spectra,
    )

    modules = (
        additive,
        beaded_string,
        crystal_field,
        free_entries,
        given_matrices,
        h2s,
        morse_trimer,
        silicon,
        sturm_liouville,
        three_by_three,
        toeplitz,
        two_spectra,
    )
    listed = [problem for module in modules for problem in module.PROBLEMS]
    by_name = {problem.name: problem for problem in listed}
    assert len(by_name) == len(listed), "two problems have the same name"
    return by_name


def weights_of(problem: Problem) -> np.ndarray:
    """`[B, m]`: its weights, or 1."""
    return np.ones_like(problem.targets) if problem.weights is None else problem.weights


@functools.cache
def solver_of(name: str, method: str) -> SpectralSolver:
    """The solver of a problem by a method that claims it; traced once in a test process."""
    problem = problems()[name]
    run = problem.runs[method]
    return SpectralSolver(
        problem.parameterization(),
        run.method(),
        observation=problem.observation(),
        tolerance=run.tolerance,
        max_steps=run.max_steps,
        absolute_sigma=problem.absolute_sigma,
        dtype=run.dtype,
    )


@functools.cache
def fit_of(name: str, method: str) -> FitResult:
    """The fit of every row of a problem, in NumPy."""
    problem = problems()[name]
    solver = solver_of(name, method)
    result = solver.fit(problem.targets, initial=problem.initial, weights=weights_of(problem))
    return FitResult(*(field.numpy() for field in result))
