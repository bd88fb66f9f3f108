"""One model and one cluster for all tests: starting them is what takes time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from eigenfit.export import export_saved_model
from eigenfit.solver import SpectralSolver, Symmetric

from .own_cluster import own_cluster


@pytest.fixture(scope="session")
def solver() -> SpectralSolver:
    return SpectralSolver(Symmetric(3))


@pytest.fixture(scope="session")
def model_dir(solver, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("model")
    return Path(export_saved_model(solver, base, measure_latency=False))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[str]:
    """The address of a cluster for two workers, which this process is connected to.

    Its workers cannot import eigenfit.
    """
    shadow = tmp_path_factory.mktemp("path")
    (shadow / "eigenfit.py").write_text("raise ImportError('not on the workers')")
    workers = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(shadow)}
    with own_cluster(2, 100 * 2**20, workers) as address:
        ray.init(address=address, log_to_driver=False)
        yield address
        ray.shutdown()
