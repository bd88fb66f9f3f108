"""Find and check the files of a dataset, and cut their rows into fragments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .model import ExportedModel
from .worker import Fragment, as_conditions, as_levels

_KINDS = {".npy": "npy", ".parquet": "parquet", ".pq": "parquet"}


def find_files(source: str | os.PathLike[str]) -> list[Path]:
    """The files of a dataset, NPY or Parquet, in the order of their names."""
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


def cut(files: list[Path], model: ExportedModel, column: str, fragment_rows: int) -> list[Fragment]:
    """Check every file and cut its rows into fragments, Parquet files between row groups only."""
    fragments: list[Fragment] = []
    row_id, width = 0, model.width
    _check_conditions(files, model, column)
    for path in files:
        stat, npy = path.stat(), _KINDS[path.suffix] == "npy"
        groups, dtype = _check_npy(path, model) if npy else _check_parquet(path, column, model)
        if dtype.kind != "f" or not np.can_cast(dtype, model.dtype, "safe"):
            raise ValueError(
                f"fit_dataset: {path} holds {dtype}; the model takes {model.dtype}, and only a "
                "real floating-point type that it can hold without rounding is converted. Convert "
                "the data, or export a model with that dtype."
            )
        if npy:  # cut anywhere
            whole, last = divmod(groups[0], fragment_rows)
            groups = [fragment_rows] * whole + [last] * bool(last)
        first = rows = begin = 0
        levels = Fragment(
            str(path),
            stat.st_size,
            stat.st_mtime_ns,
            None if npy else column,
            width,
            model.condition_names,
            model.conditions_limit,
        )
        for number, size in enumerate(groups):
            rows += size
            if rows and (rows >= fragment_rows or number == len(groups) - 1):
                fragments.append(
                    levels._replace(
                        first=first, rows=rows, row_id=row_id + first, groups=(begin, number + 1)
                    )
                )
                first, rows, begin = first + rows, 0, number + 1
        row_id += first
    return fragments


def _check_conditions(files: list[Path], model: ExportedModel, column: str) -> None:
    """Raise if the model asks for conditions and the files cannot have them."""
    names = model.condition_names
    if not names:
        return
    asked = f"fit_dataset: the model asks for conditions ({', '.join(names)})"
    if _KINDS[files[0].suffix] == "npy":
        raise ValueError(
            f"{asked}, which .npy files do not have; write the spectra as Parquet, with the levels "
            f"in the column {column!r} and the conditions in columns of these names, in each row a "
            f"list of up to {model.conditions_limit} numbers."
        )
    if column in names:
        raise ValueError(
            f"{asked}, and {column!r} is also the column of the levels; give the levels another "
            "column and name it as targets_column."
        )


def describe_files(root: str | os.PathLike[str], files: list[Path]) -> list[list[Any]]:
    """Name, size in bytes and modification time in ns of each file, to recognize the dataset."""
    base = Path(root).absolute()
    base = base.parent if base.is_file() else base
    stats = [(path.relative_to(base).as_posix(), path.stat()) for path in files]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _check_npy(path: Path, model: ExportedModel) -> tuple[list[int], np.dtype]:
    """The number of rows and the dtype of an NPY file."""
    try:
        levels = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged header raises nearly any kind
        raise ValueError(f"fit_dataset: {path} is no readable .npy file: {error}") from error
    if levels.ndim != 2 or levels.shape[1] != model.width:
        raise ValueError(
            f"fit_dataset: {path} has the shape {list(levels.shape)}; the model takes [rows, "
            f"{model.width}]."
        )
    return [levels.shape[0]], levels.dtype


def _check_parquet(path: Path, column: str, model: ExportedModel) -> tuple[list[int], np.dtype]:
    """The number of rows of each row group, and the dtype of the levels.

    The schema has the width of fixed-size lists. For other lists the number of values in the footer
    must be rows times width; a row group where it is not is read and checked.
    """
    width, where = model.width, f"column {column!r} of {path}"
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
        lists = fixed or pa.types.is_list(kind) or pa.types.is_large_list(kind)
        right_width = not fixed or kind.list_size == width
        if not (lists and right_width and pa.types.is_floating(kind.value_type)):
            raise ValueError(
                f"fit_dataset: {where} has the type {kind}; it must hold a list of {width} "
                "floating-point numbers in each row."
            )
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        for number, group in enumerate(groups):
            if not fixed and _values(group, column) != group.num_rows * width:
                first = sum(group.num_rows for group in groups[:number])
                lists = file.read_row_group(number, columns=[column], use_threads=False)[column]
                as_levels(lists.combine_chunks(), width, where, first)
        for name in model.condition_names:
            _check_condition(file, path, name, model)
        return [group.num_rows for group in groups], np.dtype(kind.value_type.to_pandas_dtype())


def _check_condition(file: pq.ParquetFile, path: Path, name: str, model: ExportedModel) -> None:
    """Check the type of a column of conditions, and that no row has more than the model takes."""
    schema, limit = file.schema_arrow, model.conditions_limit
    wanted = f"a list of up to {limit} numbers in each row, or one number"
    if name not in schema.names:
        raise ValueError(
            f"fit_dataset: the model asks for conditions ({', '.join(model.condition_names)}), and "
            f"{path} has no column {name!r}; it has {', '.join(schema.names)}. Write one with "
            f"{wanted}."
        )
    kind = schema.field(name).type
    if isinstance(kind, pa.ExtensionType):
        kind = kind.storage_type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    lists = lists or pa.types.is_fixed_size_list(kind)
    number = kind.value_type if lists else kind
    real = pa.types.is_floating(number) or pa.types.is_integer(number)
    if not real or not np.can_cast(number.to_pandas_dtype(), model.dtype, "safe"):
        raise ValueError(
            f"fit_dataset: column {name!r} of {path} has the type {kind}; it must hold {wanted}, "
            f"of a type that {model.dtype} can hold without rounding."
        )
    first = 0
    for place in range(file.num_row_groups if lists else 0):
        values = file.read_row_group(place, columns=[name], use_threads=False)[name]
        as_conditions(values.combine_chunks(), limit, f"column {name!r} of {path}", first)
        first += len(values)


def _values(group: Any, column: str) -> int:
    """The number of values in the lists of a row group; a null list counts as one."""
    chunks = [group.column(place) for place in range(group.num_columns)]
    return sum(
        chunk.num_values
        for chunk in chunks
        if chunk.path_in_schema.startswith(f"{column}.") or chunk.path_in_schema == column
    )
