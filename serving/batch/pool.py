"""The workers: Ray Data gives them fragments and replaces those that die.

Ray Data carries the descriptions of fragments, not the spectra: a worker reads its own rows and
writes its own answers. Ray Data promises to run every fragment at least once and in any order. That
is enough, because a fragment always becomes the same file, which appears by a rename; how often it
was fitted cannot be seen. Reading and writing by Ray Data itself would not do: which rows share a
task, and so a file, may change from run to run, and then nothing tells which rows are done.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ray.data
from ray.exceptions import RayError

from .cluster import sent_by_value
from .worker import FitFragments


def fit_fragments(
    fragments: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], workers: int, threads: int
) -> Iterator[dict[str, Any]]:
    """Fit fragments on a cluster that is connected.

    Args:
        fragments: their descriptions.
        settings: for `FitFragments`.
        workers: how many processes.
        threads: CPUs of each.

    Yields:
        A receipt for each fragment as it ends, in any order.

    Raises:
        RuntimeError: if the workers cannot be started.
    """
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    with sent_by_value(), ray.data.DataContext.current(context):
        receipts = ray.data.from_items(
            [{"fragment": json.dumps(fragment)} for fragment in fragments],
            override_num_blocks=len(fragments),
        ).map_batches(
            FitFragments,
            batch_size=1,
            num_cpus=threads,
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
            fn_constructor_args=(dict(settings),),
        )
        try:
            for row in receipts.iter_rows():
                yield json.loads(row["receipt"])
        except RayError as error:
            raise RuntimeError(
                f"fit_dataset: the workers failed: {error}. What is finished stays; start it "
                "again to go on."
            ) from error
