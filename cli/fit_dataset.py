"""`eigenfit fit-dataset`: a dataset of any size, on a Ray cluster."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer


def fit_dataset(
    model_dir: Annotated[Path, typer.Argument(help="Version directory of an exported model.")],
    source: Annotated[
        Path, typer.Argument(help="An .npy or .parquet file, or a directory of one kind.")
    ],
    output_dir: Annotated[str, typer.Argument(help="Where the Parquet files of answers go.")],
    targets_column: Annotated[
        str, typer.Option(help="Column of a Parquet source with the levels.")
    ] = "targets",
    batch_rows: Annotated[int, typer.Option(help="Spectra in a call of the model.")] = 4096,
    fragment_rows: Annotated[
        int, typer.Option(help="Spectra in a file, the least that is done again.")
    ] = 65536,
    workers: Annotated[
        int | None, typer.Option(help="Processes; as many as the CPUs allow when left out.")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPUs of each worker.")] = 1,
    address: Annotated[
        str | None,
        typer.Option(help='Of a Ray cluster, "auto" for this machine\'s; else one is started.'),
    ] = None,
) -> None:
    """Fit a dataset on a Ray cluster; writes Parquet.

    The exit status is 0 when every row has its answer, possibly a status that says why it has no
    fit (the log on standard error counts them); 1 if not; 2 for a wrong argument. An interrupted
    run continues when it is started again. For a model that asks for conditions, a Parquet source
    has a column of each name of a condition, with lists of numbers.
    """
    from ..serving.batch import fit_dataset as run

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        run(
            model_dir,
            source,
            output_dir,
            targets_column=targets_column,
            batch_rows=batch_rows,
            fragment_rows=fragment_rows,
            workers=workers,
            threads=threads,
            address=address,
        )
    except (ModuleNotFoundError, OSError, RuntimeError, ValueError) as error:
        print(f"eigenfit: {error}", file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ValueError) else 1) from None
