"""`export_saved_model`: write a solver as a checked SavedModel in a version directory."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..solver import SpectralSolver
from .info import INFO_FILE, describe, write_json
from .publishing import (
    check_base_dir,
    check_keep,
    check_version,
    publish,
    remove_old_versions,
    staging_directory,
)
from .report import REPORT_FILE, make_report, measure_latencies
from .signatures import check_repeats, check_runs_anywhere, signatures_of, trace
from .validation import allowed_difference, validate
from .warmup import replay_warmup, write_warmup


def export_saved_model(
    solver: SpectralSolver,
    base_dir: str | os.PathLike[str],
    version: int | None = None,
    *,
    keep: int | None = None,
    units: Mapping[str, str] | None = None,
    relative_tolerance: float | None = None,
    measure_latency: bool = True,
) -> str:
    """Write a solver as a SavedModel that needs neither this package nor Python.

    The model is written under a temporary name, reloaded, compared with the solver on a few rows,
    and then renamed to its version number, so a server that watches `base_dir` never sees half a
    model. `signatures.signatures_of` lists the signatures.

    Derivatives are exported too: a `tf.GradientTape` around a reloaded signature gives first
    derivatives of the answer of a fit, and second derivatives of the spectrum and the loss.

    The directory `assets.extra` beside the graph holds requests that a server replays before the
    model is available (`tf_serving_warmup_requests`), a description of the model (`eigenfit.json`,
    see `load_solver_info`) and the validation report (`validation.json`).

    Args:
        solver: to export.
        base_dir: the directory of the model; its versions are subdirectories. Created if needed.
        version: a positive integer; the number after the highest existing version when None.
        keep: remove old models until this many are left, never one above the version written; None
            keeps all. Files, and directories without a graph, are neither counted nor removed.
        units: of the levels (key "levels") and of parameters by name, for the description; where
            none is given, those that the structure has.
        relative_tolerance: largest difference between the reloaded model and the solver, relative
            to the magnitude of the output or of the inputs; 1e4 machine epsilons when None.
        measure_latency: whether the report has the time of a call with 1 and 1024 rows.

    Returns:
        The path of the version directory.

    Raises:
        ValueError: for an invalid argument, or a matrix function that calls Python, must be
            compiled by XLA, reads a resource other than a variable (such as a lookup table), reads
            or writes files, draws random numbers or assigns to variables.
        FileExistsError: if the version exists.
        NotADirectoryError: if `base_dir` is a file.
        RuntimeError: if the reloaded model gives other answers. After any error no files are left.

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
    check_keep(keep)
    _check_units(units, solver)
    _check_tolerance(relative_tolerance)
    signatures = signatures_of(solver)
    traced = {name: trace(signature) for name, signature in signatures.items()}
    for name, function in traced.items():
        check_runs_anywhere(name, function)
    with staging_directory(base) as staged:
        _write(staged, traced)
        write_warmup(staged, signatures, solver)
        reloaded = tf.saved_model.load(str(staged))
        differences = validate(reloaded, signatures, solver, relative_tolerance)
        for name, function in traced.items():  # after `validate`, whose message is more specific
            check_repeats(name, function)
        replayed = replay_warmup(staged, reloaded)
        latencies = measure_latencies(reloaded, signatures, solver) if measure_latency else None
        tolerance = allowed_difference(solver, relative_tolerance)
        write_json(staged, REPORT_FILE, make_report(differences, latencies, replayed, tolerance))
        write_json(staged, INFO_FILE, describe(staged, signatures, solver, units))
        published = publish(staged, base, number)
        if keep is not None:
            remove_old_versions(base, keep, newest=int(published.name))
        return str(published)


def _check_units(units: Any, solver: SpectralSolver) -> None:
    known = ("levels", *solver.parameterization.parameter_names)
    if units is None:
        return
    if not isinstance(units, Mapping):
        raise ValueError(
            "export_saved_model: units must be a mapping such as {'levels': 'cm^-1'}, got "
            f"{units!r}; the names are {', '.join(known)}."
        )
    for name, unit in units.items():
        if name not in known or not isinstance(unit, str):
            raise ValueError(
                f"export_saved_model: units must be strings by parameter name or 'levels', got "
                f"{name!r}: {unit!r}; the names are {', '.join(known)}."
            )


def _check_tolerance(value: Any) -> None:
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    # `numbers.Real` declares no comparison with int.
    if value is not None and not (number and 0 <= value < 1):  # pyright: ignore[reportOperatorIssue]
        raise ValueError(
            f"export_saved_model: relative_tolerance must be a number from 0 to below 1, got "
            f"{value!r}; leave it out for the default."
        )


class _Root(tf.Module):
    """Holds the variables that the matrix function reads, so that they are saved."""

    def __init__(self, variables: list[tf.Variable]):
        super().__init__()
        self.read_by_matrix = variables


def _write(directory: Path, traced: Mapping[str, Any]) -> None:
    """Save the signatures and the variables that they read."""
    root = _Root([variable for function in traced.values() for variable in function.variables])
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(root, str(directory), signatures=dict(traced), options=options)
