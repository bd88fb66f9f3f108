"""The progress of a long fit on a terminal: rows done, rate, time left, counts by status."""

from __future__ import annotations

import collections
import contextlib
import datetime
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class RowProgress:
    """Shows how far a fit of many rows has come; a `progress` for `SpectralSolver.fit`.

    Nothing is shown of a fit that is done after one piece.

    Args:
        console: where it is shown; standard error when None.
        clock: the time in seconds.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic):
        self._console, self._clock = console, clock
        self._counts: collections.Counter[int] = collections.Counter()
        self._display: Progress | None = None
        self._since = (0, clock())

    def take(self, part: Any) -> None:
        """Count the statuses of a finished piece.

        Args:
            part: a `FitResult`, or the outputs of a model by name; of several solutions the best
                one counts.
        """
        field = part["status"] if isinstance(part, Mapping) else part.status
        statuses = np.asarray(field)
        best = statuses.reshape(len(statuses), -1)[:, 0]
        self._counts.update(best.tolist())

    def __call__(self, done: int, total: int) -> None:
        """Show the numbers of finished and of all rows."""
        first, began = self._since
        rate = (done - first) / max(self._clock() - began, 1e-9)
        if self._display is None:
            if done >= total:
                return
            self._display = _display(self._console)
            self._display.add_task("rows", total=total, rest="")
            self._display.start()
            # The time of the first piece includes building the graph, which is not done again.
            self._since = (done, self._clock())
        left = datetime.timedelta(seconds=round((total - done) / rate))
        speed = f"{rate:,.0f} rows/s" if rate >= 10.0 else f"{rate:.2g} rows/s"
        rest = [speed, f"{left} left" if done < total else "done", self._counted()]
        self._display.update(
            self._display.task_ids[0],
            completed=done,
            rest=", ".join(part for part in rest if part),
            refresh=True,
        )

    def close(self) -> None:
        """Leave the last state on the terminal, and the cursor below it."""
        if self._display is not None:
            self._display.stop()

    def _counted(self) -> str:
        """The statuses so far, such as `STATIONARY 980, STALLED 3`."""
        from ..solver import Status

        return ", ".join(f"{one.name} {self._counts[one]}" for one in Status if self._counts[one])


@contextlib.contextmanager
def row_progress() -> Iterator[RowProgress | None]:
    """The progress of the fit inside the block; None where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    progress = RowProgress()
    try:
        yield progress
    finally:
        progress.close()


def _display(console: Console | None) -> Progress:
    """The line on the terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        MofNCompleteColumn(),
        TextColumn("rows"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[rest]}", table_column=Column(no_wrap=False)),
        console=console or Console(stderr=True),
        # The numbers change after each piece of the fit and not in between.
        auto_refresh=False,
    )
