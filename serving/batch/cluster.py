"""The Ray cluster: one that is there, or one started for a run."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import ray
import ray.cloudpickle

from ...export import digest
from . import model, npy, parquet, partition, worker

_log = logging.getLogger(__name__)
_OBJECT_STORE_BYTES = 128 * 2**20  # only fragments' descriptions and receipts pass through it


@contextlib.contextmanager
def connected(address: str | None, workers: int | None, threads: int) -> Iterator[int]:
    """Connect to a cluster, or start one of this machine; one that was started is stopped again.

    Args:
        address: of a cluster; None for the one that this process is connected to, else a new one.
        workers: how many are wanted; None for as many as fit.
        threads: CPUs of each.

    Yields:
        How many workers to use.

    Raises:
        ValueError: if this process is connected already and an address is given, or if the cluster
            has too few CPUs.
    """
    here = len(os.sched_getaffinity(0))
    started = not ray.is_initialized()
    if not started and address is not None:
        raise ValueError(
            "fit_dataset: this process is connected to a Ray cluster already; leave address out."
        )
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet = {"logging_level": logging.WARNING, "log_to_driver": False}
        if address is None:
            wanted = (workers or max(here // threads, 1)) * threads
            ray.init(
                address="local",
                num_cpus=wanted,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                **quiet,
            )
        else:
            ray.init(address=address, **quiet)
    try:
        room = int(ray.cluster_resources().get("CPU", 0)) // threads
        if max(workers or 1, 1) > room:
            raise ValueError(
                f"fit_dataset: the cluster has room for {room} workers with {threads} CPUs each, "
                f"{workers or 1} are wanted; lower workers or threads."
            )
        yield workers or room
    finally:
        if started:
            ray.shutdown()


@contextlib.contextmanager
def sent_by_value() -> Iterator[None]:
    """While this lasts, workers get our code itself, not the name of a module to import."""
    modules = (digest, model, npy, parquet, partition, worker)
    for module in modules:
        ray.cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            ray.cloudpickle.unregister_pickle_by_value(module)
