"""Whether an answer is right: recomputed with NumPy, before its time counts."""

from __future__ import annotations

import numpy as np

from .problems import Problem, Task

#: Largest error of a level, as a share of the spread of the row's targets, that counts as solved.
ACCURACY = 1e-8
#: A time counts if so many rows are solved.
ENOUGH = 0.99


def errors(problem: Problem, task: Task, x: np.ndarray) -> np.ndarray:
    """`[B]`, how far each row is from solved, as a share of the spread of its targets.

    Targets of a member: the largest error of a level. Measured levels, which no member has: the
    largest change of a level that one more Gauss-Newton step would bring, which is zero at a
    least-squares solution.
    """
    spread = np.ptp(task.targets, axis=1)
    # Targets that are all equal have their size for a unit.
    spread = np.where(spread > 0, spread, np.max(np.abs(task.targets), axis=1))
    found = np.full(len(x), np.inf)
    finite = np.isfinite(x).all(axis=1)
    if not finite.any():
        return found
    x, targets = x[finite], task.targets[finite]
    if problem.measured is None:
        missing = problem.levels(x) - targets
    else:
        missing = _step_in_levels(problem, targets, x)
    found[finite] = np.max(np.abs(missing), axis=1) / spread[finite]
    return found


def solved(problem: Problem, task: Task, x: np.ndarray, accuracy: float = ACCURACY) -> np.ndarray:
    """`[B]` bool."""
    return errors(problem, task, x) <= accuracy


def level_jacobian(problem: Problem, vectors: np.ndarray) -> np.ndarray:
    """`v_k^H B_j v_k` from eigenvectors `[..., n, m]`: `[..., m, p]`."""
    return np.stack(
        [np.sum(vectors.conj() * (B @ vectors), axis=-2).real for B in problem.basis], axis=-1
    )


def _step_in_levels(problem: Problem, targets: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The part of the residuals that a change of the parameters could remove, `[B, m]`."""
    levels, vectors = np.linalg.eigh(problem.matrix(x))
    count = problem.num_targets
    jacobian = level_jacobian(problem, vectors[..., :count])
    residual = (targets - levels[:, :count])[..., None]
    orthonormal = np.linalg.qr(jacobian / np.linalg.norm(jacobian, axis=1, keepdims=True))[0]
    return (orthonormal @ (orthonormal.swapaxes(-1, -2) @ residual))[..., 0]
