"""Spectra to fit, and the answers of the live solver to compare with."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from eigenfit.solver import SpectralSolver


def spectra(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Levels `[rows, 3]`; some are not observed, some rows are impossible."""
    levels = np.sort(rng.normal(size=(rows, 3)), axis=1)
    levels[3::10, 1] = np.nan
    levels[5::50] = np.nan
    levels[7::50, 2] = np.inf
    return levels


def assert_same_as_live(output_dir: Path, solver: SpectralSolver, levels: np.ndarray) -> None:
    """Every row is there once and equals the live answer to the last bit."""
    table = pq.read_table(output_dir).sort_by("row_id")
    np.testing.assert_array_equal(table["row_id"].to_numpy(), np.arange(len(levels)))
    live = {name: value.numpy() for name, value in solver.fit(levels)._asdict().items()}
    assert set(table.column_names) == {"row_id", *live}
    for name, expected in live.items():
        column = table[name].combine_chunks()
        while hasattr(column, "flatten") and hasattr(column.type, "list_size"):
            column = column.flatten()
        found = column.to_numpy(zero_copy_only=False).reshape(expected.shape)
        assert found.dtype == expected.dtype, name
        assert found.tobytes() == expected.tobytes(), name


def names_of_parts(output_dir: Path) -> list[str]:
    return sorted(path.name for path in output_dir.glob("part-*.parquet"))
