"""One file of answers: written under another name, renamed when whole. Goes to workers by value."""

from __future__ import annotations

import collections
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_KEY = "eigenfit"
_ROW_GROUP = 65536


def partition_path(directory: str | Path, number: int) -> Path:
    """Where the answers of a fragment go; names sort as the rows do."""
    return Path(directory) / f"part-{number:08d}.parquet"


def write_partition(
    directory: str | Path,
    fragment: Mapping[str, Any],
    answers: Iterable[Mapping[str, np.ndarray]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the answers of a fragment so that the file is there whole or not at all.

    Args:
        directory: of the results.
        fragment: its number, rows and row_id.
        answers: the outputs of the model `[rows, ...]` by name, piece by piece.
        facts: more for the receipt.

    Returns:
        The receipt, also kept in the footer of the file: number, rows, statuses and the facts.

    Raises:
        RuntimeError: if there are not as many answers as the fragment has rows.
    """
    path = partition_path(directory, fragment["number"])
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    statuses: collections.Counter[int] = collections.Counter()
    rows = 0
    writer = None
    try:
        for table in _tables(answers, fragment["row_id"], statuses):
            if writer is None:
                writer = pq.ParquetWriter(
                    hidden, table.schema, compression="zstd", use_dictionary=False
                )
            writer.write_table(table, row_group_size=_ROW_GROUP)
            rows += table.num_rows
        if rows != fragment["rows"] or writer is None:
            raise RuntimeError(f"expected {fragment['rows']} rows, got {rows}; the source changed.")
        counts = {str(code): count for code, count in sorted(statuses.items())}
        receipt = {"number": fragment["number"], "rows": rows, "statuses": counts, **facts}
        writer.add_key_value_metadata({_KEY: json.dumps(receipt)})
        writer.close()
        writer = None
        _sync(hidden)
        hidden.rename(path)
        _sync(path.parent)
    finally:
        if writer is not None:
            writer.close()
        hidden.unlink(missing_ok=True)
    return receipt


def read_receipt(path: Path) -> dict[str, Any] | None:
    """The receipt in the footer of a file; None if it has none or is damaged."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        return json.loads(metadata[_KEY.encode()])
    except (OSError, KeyError, ValueError):  # pyarrow.ArrowInvalid is a ValueError
        return None


def _tables(
    answers: Iterable[Mapping[str, np.ndarray]], row_id: int, statuses: collections.Counter[int]
) -> Iterable[Any]:
    """Pieces with their row numbers, joined to good row groups; counts statuses."""
    waiting: list[Any] = []
    for outputs in answers:
        status = outputs["status"].reshape(len(outputs["status"]), -1)[:, 0]
        codes, counts = np.unique(status, return_counts=True)
        statuses.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))
        numbers = np.arange(row_id, row_id + len(status), dtype=np.int64)
        columns = {"row_id": numbers, **dict(sorted(outputs.items()))}
        waiting.append(pa.table({name: _column(name, part) for name, part in columns.items()}))
        row_id += len(status)
        if sum(table.num_rows for table in waiting) >= _ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _column(name: str, values: np.ndarray) -> Any:
    """An array `[rows, ...]` as a column: numbers, lists of numbers, lists of lists."""
    if values.dtype.kind not in "biuf":
        raise TypeError(f"the output {name} is {values.dtype}; Parquet has no such numbers.")
    column = pa.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column


def _sync(path: Path) -> None:
    """Have the disk hold it, so that a machine that fails leaves no renamed empty file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
