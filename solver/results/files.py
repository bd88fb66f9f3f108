"""Read and write an `Archive`: NPZ, JSON, CSV and Parquet.

NPZ and JSON hold the arrays as they are. CSV and Parquet hold one table: a line for each solution
of each row, a column for each number; the description, with the shapes and dtypes of the arrays,
stands in a comment line before it, or in the metadata.
"""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from eigenfit.extras import need
from eigenfit.whole_file import write_whole

from .archive import Archive

# What stands before the description in a CSV file.
_COMMENT = "# eigenfit result: "
# The key of the description in the metadata of Parquet, and its name in NPZ.
_KEY = "eigenfit"


def write(path: str | os.PathLike[str], archive: Archive) -> None:
    """Write an archive in the format of the end of the path; the file is whole or not there."""
    path = Path(path)
    content = _format("save", path)[0](archive)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {path.parent} does not exist; make it first.")
    write_whole(path, content)


def read(path: str | os.PathLike[str]) -> Archive:
    """Read an archive.

    Raises:
        ValueError: if the file is none.
    """
    path = Path(path)
    decode = _format("FitResult.load", path)[1]
    content = path.read_bytes()
    try:
        return decode(content)
    except (KeyError, IndexError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"FitResult.load: {path} is no result of eigenfit, or is damaged "
            f"({type(error).__name__}: {error}); write it again with fit.save."
        ) from error


def _to_npz(archive: Archive) -> bytes:
    file = io.BytesIO()
    arrays: dict[str, Any] = {_KEY: np.array(_described(archive)), **archive.arrays}
    np.savez(file, **arrays)
    return file.getvalue()


def _from_npz(content: bytes) -> Archive:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    description, _ = _parts(str(arrays.pop(_KEY)))
    return Archive(description, arrays, tuple(description.pop("per_solution")))


def _to_json(archive: Archive) -> bytes:
    whole = json.loads(_described(archive))
    for name, array in archive.arrays.items():
        whole["arrays"][name]["values"] = _strict(array.tolist())
    return (json.dumps(whole, indent=1, allow_nan=False) + "\n").encode()


def _from_json(content: bytes) -> Archive:
    description, layout = _parts(content.decode())
    arrays = {
        name: np.array(part["values"], part["dtype"]).reshape(part["shape"])
        for name, part in layout.items()
    }
    return Archive(description, arrays, tuple(description.pop("per_solution")))


def _to_csv(archive: Archive) -> bytes:
    file = io.StringIO()
    file.write(_COMMENT + _described(archive) + "\n")
    columns = _columns(archive)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    # float() shows all digits, those of float32 too.
    parts = [
        [repr(float(x)) for x in column] if column.dtype.kind == "f" else map(str, column.tolist())
        for column in columns.values()
    ]
    writer.writerows(zip(*parts, strict=True))
    return file.getvalue().encode()


def _from_csv(content: bytes) -> Archive:
    comment, _, table = content.decode().partition("\n")
    if not comment.startswith(_COMMENT):
        raise ValueError(f"its first line does not begin with {_COMMENT!r}")
    description, layout = _parts(comment.removeprefix(_COMMENT))
    header, *lines = csv.reader(io.StringIO(table))
    columns = dict(zip(header, zip(*lines, strict=True), strict=True)) if lines else {}
    return _from_columns(description, layout, columns)


def _to_parquet(archive: Archive) -> bytes:
    need("results", "pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({name: pa.array(column) for name, column in _columns(archive).items()})
    file = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata({_KEY: _described(archive)}), file)
    return file.getvalue()


def _from_parquet(content: bytes) -> Archive:
    need("results", "pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from None
    description, layout = _parts((table.schema.metadata or {})[_KEY.encode()].decode())
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return _from_columns(description, layout, columns)


def _described(archive: Archive) -> str:
    """The description, with shapes and dtypes, as JSON in one line."""
    layout = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in archive.arrays.items()
    }
    whole = {**archive.description, "per_solution": archive.per_solution, "arrays": layout}
    return json.dumps(whole, allow_nan=False)


def _parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The description and the layout of the arrays from JSON."""
    whole = json.loads(text)
    if not isinstance(whole, dict) or "eigenfit_result" not in whole:
        raise ValueError("it has no description of a result")
    layout = whole.pop("arrays")
    return whole, layout


def _columns(archive: Archive) -> dict[str, np.ndarray]:
    """The columns of the table; what each row has once is repeated for each of its solutions."""
    ends = archive.arrays["status"].shape
    several = 1 if len(ends) == 1 else ends[1]
    rows, places = np.indices((ends[0], several)).reshape(2, -1)
    columns = {"row": rows, "solution": places}
    for name, array in archive.arrays.items():
        if name not in archive.per_solution:
            array = np.repeat(array, several, axis=0)
            inner = array.shape[1:]
        else:
            inner = array.shape[len(ends) :]
        flat = array.reshape(ends[0] * several, int(np.prod(inner)))
        columns |= zip(_names(name, inner), flat.T, strict=True)
    return columns


def _names(name: str, inner: tuple[int, ...]) -> list[str]:
    """The names of the columns of one array: `loss`, `parameters[0]`, `covariance[0,1]`."""
    if not inner:
        return [name]
    return [f"{name}[{','.join(map(str, place))}]" for place in np.ndindex(*inner)]


def _from_columns(
    description: dict[str, Any], layout: dict[str, Any], columns: dict[str, Any]
) -> Archive:
    """The arrays from the columns of the table."""
    per_solution = tuple(description.pop("per_solution"))
    ends = tuple(layout["status"]["shape"])
    arrays = {}
    for name, part in layout.items():
        once = name not in per_solution
        shape, dtype = tuple(part["shape"]), np.dtype(part["dtype"])
        inner = shape[1:] if once else shape[len(ends) :]
        if 0 in shape:
            arrays[name] = np.zeros(shape, dtype)
            continue
        found = [_as(dtype, columns[column]) for column in _names(name, inner)]
        table = np.stack(found, axis=-1)
        if once and len(ends) == 2:
            table = table[:: ends[1]]
        arrays[name] = table.reshape(shape)
    return Archive(description, arrays, per_solution)


def _as(dtype: np.dtype, column: Any) -> np.ndarray:
    """A column of numbers, or of text that shows numbers."""
    if isinstance(column, tuple) and dtype.kind == "f":
        return np.array([float(text) for text in column]).astype(dtype)
    return np.asarray(column).astype(dtype)


def _strict(value: Any) -> Any:
    """Nested lists with `"nan"`, `"inf"` and `"-inf"` in place of numbers that JSON lacks."""
    if isinstance(value, list):
        return [_strict(part) for part in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


_FORMATS: dict[str, tuple[Callable[[Archive], bytes], Callable[[bytes], Archive]]] = {
    ".csv": (_to_csv, _from_csv),
    ".json": (_to_json, _from_json),
    ".npz": (_to_npz, _from_npz),
    ".parquet": (_to_parquet, _from_parquet),
}


def _format(
    owner: str, path: Path
) -> tuple[Callable[[Archive], bytes], Callable[[bytes], Archive]]:
    """Writer and reader of the format that the path ends in."""
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise ValueError(
            f"{owner}: path must end in {', '.join(_FORMATS)}, got {os.fspath(path)!r}."
        )
    return found
