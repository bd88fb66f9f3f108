"""The entry point: arguments are checked, then the job runs."""

from __future__ import annotations

import importlib
import os

from .report import BatchReport

_NEEDED = ("ray", "pyarrow", "pandas")


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
    resume: bool = True,
    address: str | None = None,
) -> BatchReport:
    """Fit every spectrum of a dataset and write the answers as Parquet.

    The source is cut into fragments. A worker fits a fragment and writes it as one file, under a
    temporary name first, so a file `part-*.parquet` is always whole. A run that was killed goes on
    where it stopped when it is started again with the same arguments. A worker that dies is
    replaced, and its fragment is fitted again.

    Each answer has a column `row_id`, the number of the spectrum in the source (files in the order
    of their names), and one column for each output of the model: numbers such as status and loss,
    lists such as parameters and standard_errors.

    With several machines, all three paths must lead to the same files on each.

    Args:
        model_dir: the version directory of an exported model.
        source: an .npy file `[rows, m]`, a Parquet file, or a directory of either. NaN and null
            mean that a level was not observed.
        output_dir: where the answers go; made if needed.
        targets_column: the column of a Parquet source with the levels, a list of `m` numbers in
            each row.
        batch_rows: how many spectra the model gets in one call. It changes memory and speed, not
            the answers.
        fragment_rows: how many spectra make a fragment, the least that is done again after an
            interruption. A Parquet source is never cut inside a row group.
        workers: how many processes fit; as many as the CPUs allow when None.
        threads: CPUs for each worker, and how many threads its TensorFlow may use.
        resume: go on with what `output_dir` holds. When False, results that are there already are
            an error.
        address: of a running Ray cluster, "auto" for the one of this machine. When None, the
            cluster that this process is connected to, else one is started here and stopped
            afterwards.

    Returns:
        What was done; rows and statuses also count what earlier runs did.

    Raises:
        ModuleNotFoundError: if the extra `ray` is not installed.
        FileNotFoundError: if there is no model or no source.
        FileExistsError: if there are results and `resume` is False.
        ValueError: before anything is fitted, for a wrong argument, a column that is missing, a
            width or a dtype that the model does not take, or if the model, the source or
            `fragment_rows` are not those that the results in `output_dir` were begun with.
        RuntimeError: if another run writes to `output_dir`; or, after everything else is done, if
            fragments could not be fitted, with the reasons.
    """
    for name, value in (
        ("batch_rows", batch_rows),
        ("fragment_rows", fragment_rows),
        ("workers", 1 if workers is None else workers),
        ("threads", threads),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"fit_dataset: {name} must be a positive integer, got {value!r}.")
    for name in _NEEDED:
        _require(name)
    from .job import Job  # needs the extra

    job = Job(
        model_dir, source, output_dir, targets_column, batch_rows, fragment_rows, workers, threads
    )
    return job.run(resume, address)


def _require(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != name:
            raise
        raise ModuleNotFoundError(
            f"fit_dataset needs the extra `ray`, {name} is missing: pip install 'eigenfit[ray]'",
            name=name,
        ) from missing
