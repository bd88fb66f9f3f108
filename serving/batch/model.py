"""Read and check an exported model by its description, without loading it into TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...export import load_solver_info
from ...export.publishing import newest_model, pattern_characters


class ExportedModel(NamedTuple):
    """An exported model whose signature `serving_default` fits targets."""

    directory: Path
    sha256: str  # see `digest_model`
    width: int  # levels of a spectrum
    dtype: np.dtype  # of the levels
    parameter_names: list[str]
    condition_names: tuple[str, ...] = ()  # of the d numbers of a condition; () if it takes none
    conditions_limit: int = 0  # K, the most conditions of a spectrum


def read_model(model_dir: str | os.PathLike[str]) -> ExportedModel:
    """Read the description of a model in a version directory; its files must be unchanged."""
    directory = Path(model_dir).absolute()
    if not (directory / "saved_model.pb").exists():
        newest = newest_model(directory)
        hint = "" if newest is None else f" Did you mean {newest}?"
        raise FileNotFoundError(
            f"{directory} is not the version directory of an exported model, such as "
            f"models/name/1.{hint}"
        )
    if pattern := pattern_characters(directory):
        raise ValueError(
            f"TensorFlow cannot load a model from a path with {pattern}, got {directory}; rename "
            "or copy it."
        )
    try:
        info = load_solver_info(directory)
        targets = info["signatures"]["serving_default"]["targets"]
        count = info["signatures"]["spectrum"]["parameters"]["shape"][-1]
        at = info["signatures"]["serving_default"].get("conditions")
        limit, width = (0, 0) if at is None else at["shape"][-2:]
        conditions = tuple(info["condition_names"]) if at is not None else ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{directory} must hold a model that export_saved_model wrote, unchanged and with its "
            f"description; export it again. {error}"
        ) from None
    names = info["parameter_names"]
    if len(names) != count:
        raise ValueError(
            f"the description of the model in {directory} names {len(names)} parameters "
            f"({', '.join(names)}), but the model has {count}; export it again."
        )
    if len(conditions) != width:
        raise ValueError(
            f"the description of the model in {directory} names {len(conditions)} numbers of a "
            f"condition ({', '.join(conditions)}), but the model takes {width}; export it again."
        )
    dtype = np.dtype(targets["dtype"])
    digest, num_targets = info["model_sha256"], info["num_targets"]
    return ExportedModel(directory, digest, num_targets, dtype, names, conditions, limit)
