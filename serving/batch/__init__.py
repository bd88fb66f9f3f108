"""Fit a dataset of spectra, of any size, with an exported model on a Ray cluster.

Importing this package imports neither Ray nor TensorFlow.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from eigenfit.extras import need

__all__ = ["BatchReport", "fit_dataset"]


@dataclasses.dataclass(frozen=True)
class BatchReport:
    """The result of `fit_dataset`.

    Attributes:
        output_dir: the directory of the answers.
        rows: number of spectra, all with an answer in `output_dir`.
        fitted_rows: number of spectra that this run fitted.
        statuses: number of spectra by status, over all rows; with several solutions the status of
            the best.
        seconds: duration of this run, without the start of the cluster.
    """

    output_dir: Path
    rows: int
    fitted_rows: int
    statuses: Mapping[int, int]
    seconds: float


def fit_dataset(
    model_dir: str | os.PathLike[str],
    source: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    *,
    targets_column: str = "targets",
    batch_rows: int = 4096,
    fragment_rows: int = 65536,
    workers: int | None = None,
    threads: int = 1,
    address: str | None = None,
) -> BatchReport:
    """Fit every spectrum of a dataset and write the answers as Parquet.

    Ray Data reads the source in fragments, fits each, writes it as one file of answers, and keeps a
    checkpoint of the rows written. A killed run continues when it is started again with the same
    model and source; a worker that dies is replaced. At the end every row of the source has exactly
    one answer.

    The answers have a column `row_id`, the number of the spectrum in the source (files in the order
    of their names), and one column for each output of the model: numbers such as status and loss,
    lists such as parameters and standard_errors. The files are in no order; sort by `row_id`.

    A model of a structure at many conditions asks for those of each spectrum. A Parquet source then
    has a column for each name of a condition, such as `Bx`, `By`, `Bz`: in each row a list of up to
    K numbers, one for each condition, or one number. A row whose lists have different lengths is
    INVALID_INPUT.

    On several machines, all three paths must lead to the same files on each.

    Args:
        model_dir: the version directory of an exported model.
        source: an .npy file `[rows, m]`, a Parquet file, or a directory of either. NaN and null
            mark levels that were not observed.
        output_dir: the directory of the answers; created if needed.
        targets_column: the column of a Parquet source with the levels, a list of `m` numbers in
            each row.
        batch_rows: number of spectra in one call of the model. It changes memory and speed, not
            the answers.
        fragment_rows: number of spectra in a fragment, the unit of work that an interruption loses.
            A Parquet source is never cut inside a row group.
        workers: number of worker processes; as many as the CPUs allow when None.
        threads: CPUs of each worker, and threads of its TensorFlow.
        address: of a running Ray cluster; "auto" for the one of this machine. When None, the
            cluster that this process is connected to; if there is none, one is started and stopped
            afterwards.

    Returns:
        A `BatchReport`; its rows and statuses include earlier runs.

    Raises:
        ModuleNotFoundError: if the extra `ray` is not installed.
        FileNotFoundError: if there is no model or no source.
        FileExistsError: if `output_dir` holds Parquet files from something else.
        ValueError: before anything is fitted, for an invalid argument, a missing column, a width or
            dtype that the model does not take, or if the results in `output_dir` are for another
            model or source.
        RuntimeError: if another run writes to `output_dir`, or if the workers fail; finished
            fragments are kept.
    """
    counts = {"batch_rows": batch_rows, "fragment_rows": fragment_rows, "threads": threads}
    for name, value in {**counts, "workers": 1 if workers is None else workers}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"fit_dataset: {name} must be a positive integer, got {value!r}.")
    need("ray", "ray", "pyarrow", "pandas")
    from . import run  # needs the extra
    from .files import cut, describe_files, find_files
    from .model import read_model

    answers = run.Answers(output_dir)
    model = read_model(model_dir)
    files = find_files(source)
    fragments = cut(files, model, targets_column, fragment_rows)
    plan = {
        "format": 2,
        "model": {"sha256": model.sha256, "width": model.width, "dtype": model.dtype.name},
        "source": describe_files(source, files),
        "targets_column": None if files[0].suffix == ".npy" else targets_column,
        "rows": sum(fragment.rows for fragment in fragments),
    }
    settings = run.Settings(model, batch_rows, workers, threads, address)
    return run.run(answers, plan, fragments, settings)
