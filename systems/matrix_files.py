"""Matrices from files: NumPy's .npy and .npz, SciPy's sparse .npz, Matrix Market."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from eigenfit.extras import need

# What scipy.sparse.save_npz writes beside the numbers.
_OF_SPARSE = {"format", "shape"}


def read_matrices(owner: str, argument: str, path: Path) -> dict[str | None, Any]:
    """The matrices in a file, by name; by None where the file has one without name.

    Args:
        owner: the system named in error messages.
        argument: the argument named in error messages.
        path: a file whose name ends in .npy, .npz, .mtx, .mtx.gz or .mtx.bz2.

    Returns:
        Arrays or sparse matrices.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another kind of file, or one that cannot be read.
        ImportError: for a file that needs SciPy, without SciPy.
    """
    name = path.name.lower()
    readers: dict[str, Callable[[Path], dict[str | None, Any]]] = {
        ".npy": _npy,
        ".npz": _npz,
        ".mtx": _matrix_market,
        ".mtx.gz": _matrix_market,
        ".mtx.bz2": _matrix_market,
    }
    ending = next((ending for ending in readers if name.endswith(ending)), None)
    if ending is None:
        raise ValueError(
            f"{owner}: {argument}: the name of a file must end in {', '.join(readers)}, got "
            f"{str(path)!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"{owner}: {argument}: there is no file {str(path)!r}; relative names count from "
            f"{str(Path.cwd())!r}, or from `folder`."
        )
    try:
        return readers[ending](path)
    except ImportError:
        raise
    except Exception as error:  # what a damaged file raises differs between readers
        raise ValueError(
            f"{owner}: {argument}: the file {str(path)!r} cannot be read as {ending}: {error}"
        ) from error


def _npy(path: Path) -> dict[str | None, Any]:
    return {None: np.load(path, allow_pickle=False)}


def _npz(path: Path) -> dict[str | None, Any]:
    with np.load(path, allow_pickle=False) as archive:
        if {*archive.files} >= _OF_SPARSE:
            need("systems", "scipy")
            from scipy import sparse

            return {None: sparse.load_npz(path)}
        return {name: archive[name] for name in archive.files}


def _matrix_market(path: Path) -> dict[str | None, Any]:
    need("systems", "scipy")
    from scipy import io

    return {None: io.mmread(path)}
