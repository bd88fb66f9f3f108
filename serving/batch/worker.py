"""The code of the workers, which need TensorFlow, Ray and pyarrow, but not this package.

They get this module and `export.digest` by value, so it imports nothing else of this package.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray.data
from ray.data.block import BlockMetadata
from ray.data.checkpoint.checkpoint_filter import CheckpointManager

from ...export.digest import digest_model

SIGNATURE = "serving_default"
ROW_ID, TARGETS = "row_id", "targets"


class Fragment(NamedTuple):
    """Consecutive rows of a file of the source."""

    path: str
    size: int  # of the file in bytes, to notice a change
    mtime_ns: int  # when it was modified
    column: str | None  # of the levels in a Parquet file; None for NPY
    width: int  # levels of a spectrum
    first: int = 0  # number of the first row in the file
    rows: int = 0
    row_id: int = 0  # number of the first row in the whole source
    groups: tuple[int, int] = (0, 0)  # row groups of Parquet: the first, and the one after them
    written: np.ndarray = np.empty(0, np.int64)  # row_id of rows to skip, ascending


class Spectra(ray.data.Datasource):
    """The source with the columns `row_id` and `targets`, a block for each fragment."""

    def __init__(self, fragments: Sequence[Fragment], batch_rows: int):
        super().__init__()
        self._fragments = fragments
        self._batch_rows = batch_rows

    def estimate_inmemory_data_size(self) -> int:
        """The size of all rows in bytes, with 8 bytes per number."""
        return sum(8 * fragment.rows * (fragment.width + 1) for fragment in self._fragments)

    def get_read_tasks(self, parallelism: int, *limits: Any, **more: Any) -> list[Any]:
        """One task for each fragment; the parallelism is ignored."""
        del parallelism, limits, more
        return [self._task(fragment) for fragment in self._fragments]

    def _task(self, fragment: Fragment) -> Any:
        size, batch_rows = 8 * fragment.rows * (fragment.width + 1), self._batch_rows
        metadata = BlockMetadata(
            num_rows=fragment.rows, size_bytes=size, input_files=(fragment.path,), exec_stats=None
        )
        return ray.data.ReadTask(lambda: read(fragment, batch_rows), metadata)


def read(fragment: Fragment, batch_rows: int) -> Iterator[pa.Table]:
    """Read a fragment as tables of `row_id` and `targets`, without the rows already written."""
    stat = Path(fragment.path).stat()
    if (stat.st_size, stat.st_mtime_ns) != (fragment.size, fragment.mtime_ns):
        raise RuntimeError(f"fit_dataset: {fragment.path} changed during the run.")
    first = fragment.row_id
    pieces = read_npy if fragment.column is None else read_parquet
    for levels in pieces(fragment, batch_rows):
        numbers = np.arange(first, first + len(levels), dtype=np.int64)
        left = ~np.isin(numbers, fragment.written)
        if left.any():
            yield pa.table({ROW_ID: numbers[left], TARGETS: as_column(levels[left])})
        first += len(levels)
    if first != fragment.row_id + fragment.rows:
        raise RuntimeError(f"fit_dataset: {fragment.path} has other rows than its footer says.")


def read_npy(fragment: Fragment, batch_rows: int) -> Iterator[np.ndarray]:
    """Rows `[batch_rows, m]` at a time, through a memory map."""
    levels = np.load(fragment.path, mmap_mode="r", allow_pickle=False)
    end = fragment.first + fragment.rows
    for begin in range(fragment.first, end, batch_rows):
        yield levels[begin : min(begin + batch_rows, end)]


def read_parquet(fragment: Fragment, batch_rows: int) -> Iterator[np.ndarray]:
    """Rows `[batch_rows, m]` at a time, by row groups."""
    # With `buffer_size` pyarrow holds single pages, not the whole column chunk of a row group.
    with pq.ParquetFile(fragment.path, buffer_size=1 << 20, pre_buffer=False) as file:
        first, column = fragment.first, fragment.column
        batches = file.iter_batches(
            batch_rows,
            row_groups=list(range(*fragment.groups)),
            columns=[column],
            use_threads=False,
        )
        for batch in batches:
            where = f"column {column!r} of {fragment.path}"
            yield as_levels(batch.column(0), fragment.width, where, first)
            first += batch.num_rows


def as_levels(lists: Any, width: int, where: str, first: int) -> np.ndarray:
    """Convert lists to an array `[rows, width]`, with NaN for null numbers and null lists.

    A list of another width is a ValueError that names its row, counted from `first`.
    """
    if isinstance(lists, pa.ExtensionArray):
        lists = lists.storage
    there = lists.is_valid().to_numpy(zero_copy_only=False)
    lengths = (
        pc.call_function("list_value_length", [lists])
        .fill_null(width)
        .to_numpy(zero_copy_only=False)
    )
    wrong = np.flatnonzero(lengths != width)
    if wrong.size:
        raise ValueError(
            f"fit_dataset: row {first + wrong[0]} in {where} has a list of {lengths[wrong[0]]} "
            f"numbers; the model takes {width}. Use null for a level that was not observed."
        )
    values = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    if there.all():
        return values
    levels = np.full([len(lists), width], np.nan, values.dtype)
    levels[there] = values
    return levels


def as_column(values: np.ndarray) -> pa.Array:
    """An array `[rows, ...]` as a column of numbers, or of nested fixed-size lists."""
    column = pa.array(np.ascontiguousarray(values).reshape(-1))
    for size in reversed(values.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column


class NothingToLeaveOut(CheckpointManager):
    """Keeps Ray Data from reading its checkpoint; `run.leave_out` has removed finished rows."""

    def load_checkpoint(self, *_: Any, **__: Any) -> tuple[None, int]:
        """No rows, 0 bytes."""
        return None, 0


class Fit:
    """Loads the model once, if it is the one that the driver read, then fits batches."""

    def __init__(self, model_dir: str, sha256: str, dtype: str, threads: int):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        if digest_model(model_dir) != sha256:
            raise RuntimeError(
                f"fit_dataset: {model_dir} on {socket.gethostname()} is not the model that the "
                "driver read; it changed, or the machines do not share the directory."
            )
        self._constant, self._dtype = tf.constant, dtype
        # Kept, because it keeps the variables of the signature alive.
        self._model: Any = tf.saved_model.load(model_dir)
        self._signature = self._model.signatures[SIGNATURE]

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Fit a table of `row_id` and `targets`; returns `row_id` and the outputs of the model."""
        lists = batch[TARGETS].combine_chunks()
        width = lists.type.list_size
        levels = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        outputs = self._signature(targets=self._constant(levels.astype(self._dtype)))
        columns = {name: as_column(value.numpy()) for name, value in sorted(outputs.items())}
        return pa.table({ROW_ID: batch[ROW_ID], **columns})
