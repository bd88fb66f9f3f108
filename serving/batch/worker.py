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
ROW_ID, TARGETS, CONDITIONS = "row_id", "targets", "conditions"


class Fragment(NamedTuple):
    """Consecutive rows of a file of the source."""

    path: str
    size: int  # of the file in bytes, to notice a change
    mtime_ns: int  # when it was modified
    column: str | None  # of the levels in a Parquet file; None for NPY
    width: int  # levels of a spectrum
    conditions: tuple[str, ...] = ()  # columns with the numbers of the conditions
    limit: int = 0  # the most conditions of a spectrum
    first: int = 0  # number of the first row in the file
    rows: int = 0
    row_id: int = 0  # number of the first row in the whole source
    groups: tuple[int, int] = (0, 0)  # row groups of Parquet: the first, and the one after them
    written: np.ndarray = np.empty(0, np.int64)  # row_id of rows to skip, ascending

    @property
    def num_bytes(self) -> int:
        """The size of all rows in memory, with 8 bytes per number."""
        return 8 * self.rows * (1 + self.width + self.limit * len(self.conditions))


class Spectra(ray.data.Datasource):
    """The source with `row_id`, `targets` and `conditions` if any, a block for each fragment."""

    def __init__(self, fragments: Sequence[Fragment], batch_rows: int):
        super().__init__()
        self._fragments = fragments
        self._batch_rows = batch_rows

    def estimate_inmemory_data_size(self) -> int:
        """The size of all rows in bytes, with 8 bytes per number."""
        return sum(fragment.num_bytes for fragment in self._fragments)

    def get_read_tasks(self, parallelism: int, *limits: Any, **more: Any) -> list[Any]:
        """One task for each fragment; the parallelism is ignored."""
        del parallelism, limits, more
        return [self._task(fragment) for fragment in self._fragments]

    def _task(self, fragment: Fragment) -> Any:
        size, batch_rows = fragment.num_bytes, self._batch_rows
        metadata = BlockMetadata(
            num_rows=fragment.rows, size_bytes=size, input_files=(fragment.path,), exec_stats=None
        )
        return ray.data.ReadTask(lambda: read(fragment, batch_rows), metadata)


def read(fragment: Fragment, batch_rows: int) -> Iterator[pa.Table]:
    """Read a fragment as tables of `row_id` and the inputs, without the rows already written."""
    stat = Path(fragment.path).stat()
    if (stat.st_size, stat.st_mtime_ns) != (fragment.size, fragment.mtime_ns):
        raise RuntimeError(f"fit_dataset: {fragment.path} changed during the run.")
    first = fragment.row_id
    pieces = read_npy if fragment.column is None else read_parquet
    for inputs in pieces(fragment, batch_rows):
        count = len(inputs[TARGETS])
        numbers = np.arange(first, first + count, dtype=np.int64)
        left = ~np.isin(numbers, fragment.written)
        if left.any():
            columns = {name: as_column(values[left]) for name, values in inputs.items()}
            yield pa.table({ROW_ID: numbers[left], **columns})
        first += count
    if first != fragment.row_id + fragment.rows:
        raise RuntimeError(f"fit_dataset: {fragment.path} has other rows than its footer says.")


def read_npy(fragment: Fragment, batch_rows: int) -> Iterator[dict[str, np.ndarray]]:
    """The targets of `batch_rows` rows at a time, `[rows, m]`, through a memory map."""
    levels = np.load(fragment.path, mmap_mode="r", allow_pickle=False)
    end = fragment.first + fragment.rows
    for begin in range(fragment.first, end, batch_rows):
        yield {TARGETS: levels[begin : min(begin + batch_rows, end)]}


def read_parquet(fragment: Fragment, batch_rows: int) -> Iterator[dict[str, np.ndarray]]:
    """Targets `[rows, m]`, and conditions `[rows, K, d]` if any, by row groups."""
    # With `buffer_size` pyarrow holds single pages, not the whole column chunk of a row group.
    with pq.ParquetFile(fragment.path, buffer_size=1 << 20, pre_buffer=False) as file:
        first, column = fragment.first, fragment.column
        batches = file.iter_batches(
            batch_rows,
            row_groups=list(range(*fragment.groups)),
            columns=[column, *fragment.conditions],
            use_threads=False,
        )
        for batch in batches:
            where = f"column {column!r} of {fragment.path}"
            inputs = {TARGETS: as_levels(batch.column(column), fragment.width, where, first)}
            if fragment.conditions:
                each = []
                for name in fragment.conditions:
                    where = f"column {name!r} of {fragment.path}"
                    each.append(as_conditions(batch.column(name), fragment.limit, where, first))
                inputs[CONDITIONS] = np.stack(each, axis=2)
            yield inputs
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


def as_conditions(values: Any, limit: int, where: str, first: int) -> np.ndarray:
    """One number of each condition, `[rows, limit]`, NaN where a row has fewer conditions.

    Args:
        values: of each row a list, or a number for one condition; null for none.
        limit: K, the most conditions of a row.
        where: the column and the file, for messages.
        first: number of the first row in the file.

    Raises:
        ValueError: for a longer list.
    """
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    there = values.is_valid().to_numpy(zero_copy_only=False)
    if hasattr(values.type, "value_type"):
        lengths = pc.call_function("list_value_length", [values]).fill_null(0)
        lengths = np.where(there, lengths.to_numpy(zero_copy_only=False), 0)
        values = values.flatten()  # without null lists
    else:
        lengths, values = np.where(there, 1, 0), values.drop_null()
    wrong = np.flatnonzero(lengths > limit)
    if wrong.size:
        raise ValueError(
            f"fit_dataset: row {first + wrong[0]} in {where} has {lengths[wrong[0]]} conditions; "
            f"the model takes up to {limit}. Export a model with a higher limit."
        )
    found = np.full([len(there), limit], np.nan)
    found[np.arange(limit) < lengths[:, None]] = values.to_numpy(zero_copy_only=False)
    return found


def as_column(values: np.ndarray) -> pa.Array:
    """An array `[rows, ...]` as a column of numbers, or of nested fixed-size lists."""
    column = pa.array(np.ascontiguousarray(values).reshape(-1))
    for size in reversed(values.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column


def as_array(column: Any) -> np.ndarray:
    """The array `[rows, ...]` of a column that `as_column` made."""
    values, shape = column.combine_chunks(), [len(column)]
    while pa.types.is_fixed_size_list(values.type):
        shape.append(values.type.list_size)
        values = values.flatten()
    return values.to_numpy(zero_copy_only=False).reshape(shape)


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
        """Fit a table of `row_id` and the inputs; returns `row_id` and the outputs of the model."""
        arrays = {name: as_array(batch[name]) for name in batch.column_names if name != ROW_ID}
        outputs = self._signature(
            **{name: self._constant(array.astype(self._dtype)) for name, array in arrays.items()}
        )
        columns = {name: as_column(value.numpy()) for name, value in sorted(outputs.items())}
        return pa.table({ROW_ID: batch[ROW_ID], **columns})
