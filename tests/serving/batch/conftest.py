"""One model and one cluster for all tests: starting them is what takes time."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from eigenfit.serving.batch import run, worker

from .own_cluster import own_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[tuple[str, int]]:
    """A cluster for two workers, which this process is connected to: its address and process.

    Its workers cannot import eigenfit.
    """
    shadow = tmp_path_factory.mktemp("path")
    (shadow / "eigenfit.py").write_text("raise ImportError('not on the workers')")
    workers = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(shadow)}
    with own_cluster(workers) as started:
        ray.init(address=started[0], log_to_driver=False)
        yield started
        ray.shutdown()


@pytest.fixture
def fitted(monkeypatch) -> list[list[int]]:
    """Instead of a cluster: writes what Ray Data would write.

    Returns:
        The row_id of the rows that were fitted, run by run.
    """
    runs: list[list[int]] = []

    class Connected:
        def __init__(self, settings):
            del settings

        def __enter__(self):
            return 1

        def __exit__(self, *arguments):
            del arguments

    def fit(answers, fragments, settings, workers):
        del workers
        answers.checkpoint.mkdir(exist_ok=True)
        runs.append([])
        for place, fragment in enumerate(fragments):
            tables = worker.read(fragment, settings.batch_rows)
            numbers = [number for table in tables for number in table["row_id"].to_pylist()]
            assert numbers, "a fragment that is written is read again"
            runs[-1] += numbers
            name, columns = f"{len(runs)}_{place}", {"row_id": np.array(numbers)}
            pq.write_table(pa.table(columns), answers.checkpoint / f"{name}.parquet")
            columns["status"] = np.ones(len(numbers), np.int32)
            pq.write_table(pa.table(columns), answers.directory / f"{name}-0.parquet")

    monkeypatch.setattr(run, "connected", Connected)
    monkeypatch.setattr(run, "_fit", fit)
    return runs
