"""What a run did, while it runs and at its end."""

from __future__ import annotations

import collections
import dataclasses
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 10.0


@dataclasses.dataclass(frozen=True)
class BatchReport:
    """What `fit_dataset` did.

    Attributes:
        output_dir: where the answers are.
        rows: spectra with an answer in `output_dir`.
        fitted_rows: those of them that this run fitted.
        fragments: files of answers in `output_dir`.
        fitted_fragments: those of them that this run wrote.
        retried_fragments: those of them that needed more than one attempt: a worker died.
        statuses: how many spectra have which status, by its number; for a model with several
            solutions the status of the best. Over all rows.
        seconds: how long this run took, without the start of the cluster.
    """

    output_dir: Path
    rows: int
    fitted_rows: int
    fragments: int
    fitted_fragments: int
    retried_fragments: int
    statuses: Mapping[int, int]
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Spectra that this run fitted in a second."""
        return self.fitted_rows / self.seconds if self.seconds > 0 else 0.0


class Progress:
    """Adds up receipts of fragments and logs how far the run is.

    Args:
        output_dir: where the answers go.
        total_rows: of the source.
        names: the name of a status by its number.
    """

    def __init__(self, output_dir: Path, total_rows: int, names: Mapping[int, str]):
        self._output_dir = output_dir
        self._total_rows = total_rows
        self._names = names
        self._began = self._logged = time.monotonic()
        self._statuses: collections.Counter[int] = collections.Counter()
        self._counts: collections.Counter[str] = collections.Counter()

    def add(self, receipt: Mapping[str, Any], *, fitted: bool) -> None:
        """Count a fragment; `fitted` says that this run did it."""
        self._statuses.update({int(code): n for code, n in receipt["statuses"].items()})
        self._counts.update(rows=receipt["rows"], fragments=1)
        if fitted:
            self._counts.update(
                fitted_rows=receipt["rows"],
                fitted_fragments=1,
                retried_fragments=int(receipt["attempt"] > 1),
            )
            if time.monotonic() - self._logged > _SECONDS_BETWEEN_LINES:
                self.log()

    def log(self) -> None:
        """Log rows done, speed and statuses."""
        self._logged = time.monotonic()
        report = self.report()
        counts = ", ".join(
            f"{self._names.get(code, str(code))} {count}" for code, count in report.statuses.items()
        )
        _log.info(
            "%d of %d rows (%.1f %%), %.0f rows/s; %s",
            report.rows,
            self._total_rows,
            100.0 * report.rows / max(self._total_rows, 1),
            report.rows_per_second,
            counts or "no status yet",
        )

    def report(self) -> BatchReport:
        """What was done up to now."""
        names = ("rows", "fitted_rows", "fragments", "fitted_fragments", "retried_fragments")
        return BatchReport(
            output_dir=self._output_dir,
            statuses=dict(sorted(self._statuses.items(), reverse=True)),
            seconds=time.monotonic() - self._began,
            **{name: self._counts[name] for name in names},
        )
