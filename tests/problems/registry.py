"""What a registered problem is, and the list of all of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from eigenfit.solver import FitResult, Levels, Method, Parameterization, SpectralSolver, Status


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
        reference: `[p] -> [n, n]`, the same matrix in plain NumPy.
        targets: `[B, m]`, NaN where not observed.
        runs: for each method that claims the problem, by the name of its class, its `Run`.
        initial: `[B, p]`; None leaves the choice to the solver.
        solution: `[B, p]`, where it is unique near the start; None where it is not.
        rms: the unweighted root mean square residual of a least-squares minimum; None where the
            spectrum is matched.
        rms_error: how far the rms may be from that number.
        observation: makes the observation.
    """

    name: str
    citation: str
    parameterization: Callable[[], Parameterization]
    reference: Callable[[np.ndarray], np.ndarray]
    targets: np.ndarray
    runs: Mapping[str, Run]
    initial: np.ndarray | None = None
    solution: np.ndarray | None = None
    rms: float | None = None
    rms_error: float = 0.0
    observation: Callable[[], Levels] = Levels

    def spectra(self, parameters: np.ndarray) -> np.ndarray:
        """`[B, n]`: the eigenvalues of the NumPy matrices at parameters `[B, p]`."""
        return np.stack([np.linalg.eigvalsh(self.reference(row)) for row in parameters])


@functools.cache
def problems() -> dict[str, Problem]:
    """All registered problems by name; add a new module of this folder here."""
    from . import (
        additive,
        crystal_field,
        free_entries,
        given_matrices,
        morse_trimer,
        three_by_three,
        toeplitz,
    )

    modules = (
        additive,
        crystal_field,
        free_entries,
        given_matrices,
        morse_trimer,
        three_by_three,
        toeplitz,
    )
    listed = [problem for module in modules for problem in module.PROBLEMS]
    by_name = {problem.name: problem for problem in listed}
    assert len(by_name) == len(listed), "two problems have the same name"
    return by_name


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
        dtype=run.dtype,
    )


@functools.cache
def fit_of(name: str, method: str) -> FitResult:
    """The fit of every row of a problem, in NumPy."""
    problem = problems()[name]
    result = solver_of(name, method).fit(problem.targets, initial=problem.initial)
    return FitResult(*(field.numpy() for field in result))
