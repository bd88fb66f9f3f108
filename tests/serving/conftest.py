"""One exported model for all tests: building its graphs is what takes time."""

from pathlib import Path

import pytest

from eigenfit.solver import SpectralSolver
from tests.shared_export import shared_export


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> tuple[SpectralSolver, Path]:
    return shared_export(tmp_path_factory)


@pytest.fixture(scope="session")
def solver(exported) -> SpectralSolver:
    return exported[0]


@pytest.fixture(scope="session")
def model_dir(exported) -> Path:
    return exported[1]
