"""Spectra in Parquet files, read by row groups. Workers get this module by value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def check_parquet(path: Path, column: str, width: int) -> tuple[list[int], np.dtype]:
    """The rows of each row group and the dtype of the levels.

    Lists of a fixed size have their width in the schema. For others the number of values in the
    footer must fit; only a row group where it does not is read.

    Raises:
        ValueError: if the file is not Parquet, or has no such column of `width` real numbers.
    """
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"fit_dataset: {path} is no readable Parquet file: {error}") from error
    with file:
        schema = file.schema_arrow
        if column not in schema.names:
            raise ValueError(
                f"fit_dataset: {path} has no column {column!r}; it has {', '.join(schema.names)}. "
                "Name the one with the levels as targets_column."
            )
        kind = schema.field(column).type
        if isinstance(kind, pa.ExtensionType):
            kind = kind.storage_type
        fixed = pa.types.is_fixed_size_list(kind)
        if not (fixed or pa.types.is_list(kind) or pa.types.is_large_list(kind)):
            raise ValueError(
                f"fit_dataset: column {column!r} of {path} has the type {kind}; it must hold a "
                f"list of {width} real numbers in each row."
            )
        if fixed and kind.list_size != width:
            raise ValueError(
                f"fit_dataset: column {column!r} of {path} has lists of {kind.list_size} numbers; "
                f"the model takes {width}."
            )
        if not pa.types.is_floating(kind.value_type):
            raise ValueError(
                f"fit_dataset: column {column!r} of {path} holds {kind.value_type}; it must hold "
                "floating-point numbers."
            )
        groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
        first = 0
        for number, group in enumerate(groups):
            if not fixed and _values(group, column) != group.num_rows * width:
                data = file.read_row_group(number, columns=[column], use_threads=False)
                for chunk in data.column(column).chunks:
                    _levels(chunk, width, f"column {column!r} of {path}", first)
                    first += len(chunk)
            else:
                first += group.num_rows
        return [group.num_rows for group in groups], np.dtype(kind.value_type.to_pandas_dtype())


def read_parquet(
    path: str, column: str, width: int, groups: tuple[int, int], first: int, batch_rows: int
) -> Iterator[np.ndarray]:
    """The row groups from one number up to another, `[batch_rows, m]` at a time.

    Args:
        path: of the file.
        column: with the levels.
        width: levels of a spectrum.
        groups: the first row group and the one after the last.
        first: the row of the file that the first group begins with, for messages.
        batch_rows: the most rows at a time.

    Raises:
        ValueError: if a list has another width.
    """
    # Without a buffer of pages a whole column chunk would be held, however large the row group is.
    with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
        batches = file.iter_batches(
            batch_rows, row_groups=list(range(*groups)), columns=[column], use_threads=False
        )
        for batch in batches:
            yield _levels(batch.column(0), width, f"column {column!r} of {path}", first)
            first += batch.num_rows


def _values(group: Any, column: str) -> int:
    """How many numbers the lists of a row group hold, a null list counting as one."""
    chunks = [group.column(place) for place in range(group.num_columns)]
    return sum(
        chunk.num_values
        for chunk in chunks
        if chunk.path_in_schema.startswith(f"{column}.") or chunk.path_in_schema == column
    )


def _levels(lists: Any, width: int, where: str, first: int) -> np.ndarray:
    """Lists as an array `[rows, width]`; a null number and a null list are NaN."""
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
