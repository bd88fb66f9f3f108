"""The entry point: a solver becomes a version directory with a checked SavedModel in it."""

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

    Derivatives are exported too: a `tf.GradientTape` around a reloaded signature works, once for
    the answer of a fit, twice for the spectrum and the loss.

    Beside the graph, in `assets.extra`, stand requests that a server replays before the model is
    available (`tf_serving_warmup_requests`), what the model was made from (`eigenfit.json`, read it
    with `load_solver_info`) and what was compared and measured (`validation.json`).

    Args:
        solver: what to export.
        base_dir: the directory of the model; its versions are directories in it. Made if needed.
        version: a positive integer; the number after the highest existing version when None.
        keep: remove old models until so many are left, never one above the version written; None
            keeps all. Files, and directories without a graph, are neither counted nor removed.
        units: for people: the unit of the levels under "levels", and of parameters by name.
        relative_tolerance: how far an answer of the reloaded model may differ from the solver's,
            relative to its magnitude or that of the inputs; 1e4 units in the last place when None.
        measure_latency: whether the report shall have the time of a call at 1 and 1024 rows.

    Returns:
        The path of the version directory.

    Raises:
        ValueError: for an argument of the wrong kind, or a matrix function that calls Python, must
            be compiled by XLA, reads a resource other than variables, such as a lookup table, reads
            or writes files, draws random numbers or assigns to variables.
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
        for name, function in traced.items():  # now, for a difference that was seen says more
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
    # Real numbers have an order, but the class `numbers.Real` declares none against int.
    if value is not None and not (number and 0 <= value < 1):  # pyright: ignore[reportOperatorIssue]
        raise ValueError(
            f"export_saved_model: relative_tolerance must be a number from 0 to below 1, got "
            f"{value!r}; leave it out for the default."
        )


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
