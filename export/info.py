"""What a SavedModel was made from: a file beside it, for people and for clients."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..solver import SpectralSolver
from .signatures import Signature

#: The description inside a version directory.
INFO_FILE = "assets.extra/eigenfit.json"
_FORMAT = 1


def describe(
    directory: Path,
    signatures: Mapping[str, Signature],
    solver: SpectralSolver,
    units: Mapping[str, str] | None,
) -> dict[str, Any]:
    """The description of a model as plain data for JSON.

    Args:
        directory: holds the SavedModel.
        signatures: what it offers, by name.
        solver: what it was made from.
        units: by parameter name, and "levels"; see `export_saved_model`.
    """
    structure = solver.parameterization
    units = dict(units or {})
    return {
        "format": _FORMAT,
        "eigenfit_version": _version(),
        "tensorflow_version": tf.__version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "graph_sha256": digest(directory),
        "parameterization": type(structure).__name__,
        "parameter_names": list(structure.parameter_names),
        "parameter_units": {name: units.get(name) for name in structure.parameter_names},
        "level_unit": units.get("levels"),
        "num_levels": structure.size,
        "level_counts": list(structure.level_counts),
        "num_targets": solver.num_targets,
        "dtype": solver.dtype.name,
        **solver.describe(),
        "signatures": {
            name: {
                str(spec.name): {"shape": spec.shape.as_list(), "dtype": spec.dtype.name}
                for spec in signature.inputs
            }
            for name, signature in signatures.items()
        },
    }


def load_solver_info(version_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what an exported model was made from.

    Args:
        version_dir: the path that `export_saved_model` returned.

    Returns:
        Names and units of the parameters, the observation, the method, tolerances, the inputs of
        every signature, versions and a digest of the graph.

    Raises:
        FileNotFoundError: if there is no such file: the model is not one of eigenfit.
        ValueError: if the file was written by a newer eigenfit, or for another graph.

    Example:
        >>> import tempfile
        >>> version_dir = export_saved_model(SpectralSolver(Toeplitz(2)), tempfile.mkdtemp())
        >>> load_solver_info(version_dir)["parameter_names"]
        ['r0', 'r1']
    """
    path = Path(version_dir) / INFO_FILE
    if not path.exists():
        raise FileNotFoundError(
            f"load_solver_info: {path} does not exist; pass the version directory that "
            "export_saved_model returned, such as models/name/1."
        )
    info = json.loads(path.read_text())
    if info["format"] > _FORMAT:
        raise ValueError(
            f"load_solver_info: {path} has format {info['format']}, this eigenfit knows up to "
            f"{_FORMAT}; it was written by eigenfit {info['eigenfit_version']}. Update eigenfit."
        )
    if info["graph_sha256"] != digest(Path(version_dir)):
        raise ValueError(
            f"load_solver_info: {path} describes another graph than the one beside it; the "
            "saved_model.pb was changed or exchanged after the export. Export again."
        )
    return info


def write_json(directory: Path, name: str, data: Mapping[str, Any]) -> None:
    """Write data into a version directory, with infinity and NaN as strings."""
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(_plain(data), indent=2, allow_nan=False) + "\n")


def digest(directory: Path) -> str:
    """The SHA-256 of the graph in a version directory."""
    return hashlib.sha256((directory / "saved_model.pb").read_bytes()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else str(float(value))
    if isinstance(value, np.integer):
        return int(value)
    return value


def _version() -> str:
    try:
        return importlib.metadata.version("eigenfit")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
