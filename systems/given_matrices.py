"""Structures from matrices that another program made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..solver import Affine
from ..solver.parameterizations.affine_matrix import as_matrices
from .description import describe
from .matrix_files import read_matrices

OWNER = "matrices"
#: The array of an .npz file that is the constant matrix.
CONSTANT = "constant"


def matrices(
    basis: dict[str, Any] | str,
    *,
    constant: Any = None,
    parameter_names: list[str] | None = None,
    level_names: list[str] | None = None,
    unit: str = "",
    folder: str | None = None,
) -> Affine:
    """The matrix `A0 + sum_j x_j B_j` with the B_j from files, or from objects of other programs.

    A matrix is the name of a file (.npy, .npz, Matrix Market .mtx) or an array, a SciPy sparse
    matrix, a QuTiP or a QuSpin operator: anything with `toarray()`, `full()` or `__array__`. Files
    with pickled objects are refused, as loading them could run code.

    Args:
        basis: by the name of the parameter, its matrix. Or the name of one file with all matrices:
            an .npz file whose arrays have the names of the parameters, and perhaps an array
            `constant`; or an .npy file of shape [p, n, n].
        constant: A0, the part without parameter; None for zero.
        parameter_names: one name for each matrix of an .npy file [p, n, n]; x0, x1, ... when None.
        level_names: one name for each level, in ascending order; None for no names.
        unit: the unit of the levels, and of the parameters, such as "cm^-1".
        folder: the folder of relative file names; the working directory when None.

    Returns:
        The structure, with names and unit.

    Raises:
        ValueError: for a file that cannot be read, or a matrix that is not finite, not symmetric or
            Hermitian, zero, or of another size than the others; the message names parameter and
            file.
        FileNotFoundError: for a file that is not there.
        ImportError: for a file that needs SciPy, without SciPy, which the extra `systems` installs.

    Example:
        >>> two_level = matrices({"gap": np.diag([0.0, 1.0]), "v": [[0.0, 1.0], [1.0, 0.0]]})
        >>> SpectralSolver(two_level).spectrum([[3.0, 2.0]]).numpy().round(9).tolist()
        [[-1.0, 4.0]]
    """
    where = Path() if folder is None else Path(folder)
    if isinstance(basis, str):
        found = _all_of_one_file(basis, where, parameter_names)
        if CONSTANT in found and constant is not None:
            raise ValueError(
                f"{OWNER}: constant is given, and {basis!r} has an array {CONSTANT!r}; leave out "
                "one of them."
            )
        constant = found.pop(CONSTANT, constant)
    elif isinstance(basis, Mapping):
        if parameter_names is not None:
            raise ValueError(
                f"{OWNER}: parameter_names are the keys of basis, {', '.join(map(str, basis))}; "
                f"leave out parameter_names, got {parameter_names!r}."
            )
        found = dict(basis)
    else:
        raise ValueError(
            f"{OWNER}: basis must be a dict of matrices by parameter name, or the name of a file "
            f"with all of them, got {type(basis).__name__}."
        )
    checked = {name: _matrix(f"basis[{name!r}]", matrix, where) for name, matrix in found.items()}
    if not checked:
        raise ValueError(f"{OWNER}: basis must have at least one matrix, got {basis!r}.")
    fixed = None if constant is None else _matrix(CONSTANT, constant, where)
    _check_sizes([*checked.items(), *([] if fixed is None else [(CONSTANT, fixed)])])
    for name, matrix in checked.items():
        if not matrix.any():
            raise ValueError(
                f"{OWNER}: basis[{name!r}] is the zero matrix, so the parameter has no effect; "
                "leave it out."
            )
    names = [str(name) for name in checked]
    structure = Affine(fixed, list(checked.values()), names, level_names=level_names)
    describe(structure, unit, names, None)
    return structure


def _all_of_one_file(name: str, folder: Path, names: list[str] | None) -> dict[str, Any]:
    """All matrices of a file, by parameter name."""
    found = read_matrices(OWNER, "basis", folder / name)
    if None not in found:
        if names is not None:
            raise ValueError(
                f"{OWNER}: parameter_names are the names of the arrays in {name!r}; leave out "
                f"parameter_names, got {names!r}."
            )
        return {str(key): matrix for key, matrix in found.items()}
    stack = found[None]
    if getattr(stack, "ndim", 2) != 3:
        raise ValueError(
            f"{OWNER}: basis: the file {name!r} must hold matrices [p, n, n], got shape "
            f"{np.shape(stack)}; a file with one matrix is given by parameter, "
            f"basis={{'a': {name!r}}}."
        )
    names = [f"x{place}" for place in range(len(stack))] if names is None else names
    if len(names) != len(stack) or len({*names}) < len(names):
        raise ValueError(
            f"{OWNER}: parameter_names must be {len(stack)} different names, one for each matrix "
            f"in {name!r}, got {names!r}."
        )
    return dict(zip(names, stack, strict=True))


def _matrix(argument: str, given: Any, folder: Path) -> np.ndarray:
    """One matrix `[n, n]`, from a file or an object; checked."""
    if isinstance(given, str):
        found = read_matrices(OWNER, argument, folder / given)
        argument = f"{argument}, the file {given!r},"
        if len(found) != 1:
            raise ValueError(
                f"{OWNER}: {argument} must hold one matrix, got the arrays "
                f"{', '.join(map(str, found))}; pass the file as basis to take all of them."
            )
        (given,) = found.values()
    return as_matrices(OWNER, argument, given, rank=2)


def _check_sizes(every: list[tuple[str, np.ndarray]]) -> None:
    first, reference = every[0]
    size = len(reference)
    for name, matrix in every:
        if len(matrix) != size:
            raise ValueError(
                f"{OWNER}: all matrices must have the size of that of {first!r}, {size} x {size}, "
                f"but that of {name!r} is {len(matrix)} x {len(matrix)}."
            )
