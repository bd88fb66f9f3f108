"""The entry point: a solver becomes a version directory with a checked SavedModel in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..solver import SpectralSolver
from .publishing import check_base_dir, check_version, publish, staging_directory
from .signatures import check_runs_anywhere, signatures_of, trace
from .validation import validate


def export_saved_model(
    solver: SpectralSolver, base_dir: str | os.PathLike[str], version: int | None = None
) -> str:
    """Write a solver as a SavedModel that needs neither this package nor Python.

    The model is written under a temporary name, reloaded, compared with the solver on a few rows,
    and then renamed to its version number, so a server that watches `base_dir` never sees half a
    model. `signatures.signatures_of` lists the signatures.

    Derivatives are exported too: a `tf.GradientTape` around a reloaded signature works, once for
    the answer of a fit, twice for the spectrum and the loss.

    Args:
        solver: what to export.
        base_dir: the directory of the model; its versions are directories in it. Made if needed.
        version: a positive integer; the number after the highest existing version when None.

    Returns:
        The path of the version directory.

    Raises:
        ValueError: for an argument of the wrong kind, or a matrix function that calls Python or
            must be compiled by XLA.
        FileExistsError: if the version exists.
        NotADirectoryError: if `base_dir` is a file.
        RuntimeError: if the reloaded model answers differently. After this and any other error,
            nothing is left behind.

    Example:
        >>> import tempfile
        >>> solver = SpectralSolver(Toeplitz(2))
        >>> version_dir = export_saved_model(solver, tempfile.mkdtemp())
        >>> fit = tf.saved_model.load(version_dir).signatures["serving_default"]
        >>> fit(targets=tf.constant([[1.0, 3.0]], tf.float64))["status"].numpy().tolist()
        [1]
    """
    if not isinstance(solver, SpectralSolver):
        raise ValueError(
            "export_saved_model: solver must be a SpectralSolver such as "
            f"SpectralSolver(Symmetric(3)), got {solver!r}."
        )
    base = check_base_dir(base_dir)
    number = check_version(version, base)
    signatures = signatures_of(solver)
    traced = {name: trace(signature) for name, signature in signatures.items()}
    for name, function in traced.items():
        check_runs_anywhere(name, function)
    with staging_directory(base) as staged:
        _write(staged, traced)
        validate(staged, signatures, solver)
        return str(publish(staged, base, number))


class _Root(tf.Module):
    """Holds the variables, if any, that a matrix function of the user reads, so they are saved."""

    def __init__(self, variables: list[tf.Variable]):
        super().__init__()
        self.read_by_matrix = variables


def _write(directory: Path, traced: Mapping[str, Any]) -> None:
    """Save the signatures, and nothing else of the solver."""
    root = _Root([variable for function in traced.values() for variable in function.variables])
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(root, str(directory), signatures=dict(traced), options=options)
