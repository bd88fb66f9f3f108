"""A Ray cluster started by a process of its own.

Ray forks the process that starts it. The one that runs the tests has threads of many gRPC servers
and clients, and a fork while one of them holds a lock hangs for ever: once in a dozen runs of all
tests. So this file is also a script, which imports Ray and nothing else of ours.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import ray


@contextlib.contextmanager
def own_cluster(cpus: int, object_store_bytes: int, variables: dict[str, str]) -> Iterator[str]:
    """Start a cluster, which ends with the context and also with this process, however it ends.

    Args:
        cpus: how many CPUs the cluster hands out.
        object_store_bytes: the size of its object store.
        variables: of the environment of its workers, beside those of this process.

    Yields:
        The address for `ray.init`. Ray must have been imported with RAY_AUTH_MODE=token.
    """
    command = [sys.executable, __file__, str(cpus), str(object_store_bytes)]
    pipe, environment = subprocess.PIPE, {**os.environ, **variables}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address, "the Ray cluster did not start; why is on standard error"
        try:
            yield address
        finally:
            process.stdin.close()  # its end is the signal to stop


def _serve(cpus: int, object_store_bytes: int) -> None:
    """Start the cluster, tell its address on standard output, stop at the end of the input."""
    ray.init(
        address="local",
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=object_store_bytes,
        logging_level=logging.WARNING,
        log_to_driver=False,
    )
    sys.stdout.write(ray.get_runtime_context().gcs_address + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
