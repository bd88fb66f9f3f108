"""What compaction gains: the same fits with and without it, side by side.

Toeplitz matrices, each started 0.1 (normal) away from a solution. Most rows need a few steps and
some a few hundred. Without compaction every row waits for the slowest one. The answers of the two
loops are compared before any time counts.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from eigenfit.solver import FitResult, SpectralSolver, Toeplitz

from .. import report
from ..options import Options

TITLE = "Handing out finished rows"

SIZE = 8
ROWS, QUICK_ROWS = 8192, 1024


def run(options: Options) -> dict[str, Any]:
    rows = QUICK_ROWS if options.quick else ROWS
    solvers = {
        "with compaction": SpectralSolver(Toeplitz(SIZE)),
        "without": SpectralSolver(Toeplitz(SIZE), compaction=False),
    }
    generator = np.random.default_rng(0)
    solutions = generator.normal(size=(rows, SIZE))
    starts = solutions + 0.1 * generator.normal(size=solutions.shape)
    targets = solvers["without"].spectrum(solutions).numpy()

    one, other = (timed(solver, targets, starts)[1] for solver in solvers.values())
    for field in FitResult._fields:
        if not np.array_equal(getattr(one, field), getattr(other, field), equal_nan=True):
            raise SystemExit(f"the two loops disagree in {field}: no time is worth reporting")

    times: dict[str, list[float]] = {name: [] for name in solvers}
    for _ in range(options.repetitions):  # in turn, so that a slow spell of the machine hits both
        for name, solver in solvers.items():
            times[name].append(timed(solver, targets, starts)[0])
    return {"rows": rows, "steps": one.steps, "times": times}


def text(result: dict[str, Any]) -> str:
    steps, times = result["steps"], result["times"]
    lines = [
        [
            name,
            report.seconds(np.median(each)),
            report.seconds(min(each)),
            report.seconds(max(each)),
        ]
        for name, each in times.items()
    ]
    ratio = np.median(times["without"]) / np.median(times["with compaction"])
    return report.table(["", "median", "least", "most"], lines) + (
        f"\n{result['rows']} Toeplitz matrices of size {SIZE}; steps: median "
        f"{np.median(steps):.0f}, mean {np.mean(steps):.1f}, most {max(steps)}. Ratio of the "
        f"medians: {ratio:.1f}.\n"
    )


def timed(solver: SpectralSolver, targets: np.ndarray, starts: np.ndarray) -> tuple:
    began = time.perf_counter()
    fit = FitResult(*(field.numpy() for field in solver.fit(targets, starts)))
    return time.perf_counter() - began, fit
