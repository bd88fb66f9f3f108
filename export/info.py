"""The description of an exported model: `eigenfit.json`, for people and for clients."""

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
from ..solver.description import describe_structure
from .digest import digest_model
from .signatures import Signature

#: The description inside a version directory.
INFO_FILE = "assets.extra/eigenfit.json"
_FORMAT = 1
# The fields that programs rely on, and their types.
_FIELDS = {
    "graph_sha256": str,
    "model_sha256": str,
    "parameter_names": list,
    "num_targets": int,
    "signatures": dict,
}


def describe(
    directory: Path,
    signatures: Mapping[str, Signature],
    solver: SpectralSolver,
    units: Mapping[str, str] | None,
) -> dict[str, Any]:
    """The description of a model as plain data for JSON.

    Args:
        directory: of the SavedModel.
        signatures: of the model, by name.
        solver: the exported one.
        units: by parameter name, and "levels", where they differ from those of the structure; see
            `export_saved_model`.
    """
    structure, targets = solver.parameterization, solver.target_names
    own = {**structure.parameter_units, "levels": structure.level_unit or None}
    units = {**own, **(units or {})}
    return {
        "format": _FORMAT,
        "eigenfit_version": _version(),
        "tensorflow_version": tf.__version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "graph_sha256": _digest_graph(directory),
        "model_sha256": digest_model(directory),
        **describe_structure(structure),
        "parameter_units": {name: units.get(name) for name in structure.parameter_names},
        "level_unit": units.get("levels"),
        "target_names": None if targets is None else list(targets),
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
    """Read the description of an exported model and check that its files are unchanged.

    Args:
        version_dir: the path that `export_saved_model` returned.

    Returns:
        Names and units of the parameters, the names of members, levels and targets (`member_names`,
        `level_names`, `target_names`; None where there are none), the observation, the method,
        tolerances, the inputs of every signature, versions, and the digests of the graph alone
        (`graph_sha256`) and of graph, variables and assets (`model_sha256`).

    Raises:
        FileNotFoundError: if there is no description; eigenfit did not export the model.
        ValueError: if the description is damaged, was written by a newer eigenfit, or does not
            match the graph, the variables or the assets beside it.

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
    info = _read_info(path)
    for name, kind, found in (
        ("graph_sha256", "another graph", _digest_graph(Path(version_dir))),
        ("model_sha256", "other variables or assets", digest_model(version_dir)),
    ):
        if info[name] != found:
            raise ValueError(
                f"load_solver_info: {path} describes {kind} than what stands beside it; a file of "
                "the model was changed, exchanged, added or removed after the export. Export again."
            )
    return info


def _read_info(path: Path) -> dict[str, Any]:
    """Read a description and check every field that programs rely on.

    Raises:
        ValueError: if it is not a valid description.
    """
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"load_solver_info: {path} cannot be read ({type(error).__name__}: {error}); it is "
            "damaged. Export again."
        ) from error
    if not isinstance(info, dict):
        raise ValueError(
            f"load_solver_info: {path} must hold a JSON object, got a {type(info).__name__}; it is "
            "damaged. Export again."
        )
    number = info.get("format")
    if isinstance(number, int) and number > _FORMAT:
        raise ValueError(
            f"load_solver_info: {path} has format {number}, this eigenfit knows up to {_FORMAT}; "
            f"it was written by eigenfit {info.get('eigenfit_version')}. Update eigenfit."
        )
    wrong = [name for name, kind in _FIELDS.items() if not isinstance(info.get(name), kind)]
    if isinstance(number, bool) or number != _FORMAT:
        wrong.insert(0, "format")
    if not wrong and not _are_names(info["parameter_names"]):
        wrong.append("parameter_names")
    if wrong:
        raise ValueError(
            f"load_solver_info: {path} lacks {', '.join(wrong)}, or has something else there; it "
            "is damaged, or older than this eigenfit. Export again."
        )
    return info


def _are_names(names: list[Any]) -> bool:
    """Whether the list holds at least one name, all of them different strings."""
    return bool(names) and all(isinstance(n, str) for n in names) and len(set(names)) == len(names)


def write_json(directory: Path, name: str, data: Mapping[str, Any]) -> None:
    """Write data as JSON into a version directory, with infinity and NaN as strings."""
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(_plain(data), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _digest_graph(directory: Path) -> str:
    """The SHA-256 of `saved_model.pb`; that of no bytes if there is no such file."""
    path = directory / "saved_model.pb"
    return hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()


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
