"""The command line of `fit_dataset`."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence

from .entry import fit_dataset

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit a dataset; progress goes to the log on standard error.

    Args:
        arguments: those of the process when None.

    Returns:
        The exit status: 0 when every row has its answer, if only a status that says why it has no
        fit (they are counted in the report), 1 if not, 2 for a wrong argument.
    """
    options = vars(_parser().parse_args(arguments))
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        report = fit_dataset(**options)
    except (ModuleNotFoundError, OSError, RuntimeError) as error:
        _log.error("%s", error)
        return 1
    except ValueError as error:
        _log.error("%s", error)
        return 2
    _log.info("%d rows in %s", report.rows, report.output_dir)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eigenfit.serving.batch",
        description="Fit a dataset of spectra with an exported model on a Ray cluster.",
    )
    parser.add_argument("model_dir", help="version directory of an exported model")
    parser.add_argument("source", help=".npy or .parquet file, or a directory of one kind")
    parser.add_argument("output_dir", help="where the Parquet files of answers go")
    parser.add_argument(
        "--targets-column", default="targets", help="Parquet column with the levels (%(default)s)"
    )
    parser.add_argument(
        "--batch-rows", type=int, default=4096, help="spectra in a call of the model (%(default)s)"
    )
    parser.add_argument(
        "--fragment-rows", type=int, default=65536, help="spectra in a file (%(default)s)"
    )
    parser.add_argument("--workers", type=int, help="processes; as many as the CPUs allow")
    parser.add_argument("--threads", type=int, default=1, help="CPUs of each worker (%(default)s)")
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on with what output_dir holds; --no-resume refuses to",
    )
    parser.add_argument(
        "--address", help='of a Ray cluster, "auto" for one on this machine; started when left out'
    )
    return parser
