"""One cluster for all tests: starting it is what takes time."""

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from eigenfit.serving.batch import run, worker

# A process of its own starts the cluster, because Ray forks. The one that runs the tests has many
# threads of gRPC, and a fork while one of them holds a lock hangs for ever: once in a dozen runs of
# all tests. This one tells its address, and stops at the end of its input.
_PROGRAM = """
import logging, sys, ray
ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20,
         logging_level=logging.WARNING, log_to_driver=False)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""

# Run by every Python that the cluster starts. Not a module `eigenfit` on the path: Ray puts the
# working directory, in which there is a folder of this name, before it.
_BLOCKED = """
import sys

class Blocked:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "eigenfit":
            raise ImportError("not on the workers")

sys.meta_path.insert(0, Blocked)
"""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[tuple[str, int]]:
    """A cluster of two CPUs, which this process is connected to: its address and process.

    Its workers cannot import eigenfit.
    """
    shadow = tmp_path_factory.mktemp("path")
    (shadow / "sitecustomize.py").write_text(_BLOCKED)
    command, pipe = [sys.executable, "-c", _PROGRAM], subprocess.PIPE
    # Ray makes its workers nicer than anything else: on a busy machine tests would wait for ever.
    variables = {"RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    environment = {**os.environ, **variables, "PYTHONPATH": str(shadow)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address, "the Ray cluster did not start; why is on standard error"
        try:
            ray.init(address=address, log_to_driver=False)
            yield address, process.pid
            ray.shutdown()
        finally:
            process.stdin.close()


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
