"""One run over a dataset: check, find out what is missing, fit that."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...export.publishing import is_remote
from ...solver import Status
from .cluster import connected
from .manifest import Manifest
from .model import read_model_input
from .pool import fit_fragments
from .report import BatchReport, Progress
from .source import cut, describe_files, find_files

_log = logging.getLogger(__name__)
_FORMAT = 1
_MAX_FAILURES = 10


class Job:
    """Everything that is known before a fit; the arguments are those of `fit_dataset`.

    Raises:
        FileNotFoundError: if there is no model or no source.
        ValueError: if the source does not suit the model, or `output_dir` is an address.
    """

    def __init__(
        self,
        model_dir: str | os.PathLike[str],
        source: str | os.PathLike[str],
        output_dir: str | os.PathLike[str],
        column: str,
        batch_rows: int,
        fragment_rows: int,
        workers: int | None,
        threads: int,
    ):
        if is_remote(output_dir):
            raise ValueError(
                f"fit_dataset: output_dir must be on a file system of this machine, got "
                f"{os.fspath(output_dir)!r}; write there and upload the files."
            )
        model = read_model_input(model_dir)
        files = find_files(source)
        self._output_dir = Path(output_dir).absolute()
        self._workers, self._threads = workers, threads
        self._fragments = cut(files, model, column, fragment_rows)
        self._rows = sum(fragment["rows"] for fragment in self._fragments)
        self._plan = {
            "format": _FORMAT,
            "model": {"sha256": model.sha256, "width": model.width, "dtype": model.dtype.name},
            "source": describe_files(source, files),
            "targets_column": None if files[0].suffix == ".npy" else column,
            "fragment_rows": fragment_rows,
            "rows": self._rows,
            "fragments": len(self._fragments),
        }
        self._settings = {
            "model_dir": str(model.directory),
            "sha256": model.sha256,
            "width": model.width,
            "dtype": model.dtype.name,
            "output_dir": str(self._output_dir),
            "column": column,
            "batch_rows": batch_rows,
            "threads": threads,
        }

    def run(self, resume: bool, address: str | None) -> BatchReport:
        """Fit what is missing.

        Args:
            resume: whether results may be there already.
            address: of the cluster.
        """
        names = {int(status): status.name for status in Status}
        progress = Progress(self._output_dir, self._rows, names)
        failures: list[Mapping[str, Any]] = []
        with Manifest(self._output_dir) as manifest:
            manifest.begin(self._plan, resume)
            finished = manifest.finished(self._fragments)
            for receipt in finished.values():
                progress.add(receipt, fitted=False)
            missing = [part for part in self._fragments if part["number"] not in finished]
            _log.info(
                "%d rows in %d fragments, %d of them to be fitted",
                self._rows,
                len(self._fragments),
                len(missing),
            )
            if missing:
                settings = {**self._settings, "plan": manifest.plan_id}
                with connected(address, self._workers, self._threads) as workers:
                    workers = min(workers, len(missing))
                    for receipt in fit_fragments(missing, settings, workers, self._threads):
                        if "error" not in receipt:
                            manifest.add(receipt)
                            progress.add(receipt, fitted=True)
                            continue
                        _log.error("fragment %(number)d: %(error)s", receipt)
                        failures.append(receipt)
                        if len(failures) >= _MAX_FAILURES:
                            break
            progress.log()
            self._raise(failures)
            manifest.clean()
        return progress.report()

    def _raise(self, failures: list[Mapping[str, Any]]) -> None:
        if not failures:
            return
        first = self._fragments[failures[0]["number"]]
        last = first["first"] + first["rows"] - 1
        raise RuntimeError(
            f"fit_dataset: {len(failures)} fragments could not be fitted. The first has the rows "
            f"{first['first']} to {last} of {first['path']}: {failures[0]['error']} The others "
            "are finished and stay; start it again to go on."
        )
