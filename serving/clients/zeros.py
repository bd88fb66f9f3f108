"""Answers in which every number is 0, which may be a fault of the server.

`tensorflow_model_server --enable_serialization_as_tensor_content` computes rightly and then writes
zeros over REST, with status 200: its REST side reads fields that this flag leaves empty.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import numpy as np

from .errors import ServingError
from .metadata import ModelMetadata, SignatureInfo, TensorInfo

#: The signature that is asked something whose answer is known.
KNOWN_SIGNATURE = "serving_default"


def all_zeros(outputs: Mapping[str, np.ndarray]) -> bool:
    """Whether there are real numbers in an answer and each is 0.

    Example:
        >>> all_zeros({"eigenvalues": np.zeros((1, 3)), "status": np.array([0])})
        True
        >>> all_zeros({"eigenvalues": np.array([[0.0, np.nan]])})
        False
    """
    reals = [array for array in outputs.values() if array.dtype.kind == "f" and array.size]
    return bool(reals) and not any(np.any(array) for array in reals)


def known_question(metadata: ModelMetadata) -> dict[str, np.ndarray] | None:
    """Inputs of `serving_default` whose answer is not 0, for any model of eigenfit.

    One row without any level: its parameters are NaN, and it takes no step.

    Returns:
        Arrays by name; None for other models.
    """
    signature = metadata.signatures.get(KNOWN_SIGNATURE)
    if signature is None or not _is_fit(signature):
        return None
    return {name: _nothing(info) for name, info in signature.inputs.items()}


def lost_numbers(where: str) -> ServingError:
    """The error for a server that loses all numbers."""
    message = (
        "every number in the answer is 0, and so are the parameters of a row without data, which "
        "are NaN: the server loses the numbers. TensorFlow Serving does so over REST if it was "
        "started with --enable_serialization_as_tensor_content. Start it without this flag, or use "
        "GrpcClient."
    )
    return ServingError(grpc.StatusCode.INTERNAL, message, KNOWN_SIGNATURE, where)


def _is_fit(signature: SignatureInfo) -> bool:
    return (
        "targets" in signature.inputs
        and {"parameters", "status"} <= signature.outputs.keys()
        and signature.by_rows
    )


def _nothing(info: TensorInfo) -> np.ndarray:
    sizes = [size or 1 for size in (info.shape or ())[1:]]
    array = np.zeros((1, *sizes), info.dtype)
    if array.dtype.kind == "f":
        array[...] = np.nan
    return array
