"""The dataset: which files, which rows, and how they are cut into fragments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .model import ModelInput
from .npy import check_npy
from .parquet import check_parquet

_KINDS = {".npy": "npy", ".parquet": "parquet", ".pq": "parquet"}


def find_files(source: str | os.PathLike[str]) -> list[Path]:
    """The files of a dataset, in the order of their names.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if a file is neither NPY nor Parquet, or a directory holds both.
    """
    root = Path(source).absolute()
    if root.is_dir():
        hidden = (".", "_")
        files = sorted(
            path
            for path in root.rglob("*")
            if path.suffix in _KINDS
            and path.is_file()
            and not any(part.startswith(hidden) for part in path.relative_to(root).parts)
        )
    else:
        files = [root] if root.exists() else []
    if not files:
        raise FileNotFoundError(
            f"fit_dataset: {root} is no .npy or .parquet file, and no directory with some."
        )
    kinds = {_KINDS.get(path.suffix) for path in files}
    if None in kinds or len(kinds) > 1:
        raise ValueError(
            f"fit_dataset: {root} must be .npy or .parquet, or a directory with one kind of them; "
            f"got {', '.join(sorted({path.suffix or path.name for path in files}))}."
        )
    return files


def cut(
    files: list[Path], model: ModelInput, column: str, fragment_rows: int
) -> list[dict[str, Any]]:
    """Check every file and cut its rows into fragments.

    Args:
        files: all NPY or all Parquet.
        model: what the rows shall fit.
        column: with the levels, in Parquet files.
        fragment_rows: rows of a fragment. Parquet files are cut between row groups only.

    Returns:
        For each fragment: number, path, kind, size and mtime of the file, the first row in the
        file, rows, row_id (of the first row in the dataset) and the row groups.

    Raises:
        ValueError: for a wrong width, column or dtype.
    """
    fragments: list[dict[str, Any]] = []
    row_id = 0
    for path in files:
        kind = _KINDS[path.suffix]
        stat = path.stat()
        if kind == "npy":
            rows, dtype = check_npy(path, model.width)
            spans = [
                (begin, min(fragment_rows, rows - begin), 0, 0)
                for begin in range(0, rows, fragment_rows)
            ]
        else:
            groups, dtype = check_parquet(path, column, model.width)
            spans = _join(groups, fragment_rows)
        _check_dtype(path, dtype, model)
        for first, count, group_begin, group_end in spans:
            fragments.append(
                {
                    "number": len(fragments),
                    "path": str(path),
                    "kind": kind,
                    "size": stat.st_size,
                    "mtime_ns": stat.st_mtime_ns,
                    "first": first,
                    "rows": count,
                    "row_id": row_id + first,
                    "group_begin": group_begin,
                    "group_end": group_end,
                }
            )
        row_id += sum(span[1] for span in spans)
    return fragments


def describe_files(root: str | os.PathLike[str], files: list[Path]) -> list[list[Any]]:
    """Name, size and time of change of each file, to notice another dataset."""
    base = Path(root).absolute()
    stats = [(path, path.stat()) for path in files]
    return [
        [
            path.relative_to(base).as_posix() if path != base else path.name,
            stat.st_size,
            stat.st_mtime_ns,
        ]
        for path, stat in stats
    ]


def _join(groups: list[int], fragment_rows: int) -> list[tuple[int, int, int, int]]:
    """Row groups joined to spans: first row, rows, first group, the group after the last."""
    spans = []
    first = rows = begin = 0
    for number, size in enumerate(groups):
        rows += size
        if rows and (rows >= fragment_rows or number == len(groups) - 1):
            spans.append((first, rows, begin, number + 1))
            first, rows, begin = first + rows, 0, number + 1
    return spans


def _check_dtype(path: Path, dtype: np.dtype, model: ModelInput) -> None:
    if dtype.kind != "f" or not np.can_cast(dtype, model.dtype, "safe"):
        raise ValueError(
            f"fit_dataset: {path} holds {dtype}; the model takes {model.dtype}, and only a real "
            "floating-point type that it can hold without rounding is converted. Convert the data, "
            "or export a model with that dtype."
        )
