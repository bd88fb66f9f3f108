"""What the driver must know of a model before a worker loads it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...export import load_solver_info
from ...export.digest import digest_model
from ...export.publishing import newest_model, pattern_characters

SIGNATURE = "serving_default"


class ModelInput(NamedTuple):
    """What a model takes.

    Attributes:
        directory: of the SavedModel.
        sha256: of its files.
        width: levels of a spectrum.
        dtype: of the levels.
    """

    directory: Path
    sha256: str
    width: int
    dtype: np.dtype


def read_model_input(model_dir: str | os.PathLike[str]) -> ModelInput:
    """Read from the file, without loading the graph, what a model takes.

    Args:
        model_dir: a version directory.

    Raises:
        FileNotFoundError: if there is no SavedModel.
        ValueError: if `serving_default` is not a fit of targets alone, or the model is not the one
            that the description beside it is about.
    """
    from tensorflow import as_dtype
    from tensorflow.core.protobuf import saved_model_pb2

    directory = Path(model_dir).absolute()
    file = directory / "saved_model.pb"
    if not file.exists():
        newest = newest_model(directory)
        hint = "" if newest is None else f" Did you mean {newest}?"
        raise FileNotFoundError(
            f"fit_dataset: {directory} is not the version directory of an exported model, such as "
            f"models/name/1.{hint}"
        )
    pattern = pattern_characters(directory)
    if pattern:
        raise ValueError(
            f"fit_dataset: TensorFlow cannot load a model from a path with {pattern}, got "
            f"{directory}; rename or copy it."
        )
    with contextlib.suppress(FileNotFoundError):  # a model without a description
        load_solver_info(directory)
    graph = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs[0]
    signature = graph.signature_def[SIGNATURE]
    inputs = signature.inputs
    if set(inputs) != {"targets"} or "status" not in signature.outputs:
        raise ValueError(
            f"fit_dataset: the signature {SIGNATURE} of {directory} must take targets and return "
            f"status among other things; it takes {sorted(inputs)} and returns "
            f"{sorted(signature.outputs)}. Export the model with eigenfit.export."
        )
    sizes = [dimension.size for dimension in inputs["targets"].tensor_shape.dim]
    if len(sizes) != 2 or sizes[0] != -1 or sizes[1] < 1:
        raise ValueError(
            f"fit_dataset: targets of {directory} must have the shape [rows, m] with any number of "
            f"rows, got {sizes}."
        )
    dtype = np.dtype(as_dtype(inputs["targets"].dtype).as_numpy_dtype)
    return ModelInput(directory, digest_model(directory), sizes[1], dtype)
