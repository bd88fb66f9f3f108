"""One workbench for all tests of this folder: its export is what takes time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eigenfit.workbench import RunningWorkbench, start_workbench

from .problem import write


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Where the problem is."""
    return tmp_path_factory.mktemp("ladder")


@pytest.fixture(scope="session")
def workbench(folder) -> Iterator[RunningWorkbench]:
    with start_workbench(write(folder), allow_python=True) as running:
        yield running


@pytest.fixture
def fresh(workbench, folder) -> RunningWorkbench:
    """The workbench, with the files as at the beginning; a page that is loaded then reads them."""
    write(folder)
    return workbench
