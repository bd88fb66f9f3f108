"""How often a solvable spectrum is matched when nothing is known but the levels."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from .. import checking, report
from ..options import Options
from ..problems import Problem, Task, additive, affine, draw, hermitian, jacobi, toeplitz
from ..worker import Worker

TITLE = "Cold starts: how many solvable spectra are matched"

_TARGETS = 1000
# What eigenfit tries by default.
_STARTS = 128
# Seconds for one peer and problem; then the targets that are left are not tried.
_BUDGET = 25.0
_BATCH = 32


def run(options: Options) -> dict[str, Any]:
    count = 50 if options.quick else _TARGETS
    problems = [toeplitz(4), toeplitz(8), toeplitz(16), additive(8), jacobi(10)]
    problems += [affine(16, 6), hermitian(14, 6)]
    peers = [name for name in ("SciPy", "optimistix") if name in options.peers]
    found = []
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name)) for name in ("eigenfit", *peers)}
        for problem in problems:
            targets = solvable(problem, count)
            results = [_eigenfit(workers["eigenfit"], problem, targets)]
            results += [_peer(workers[name], problem, targets, options) for name in peers]
            found.append({"problem": problem.name, "results": results})
            for entry in results:
                print(f"{problem.name}: {entry['peer']} {_cell(entry)}")
    return {"measurements": found}


def solvable(problem: Problem, rows: int, seed: int = 11) -> np.ndarray:
    """`[B, m]`: levels of members, or any where the structure has every spectrum.

    So have Jacobi matrices, and Toeplitz matrices (Landau 1994).
    """
    if problem.structure not in ("toeplitz", "tridiagonal"):
        return draw(problem, rows, seed).targets
    return np.sort(np.random.default_rng(seed).normal(size=(rows, problem.num_targets)), axis=1)


def cold_starts(problem: Problem, targets: np.ndarray, seed: int) -> np.ndarray:
    """Random members, with the mean and the spread of the targets where possible; `[B, p]`.

    Structures without a given matrix can stretch their spectrum, and the square ones can shift it.
    The members of the others are drawn as those that the targets come from, which is more than a
    user knows.
    """
    x = np.random.default_rng(seed).normal(size=(len(targets), problem.num_parameters))
    if problem.structure == "affine":
        return x
    levels = problem.levels(x)
    if not problem.constant.any():
        stretch = (targets.std(axis=1) / levels.std(axis=1))[:, None]
        x, levels = stretch * x, stretch * levels
    flat = problem.basis.reshape(problem.num_parameters, -1)
    identity = np.linalg.lstsq(flat.T, np.eye(problem.size).ravel(), rcond=None)[0]
    return x + (targets.mean(axis=1) - levels.mean(axis=1))[:, None] * identity


def text(result: dict[str, Any]) -> str:
    lines = []
    names: list[str] = []
    for entry in result["measurements"]:
        names = names or [found["peer"] for found in entry["results"]]
        lines.append([entry["problem"], *(_cell(found) for found in entry["results"])])
    return (
        f"Spectra matched to {checking.ACCURACY:g}, with at most {_STARTS} starts, and the time "
        "for 1000 spectra. eigenfit chooses its own starts; the others get random members with "
        "the mean and spread of the targets, or for Hermitian and affine matrices from the "
        "distribution that the targets come from (in brackets: matched from the first).\n\n"
        + report.table(["problem", *names], lines)
    )


def _cell(found: dict[str, Any]) -> str:
    first = f" ({report.percent(found['first'])})" if "first" in found else ""
    time = report.seconds(1000 * found["seconds"] / found["targets"])
    return f"{report.percent(found['solved'])}{first} of {found['targets']}, {time}"


def _eigenfit(worker: Worker, problem: Problem, targets: np.ndarray) -> dict[str, Any]:
    worker.call("prepare", problem)
    worker.call("search", targets[:1])
    answer = worker.call("search", targets)
    nowhere = np.zeros((len(targets), problem.num_parameters))
    right = checking.solved(problem, Task(targets, nowhere), answer.value)
    return {
        "peer": worker.name,
        "targets": len(targets),
        "solved": float(right.mean()),
        "seconds": answer.seconds[0],
    }


def _peer(
    worker: Worker, problem: Problem, targets: np.ndarray, options: Options
) -> dict[str, Any]:
    """Batches of targets until the time is up."""
    worker.call("prepare", problem)
    pilot = Task(targets[:_BATCH], cold_starts(problem, targets[:_BATCH], 0))
    worker.call("solve", *pilot)
    worker.call("tune", *pilot)
    budget = 3.0 if options.quick else _BUDGET
    seconds, first, matched = 0.0, 0, np.zeros(0, bool)
    while len(matched) < len(targets) and seconds < budget:
        batch = targets[len(matched) : len(matched) + _BATCH]
        found = np.zeros(len(batch), bool)
        for attempt in range(_STARTS):
            left = np.flatnonzero(~found)
            if not len(left):
                break
            starts = cold_starts(problem, batch, seed=100_000 + len(matched) + 1000 * attempt)
            task = Task(batch[left], starts[left])
            answer = worker.call("solve", *task)
            seconds += answer.seconds[0]
            found[left] = checking.solved(problem, task, answer.value)
            first += int(found.sum()) if attempt == 0 else 0
        matched = np.concatenate([matched, found])
    return {
        "peer": worker.name,
        "targets": len(matched),
        "solved": float(matched.mean()),
        "first": first / len(matched),
        "seconds": seconds,
    }
