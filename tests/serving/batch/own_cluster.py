"""A Ray cluster started by a process of its own.

Ray forks the process that starts it. The one that runs the tests has threads of many gRPC servers
and clients, and a fork while one of them holds a lock hangs for ever: once in a dozen runs of all
tests.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

# Tells its address on standard output, and stops at the end of its input.
_PROGRAM = """
import logging, sys, ray
ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20,
         logging_level=logging.WARNING, log_to_driver=False)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""


@contextlib.contextmanager
def own_cluster(variables: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Start a cluster of two CPUs, which ends with the context and also with this process.

    Args:
        variables: of the environment of its workers, beside those of this process.

    Yields:
        The address for `ray.init`, and the process that all of the cluster descend from. Ray must
        have been imported with RAY_AUTH_MODE=token.
    """
    command, pipe = [sys.executable, "-c", _PROGRAM], subprocess.PIPE
    # Ray makes its workers nicer than anything else: on a busy machine tests would wait for ever.
    environment = {**os.environ, "RAY_worker_niceness": "0", **variables}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address, "the Ray cluster did not start; why is on standard error"
        try:
            yield address, process.pid
        finally:
            process.stdin.close()
