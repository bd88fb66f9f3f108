"""A dataset of many spectra fitted on a local Ray cluster with two workers.

The spectra of random symmetric 3 x 3 matrices. All answers are read back: each row must be there
once, be CONVERGED, and have the levels of its target, also those of its parameters by NumPy.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from eigenfit.export import export_saved_model
from eigenfit.serving.batch import fit_dataset
from eigenfit.solver import SpectralSolver, Status, Symmetric

from .. import report
from ..options import Options

TITLE = "A dataset on Ray"

SIZE = 3
ROWS, QUICK_ROWS = 1_000_000, 20_000
WORKERS = 2
PIECE = 100_000
# How far levels may be from their targets, of the largest in the row. The tolerance of the solver,
# 1e-10, holds for the root mean square, of a scale that may be that of the first matrix.
LEVELS_APART = 1e-9


def run(options: Options) -> dict[str, Any]:
    rows = QUICK_ROWS if options.quick else ROWS
    with tempfile.TemporaryDirectory() as folder:
        source, output_dir = Path(folder) / "spectra.npy", Path(folder) / "answers"
        write_spectra(source, rows)
        solver = SpectralSolver(Symmetric(SIZE))
        model_dir = export_saved_model(solver, Path(folder) / "model", measure_latency=False)
        began = time.monotonic()
        done = fit_dataset(model_dir, source, output_dir, workers=WORKERS)
        seconds = time.monotonic() - began
        if (done.rows, done.fitted_rows) != (rows, rows):
            raise SystemExit(f"the report counts other rows: {done}")
        if dict(done.statuses) != {Status.CONVERGED: rows}:
            raise SystemExit(f"statuses {dict(done.statuses)}")
        check(output_dir, np.load(source, mmap_mode="r"))
    return {"rows": rows, "workers": WORKERS, "seconds": seconds, "fit_seconds": done.seconds}


def text(result: dict[str, Any]) -> str:
    rows, whole, fit = result["rows"], result["seconds"], result["fit_seconds"]
    line = [str(rows), str(result["workers"])]
    line += [report.seconds(whole), f"{rows / whole:.0f}", report.seconds(fit)]
    head = ["spectra", "workers", "time", "spectra a second", "without the start of the cluster"]
    return (
        f"Spectra of {SIZE} x {SIZE} matrices. Every row has one answer, and its levels are those "
        "of its target.\n\n"
        + report.table(
            head,
            [
                [
                    *line,
                ]
            ],
        )
    )


def write_spectra(path: Path, rows: int) -> None:
    """Ascending levels `[rows, 3]` of random symmetric matrices, piece by piece."""
    generator = np.random.default_rng(0)
    levels = np.lib.format.open_memmap(path, "w+", np.float64, (rows, SIZE))
    for first in range(0, rows, PIECE):
        shape = (min(PIECE, rows - first), SIZE, SIZE)
        matrices = generator.normal(size=shape)
        levels[first : first + PIECE] = np.linalg.eigvalsh(matrices + matrices.swapaxes(1, 2))
    levels.flush()


def check(output_dir: Path, targets: np.ndarray) -> None:
    """Raise SystemExit unless every row has its answer, once, and it is right.

    Args:
        output_dir: holds the answers.
        targets: `[rows, 3]`.
    """
    places = {name: place for place, name in enumerate(Symmetric(SIZE).parameter_names)}
    names = [[f"a{max(i, j)}{min(i, j)}" for j in range(SIZE)] for i in range(SIZE)]
    order = np.array([[places[name] for name in row] for row in names])
    seen = np.zeros(len(targets), int)
    for part in sorted(output_dir.glob("*.parquet")):
        table = pq.read_table(part, columns=["row_id", "status", "parameters"])
        ids, status = table["row_id"].to_numpy(), table["status"].to_numpy()
        np.add.at(seen, ids, 1)
        if not (status == Status.CONVERGED).all():
            found, counts = np.unique(status, return_counts=True)
            raise SystemExit(f"{part.name}: statuses {dict(zip(found, counts, strict=True))}")
        parameters = np.stack(table["parameters"].to_numpy())
        wanted = targets[ids]
        apart = np.abs(np.linalg.eigvalsh(parameters[:, order]) - wanted)
        if (apart > LEVELS_APART * np.abs(wanted).max(axis=1, keepdims=True)).any():
            raise SystemExit(f"{part.name}: levels are {apart.max():.3g} from their targets")
    if not (seen == 1).all():
        raise SystemExit(f"{(seen == 0).sum()} rows have no answer, {(seen > 1).sum()} several")
