"""A dataset of many spectra fitted on a local Ray cluster with two workers.

    .venv/bin/python benchmarks/batch.py [--rows 1000000] [--workers 2]

Writes the spectra of random symmetric 3 x 3 matrices as NPY, exports a solver, fits the file with
`eigenfit.serving.batch`, and reads all answers back: each row must be there once and in order, be
CONVERGED, and have the levels of its target; and the levels of its parameters, by NumPy, as well.
Prints the time of the fit, start of the cluster included, and rows per second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import machine
import numpy as np
import pyarrow.parquet as pq

from eigenfit.export import export_saved_model
from eigenfit.serving.batch import fit_dataset
from eigenfit.solver import SpectralSolver, Status, Symmetric

SIZE = 3
PIECE = 100_000
# How far levels may be from their targets, of the largest in the row. The tolerance of the solver,
# 1e-10, holds for the root mean square, of a scale that may be that of the first matrix.
LEVELS_APART = 1e-9


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
    rows = 0
    for part in sorted(output_dir.glob("part-*.parquet")):
        table = pq.read_table(part, columns=["row_id", "status", "parameters"])
        ids, status = table["row_id"].to_numpy(), table["status"].to_numpy()
        if not np.array_equal(ids, np.arange(rows, rows + len(ids))):
            raise SystemExit(f"{part.name}: the rows are not {rows} and those that follow")
        if not (status == Status.CONVERGED).all():
            found, counts = np.unique(status, return_counts=True)
            raise SystemExit(f"{part.name}: statuses {dict(zip(found, counts, strict=True))}")
        parameters = np.stack(table["parameters"].to_numpy())
        wanted = targets[rows : rows + len(ids)]
        apart = np.abs(np.linalg.eigvalsh(parameters[:, order]) - wanted)
        if (apart > LEVELS_APART * np.abs(wanted).max(axis=1, keepdims=True)).any():
            raise SystemExit(f"{part.name}: levels are {apart.max():.3g} from their targets")
        rows += len(ids)
    if rows != len(targets):
        raise SystemExit(f"{rows} rows have an answer, of {len(targets)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()

    described = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        source, output_dir = Path(folder) / "spectra.npy", Path(folder) / "answers"
        write_spectra(source, options.rows)
        solver = SpectralSolver(Symmetric(SIZE))
        model_dir = export_saved_model(solver, Path(folder) / "model", measure_latency=False)
        began = time.monotonic()
        report = fit_dataset(model_dir, source, output_dir, workers=options.workers)
        seconds = time.monotonic() - began
        if (report.rows, report.fitted_rows) != (options.rows, options.rows):
            raise SystemExit(f"the report counts other rows: {report}")
        if dict(report.statuses) != {Status.CONVERGED: options.rows}:
            raise SystemExit(f"statuses {dict(report.statuses)}")
        check(output_dir, np.load(source, mmap_mode="r"))

    print(machine.sentence(described))
    print(
        f"{options.rows} spectra of {SIZE} x {SIZE} matrices, {options.workers} workers: "
        f"{seconds:.1f} s with the start of the cluster, {options.rows / seconds:.0f} rows/s; "
        f"without it {report.seconds:.1f} s, {report.rows_per_second:.0f} rows/s"
    )
    print("every row has one answer, in order, and its levels are those of its target")


if __name__ == "__main__":
    main()
