"""One run over a dataset: Ray Data fits the rows that its checkpoint does not hold.

Ray Data distributes and writes blocks, replaces workers that die, and keeps a checkpoint of the
rows in each file of answers, committed after the file is complete. So after any interruption a row
is written once or not at all.

This module adds what Ray Data lacks. It notices that a directory holds the answers of another model
or source, that another run is writing to it, and that a file of answers was lost or damaged after
its rows were committed. It also skips finished rows itself, without reading them: Ray Data would
read the whole source again and filter it in an actor with a CPU and 1 GiB of its own, for which a
run whose workers have all CPUs waits forever.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
import ray.cloudpickle
import ray.data
from ray.data.checkpoint import CheckpointConfig
from ray.exceptions import RayError
from ray.util.annotations import RayDeprecationWarning

from ...export import digest
from ...export.publishing import is_remote
from ...solver import Status
from . import BatchReport, worker
from .model import ExportedModel
from .worker import ROW_ID, Fit, Fragment, NothingToLeaveOut, Spectra

_log = logging.getLogger(__name__)
_OBJECT_STORE_BYTES = 128 * 2**20
_ATTEMPTS = 4  # workers that a fragment may kill before it is given up
_MOST_GIVEN_UP = 9  # fragments; one more ends the run


class Settings(NamedTuple):
    """The settings of a run; `fit_dataset` describes them."""

    model: ExportedModel
    batch_rows: int
    workers: int | None
    threads: int
    address: str | None


class Answers:
    """The directory of answers: `*.parquet`, `_plan.json`, `_lock` and Ray's `_checkpoint`."""

    def __init__(self, output_dir: str | os.PathLike[str]):
        if is_remote(output_dir):
            raise ValueError(
                f"fit_dataset: output_dir must be on a file system of this machine, got "
                f"{os.fspath(output_dir)!r}; write there and upload the files."
            )
        self.directory = Path(output_dir).absolute()
        self.checkpoint = self.directory / "_checkpoint"

    @contextlib.contextmanager
    def begun(self, plan: Mapping[str, Any]) -> Iterator[None]:
        """Lock the directory for a run and check its plan; the lock ends with the process."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "_lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RuntimeError(
                    f"fit_dataset: another run is writing to {self.directory}; wait for it or "
                    "choose another output_dir."
                ) from None
            self._check_plan(json.loads(json.dumps(plan)))
            yield

    def written(self) -> np.ndarray:
        """The row_id of the rows in complete files, ascending; incomplete files are removed.

        The checkpoint of `NAME-0.parquet` is `NAME.parquet` once the file is written, and
        `NAME.pending.parquet` before.
        """
        numbers = [np.empty(0, np.int64)]
        for committed in sorted(self.checkpoint.glob("*.parquet")):
            name = committed.stem.removesuffix(".pending")
            answers, rows = self.directory / f"{name}-0.parquet", pq.read_table(committed)[ROW_ID]
            if name == committed.stem and _rows(answers) == len(rows):
                numbers.append(rows.to_numpy())
                continue
            if name == committed.stem:
                state = "damaged" if answers.exists() else "missing"
                _log.warning("%s is %s and will be fitted again", answers, state)
            answers.unlink(missing_ok=True)
            committed.unlink()
        return np.sort(np.concatenate(numbers))

    def statuses(self) -> dict[int, int]:
        """The number of rows by status; with several solutions the status of the best."""
        counts: collections.Counter[int] = collections.Counter()
        for path in self.directory.glob("*.parquet"):
            status = pq.read_table(path, columns=["status"])["status"].combine_chunks()
            while hasattr(status.type, "list_size"):
                status = pc.call_function("list_element", [status, 0])
            counts.update(status.to_pylist())
        return dict(sorted(counts.items(), reverse=True))

    def _check_plan(self, plan: Mapping[str, Any]) -> None:
        path = self.directory / "_plan.json"
        if not path.exists():
            if any(self.directory.glob("*.parquet")):
                raise FileExistsError(
                    f"fit_dataset: {self.directory} holds Parquet files but no _plan.json, so they "
                    "are from something else; choose another output_dir."
                )
            hidden = path.with_name("._plan.json")
            hidden.write_text(json.dumps(plan, indent=1) + "\n")
            hidden.rename(path)
            return
        begun = json.loads(path.read_text())
        changed = [name for name in {**begun, **plan} if begun.get(name) != plan.get(name)]
        if changed:
            raise ValueError(
                f"fit_dataset: the results in {self.directory} were begun with another "
                f"{' and another '.join(changed)}, so they cannot be continued; choose another "
                "output_dir, or put back what it was begun with."
            )


def run(
    answers: Answers,
    plan: Mapping[str, Any],
    fragments: Sequence[Fragment],
    settings: Settings,
) -> BatchReport:
    """Fit the rows that have no answer yet; the plan describes model and source."""
    began, rows = time.monotonic(), plan["rows"]
    with answers.begun(plan):
        written = answers.written()
        before = len(written)
        _log.info("%d rows, %d of them to be fitted", rows, rows - before)
        if before < rows:
            with connected(settings) as workers:
                began = time.monotonic()
                _fit(answers, leave_out(fragments, written), settings, workers)
            written = answers.written()
            missing = np.setdiff1d(np.arange(rows), written)
            if missing.size:
                raise RuntimeError(
                    f"fit_dataset: {missing.size} of {rows} rows have no answer, the first is "
                    f"row_id {missing[0]}; the log says why. The others are finished and stay; "
                    "start it again to go on."
                )
            if len(written) > rows:
                raise RuntimeError(
                    f"fit_dataset: {len(written) - rows} rows were written twice to "
                    f"{answers.directory}, by a run that goes on elsewhere; choose another "
                    "output_dir."
                )
        report = BatchReport(
            answers.directory, rows, rows - before, answers.statuses(), time.monotonic() - began
        )
    counts = ", ".join(f"{Status(code).name} {n}" for code, n in report.statuses.items())
    _log.info("%d of %d rows fitted in %.1f s; %s", rows - before, rows, report.seconds, counts)
    return report


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[int]:
    """Connect to a cluster, or start and stop a local one; yields the number of workers."""
    threads, address, wanted = settings.threads, settings.address, settings.workers
    started = not ray.is_initialized()
    if not started and address is not None:
        raise ValueError(
            "fit_dataset: this process is connected to a Ray cluster already; leave address out."
        )
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        local: dict[str, Any] = {
            "num_cpus": (wanted or max(len(os.sched_getaffinity(0)) // threads, 1)) * threads,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
        ray.init(
            address=address or "local",
            logging_level=logging.WARNING,
            log_to_driver=False,
            **(local if address is None else {}),
        )
    try:
        room = int(ray.cluster_resources().get("CPU", 0)) // threads
        if (wanted or 1) > room:
            raise ValueError(
                f"fit_dataset: the cluster has room for {room} workers with {threads} CPUs each, "
                f"{wanted or 1} are wanted; lower workers or threads."
            )
        yield wanted or room
    finally:
        if started:
            ray.shutdown()


def leave_out(fragments: Sequence[Fragment], written: np.ndarray) -> list[Fragment]:
    """Drop finished fragments, and mark the finished rows (row_id, ascending) of the others."""
    left = []
    for fragment in fragments:
        ends = np.searchsorted(written, (fragment.row_id, fragment.row_id + fragment.rows))
        there = written[slice(*ends)]
        if len(there) < fragment.rows:
            left.append(fragment._replace(written=there))
    return left


def _fit(answers: Answers, fragments: Sequence[Fragment], settings: Settings, workers: int) -> None:
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    model = settings.model
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = sys.stderr.isatty()
    context.print_on_execution_start = False
    context.max_errored_blocks = _MOST_GIVEN_UP
    context.checkpoint_config = CheckpointConfig(
        ROW_ID,
        str(answers.checkpoint),
        delete_checkpoint_on_success=False,
        checkpoint_manager_cls=NothingToLeaveOut,
    )
    with contextlib.ExitStack() as stack:
        for module in (digest, worker):  # so that workers need not import this package
            ray.cloudpickle.register_pickle_by_value(module)
            stack.callback(ray.cloudpickle.unregister_pickle_by_value, module)
        stack.enter_context(ray.data.DataContext.current(context))
        # Reading and writing reserve no CPU, because the workers may hold all of them.
        spectra = ray.data.read_datasource(
            Spectra(fragments, settings.batch_rows), override_num_blocks=len(fragments), num_cpus=0
        )
        with warnings.catch_warnings():
            # `max_task_retries` is deprecated for Ray 2.64; Ray 2.60 has no alternative.
            warnings.simplefilter("ignore", RayDeprecationWarning)
            dataset = spectra.map_batches(
                Fit,
                batch_size=settings.batch_rows,
                batch_format="pyarrow",
                num_cpus=settings.threads,
                compute=ray.data.ActorPoolStrategy(
                    size=min(workers, len(fragments)),
                    max_tasks_in_flight_per_actor=1,  # a dead worker fails one fragment only
                ),
                fn_constructor_args=(
                    str(model.directory),
                    model.sha256,
                    model.dtype.name,
                    settings.threads,
                ),
                max_task_retries=_ATTEMPTS - 1,
            )
        try:
            dataset.write_parquet(str(answers.directory), ray_remote_args={"num_cpus": 0})
        except RayError as error:
            raise RuntimeError(
                f"fit_dataset: the workers failed: {error} What is finished stays; start it again "
                "to go on."
            ) from error


def _rows(path: Path) -> int | None:
    """The number of rows in the footer of a Parquet file; None if it cannot be read."""
    try:
        return pq.read_metadata(path).num_rows
    except (OSError, ValueError):  # pyarrow.ArrowInvalid is a ValueError
        return None
