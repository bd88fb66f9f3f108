"""The progress of a long fit on a terminal."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from rich.console import Console

from eigenfit.cli.progress import RowProgress, row_progress


def console() -> tuple[Console, io.StringIO]:
    """A terminal of 120 columns, and what was written to it."""
    written = io.StringIO()
    return Console(file=written, force_terminal=True, width=120, color_system=None), written


def last_line(written: io.StringIO) -> str:
    """What stands on the terminal after the last carriage return."""
    return written.getvalue().split("\r")[-1]


def test_rows_rate_time_left_and_counts_by_status():
    terminal, written = console()
    now = [0.0]
    progress = RowProgress(terminal, clock=lambda: now[0])
    try:
        now[0] = 5.0  # of which 4 for the graph
        progress.take({"status": np.array([1, 2, 2, -1])})
        progress(4, 3604)
        assert "4/3604 rows" in last_line(written)
        assert "0.8 rows/s" in last_line(written)
        assert "1:15:00 left" in last_line(written)
        now[0] = 6.0
        progress.take({"status": np.array([2] * 40)})
        progress(44, 3604)
        line = last_line(written)
        assert "44/3604 rows" in line
        assert "40 rows/s, 0:01:29 left, CONVERGED 1, STATIONARY 42, INVALID_INPUT 1" in line
        now[0] = 7.0
        progress(3604, 3604)
        assert "done" in last_line(written)
    finally:
        progress.close()
    assert "\n" in last_line(written)  # what is printed next begins below


def test_on_a_narrow_terminal_nothing_is_cut_off():
    written = io.StringIO()
    progress = RowProgress(Console(file=written, force_terminal=True, width=60, color_system=None))
    progress.take({"status": np.array([1, 2, 3, 4, -1, -2])})
    progress(6, 10)
    progress.close()
    for name in ("CONVERGED", "STATIONARY", "STALLED", "MAX_STEPS", "INVALID_INPUT", "NON_FINITE"):
        assert f"{name} 1" in " ".join(written.getvalue().split())


def test_the_best_of_several_solutions_counts():
    terminal, written = console()
    progress = RowProgress(terminal)
    progress.take({"status": np.array([[2, -3], [1, 2]])})
    progress(2, 10)
    progress.close()
    assert "CONVERGED 1, STATIONARY 1" in written.getvalue()
    assert "NO_OTHER" not in written.getvalue()


def test_nothing_is_shown_of_a_fit_in_one_piece():
    terminal, written = console()
    progress = RowProgress(terminal)
    progress(10, 10)
    progress.close()
    assert written.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_in_a_pipe(terminal: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with row_progress() as progress:
        assert isinstance(progress, RowProgress) is terminal
        assert terminal or progress is None
