"""What a run over a dataset reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path


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

    @property
    def rows_per_second(self) -> float:
        """Spectra fitted per second in this run; 0 if it took no time."""
        return self.fitted_rows / self.seconds if self.seconds > 0 else 0.0
