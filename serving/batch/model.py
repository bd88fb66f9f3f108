"""Read and check an exported model without loading it into TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...export import load_solver_info
from ...export.digest import digest_model
from ...export.publishing import newest_model, pattern_characters

_SIGNATURE = "serving_default"
_OUTPUTS = ("status", "cause", "steps", "loss", "parameters", "standard_errors")


class ExportedModel(NamedTuple):
    """An exported model with the signature `serving_default` of a fit."""

    directory: Path
    sha256: str  # see `digest_model`
    width: int  # levels of a spectrum
    dtype: np.dtype  # of the levels
    parameter_names: list[str]  # from the description; x0, x1, ... if there is none


def read_model(model_dir: str | os.PathLike[str]) -> ExportedModel:
    """Read the files of a model in a version directory, without loading its graph.

    Raises:
        FileNotFoundError: if there is no SavedModel.
        ValueError: if it cannot be read, its `serving_default` is not a fit of targets, or it does
            not match its description.
    """
    from google.protobuf.message import DecodeError
    from tensorflow import as_dtype
    from tensorflow.core.protobuf import saved_model_pb2

    directory = Path(model_dir).absolute()
    file = directory / "saved_model.pb"
    if not file.exists():
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
        graph = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs[0]
    except (DecodeError, IndexError) as error:
        raise ValueError(
            f"the model in {directory} cannot be loaded; export it again. {error}"
        ) from None
    signature = graph.signature_def[_SIGNATURE]
    inputs, outputs = signature.inputs, signature.outputs
    if set(inputs) != {"targets"} or not set(_OUTPUTS) <= set(outputs):
        raise ValueError(
            f"{directory} must hold a model that export_saved_model wrote, whose {_SIGNATURE} "
            f"takes targets and returns {', '.join(_OUTPUTS)}; this one takes "
            f"{', '.join(sorted(inputs))} and returns {', '.join(sorted(outputs))}."
        )
    sizes = [dimension.size for dimension in inputs["targets"].tensor_shape.dim]
    if len(sizes) != 2 or sizes[0] != -1 or sizes[1] < 1:
        raise ValueError(
            f"targets of {directory} must have the shape [rows, m] with any number of rows, got "
            f"{sizes}."
        )
    dtype = np.dtype(as_dtype(inputs["targets"].dtype).as_numpy_dtype)
    names = _parameter_names(directory, outputs["parameters"].tensor_shape.dim[-1].size)
    return ExportedModel(directory, digest_model(directory), sizes[1], dtype, names)


def _parameter_names(directory: Path, count: int) -> list[str]:
    try:
        names = load_solver_info(directory)["parameter_names"]
    except FileNotFoundError:
        return [f"x{index}" for index in range(count)]
    except (OSError, ValueError) as error:
        names, reason = None, str(error)
    else:
        reason = (
            f"It names {len(names)} parameters ({', '.join(names)}), but the model has {count}."
        )
    if names is None or len(names) != count:
        raise ValueError(
            f"the description of the model in {directory} cannot be used; export it again. {reason}"
        )
    return names
