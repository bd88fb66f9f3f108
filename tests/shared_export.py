"""One exported model for the tests of clients, datasets and the command: exports take seconds."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from eigenfit.export import export_saved_model
from eigenfit.solver import SpectralSolver, Toeplitz


def shared_export(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpectralSolver, Path]:
    """`SpectralSolver(Toeplitz(3))` and its version directory, which nobody may change."""
    solver, base = SpectralSolver(Toeplitz(3)), tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all processes of this run
    version_dir = base / "toeplitz" / "1"
    with (base / "toeplitz.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not version_dir.exists():
            export_saved_model(solver, version_dir.parent, measure_latency=False)
    return solver, version_dir
