"""Resident memory of a process, as Linux reports it.

`python -m benchmarks.memory Toeplitz 256 [LBFGS]` prints how much a fit of one row, three steps
from a given start, adds to a process that has imported everything. `Affine` has three dense
matrices.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def resident(process: int) -> float:
    """Mebibytes now."""
    return _status(process, "VmRSS")


def peak(process: int) -> float:
    """The most mebibytes since `forget_peak`."""
    return _status(process, "VmHWM")


def forget_peak(process: int) -> None:
    """Begin anew: the most so far becomes what is resident now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


def _status(process: int, key: str) -> float:
    text = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def growth(kind: str, size: int, method: str = "LevenbergMarquardt") -> float:
    """Mebibytes that one fit adds to this process, at its peak."""
    import numpy as np  # the other functions look at processes, and need none of it

    from eigenfit import solver

    mine = os.getpid()
    before = resident(mine)
    if kind == "Affine":
        basis = np.random.default_rng(0).normal(size=(3, size, size))
        basis += basis.swapaxes(1, 2)
        structure = solver.Affine(None, basis)
    else:
        structure = getattr(solver, kind)(size)
    fitter = solver.SpectralSolver(structure, getattr(solver, method)())
    start = np.linspace(0.5, 1.5, structure.num_parameters)[None]
    targets = np.sort(np.random.default_rng(1).normal(size=(1, size)))
    fitter.fit(targets, initial=start, max_steps=3)
    return peak(mine) - before


if __name__ == "__main__":
    print(f"{growth(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]):.0f} MiB")
