"""Exported models for the tests of several files and processes: exports take seconds."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import numpy as np
import pytest

from eigenfit.export import export_saved_model
from eigenfit.export.signatures import signatures_of
from eigenfit.solver import Affine, SpectralSolver, Sweep, Toeplitz


def export_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, solver: SpectralSolver, *only: str
) -> Path:
    """The version directory of a solver, which nobody may change.

    It is written by the process of this run that is the first to ask for this name. It has these
    signatures only, if any are named, which takes less time.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all processes of this run
    version_dir = base / name / "1"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not version_dir.exists():
            with pytest.MonkeyPatch.context() as patch:
                if only:
                    found = {name: signatures_of(solver)[name] for name in only}
                    patch.setattr("eigenfit.export.saved_model.signatures_of", lambda _: found)
                export_saved_model(solver, version_dir.parent, measure_latency=False)
    return version_dir


def shared_export(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpectralSolver, Path]:
    """`SpectralSolver(Toeplitz(3))` and its version directory."""
    solver = SpectralSolver(Toeplitz(3))
    return solver, export_once(tmp_path_factory, "toeplitz", solver)


def shared_sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpectralSolver, Path]:
    """A qubit, `gap sigma_x + moment bias sigma_z`, at up to four biases; and its directory."""
    gap = Affine(None, [[[0.0, 1.0], [1.0, 0.0]]], parameter_names=["gap"])
    moment = Affine(None, [np.diag([1.0, -1.0])], parameter_names=["moment"])
    sweep = Sweep([gap, moment], limit=4, conditions=["bias"])
    solver = SpectralSolver(sweep, initial=[1.0, 0.5], bounds={"gap": (0.0, None)})
    return solver, export_once(tmp_path_factory, "qubit in a bias", solver)
