"""What compaction gains: the same fits with and without it, side by side.

8192 Toeplitz matrices of size 8, each started 0.1 (normal) away from a solution. Most rows need a
few steps and some a few hundred. Without compaction every row waits for the slowest one.

    .venv/bin/python benchmarks/compaction.py [--rows 8192] [--size 8] [--runs 5]

Prints the machine, the median times with their spread, and the ratio of the medians. The answers
of the two loops are compared before any time counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

import numpy as np

from eigenfit.solver import FitResult, SpectralSolver, Toeplitz


def timed(solver: SpectralSolver, targets: np.ndarray, starts: np.ndarray) -> tuple:
    began = time.perf_counter()
    fit = FitResult(*(field.numpy() for field in solver.fit(targets, starts)))
    return time.perf_counter() - began, fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()

    solvers = {
        "with compaction": SpectralSolver(Toeplitz(options.size)),
        "without": SpectralSolver(Toeplitz(options.size), compaction=False),
    }
    generator = np.random.default_rng(0)
    solutions = generator.normal(size=(options.rows, options.size))
    starts = solutions + 0.1 * generator.normal(size=solutions.shape)
    targets = solvers["without"].spectrum(solutions).numpy()

    fits = {name: timed(solver, targets, starts)[1] for name, solver in solvers.items()}
    one, other = fits.values()
    for field in FitResult._fields:
        if not np.array_equal(getattr(one, field), getattr(other, field), equal_nan=True):
            raise SystemExit(f"the two loops disagree in {field}: no time is worth reporting")

    times: dict[str, list[float]] = {name: [] for name in solvers}
    for _ in range(options.runs):  # in turn, so that a slow spell of the machine hits both
        for name, solver in solvers.items():
            times[name].append(timed(solver, targets, starts)[0])

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"Toeplitz n = {options.size}, {options.rows} rows, float64, {options.runs} runs each")
    steps, codes = one.steps, np.unique(one.status, return_counts=True)
    print(f"steps: median {np.median(steps):.0f}, mean {steps.mean():.1f}, most {steps.max()}")
    print("status: " + ", ".join(f"{c}: {k} rows" for c, k in zip(*codes, strict=True)))
    for name, values in times.items():
        print(
            f"{name:16s} median {np.median(values):7.3f} s  ({min(values):.3f} - {max(values):.3f})"
        )
    with_, without = (np.median(values) for values in times.values())
    print(f"ratio of the medians: {without / with_:.1f}")


if __name__ == "__main__":
    main()
