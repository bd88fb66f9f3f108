"""What a request says about inputs and outputs, against what the signature has.

The order of the checks, and every message, are those of `tensorflow_model_server`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .codes import Code, ServingError, invalid_argument
from .tensors import parse_tensor

DEFAULT_SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


def find_signature(signatures: Mapping[str, Any], name: str) -> Any:
    """The SignatureDef with this name, which may be empty.

    Raises:
        ServingError: FAILED_PRECONDITION if there is none.
    """
    name = name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    return signatures[name]


def verify_method_name(signature: Any) -> None:
    """Refuse a signature that is made for none of the methods there are.

    Raises:
        ServingError: INTERNAL.
    """
    if signature.method_name not in (PREDICT, CLASSIFY, REGRESS):
        raise ServingError(
            Code.INTERNAL,
            f"Expected prediction signature method_name to be one of {{{PREDICT}, {CLASSIFY}, "
            f"{REGRESS}}}. Was: {signature.method_name}",
        )


def feeds_of(signature: Any, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What to feed: the request's inputs, decoded, and the signature's defaults.

    Args:
        signature: a SignatureDef.
        inputs: by name; each a TensorProto, or an array that was decoded already.

    Returns:
        Arrays by tensor name.

    Raises:
        ServingError: INVALID_ARGUMENT if the names do not fit or a tensor cannot be decoded.
    """
    _check_count(signature, inputs)
    feeds = {}
    used = []
    for name in sorted(signature.inputs):
        if name in inputs:
            value = inputs[name]
            used.append(name)
        elif name in signature.defaults:
            value = signature.defaults[name]
        else:
            raise invalid_argument(
                f"Signature input alias: {name}(feed name: {signature.inputs[name].name}) not "
                "found in request and no default value provided. Inputs expected to be in the "
                f"request {{{_join(inputs)}}}, or default input alias set: "
                f"{_join(signature.defaults)}"
            )
        array = value if isinstance(value, np.ndarray) else parse_tensor(name, value)
        feeds[signature.inputs[name].name] = array
    if len(used) != len(inputs):
        raise invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {_join(used)}, "
            f"request input: {_join(inputs)}"
        )
    return feeds


def outputs_of(signature: Any, output_filter: Sequence[str]) -> list[str]:
    """The names of the outputs to compute: those asked for, in this order, or all.

    Raises:
        ServingError: INVALID_ARGUMENT for an unknown name or one that comes twice.
    """
    seen: set[str] = set()
    for name in output_filter:
        if name not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} Outputs expected to be in "
                f"the set {{{_join(signature.outputs)}}}."
            )
        if name in seen:
            raise invalid_argument(f"duplicate output tensor alias: {name}")
        seen.add(name)
    return list(output_filter) or sorted(signature.outputs)


def _check_count(signature: Any, inputs: Mapping[str, Any]) -> None:
    sent, expected = len(inputs), len(signature.inputs)
    if sent > expected or (sent < expected and not signature.defaults):
        extra = set(inputs) - set(signature.inputs)
        missing = set(signature.inputs) - set(inputs)
        raise invalid_argument(
            f"input size does not match signature: {sent}!={expected} len({{{_join(inputs)}}}) "
            f"!= len({{{_join(signature.inputs)}}}). Sent extra: {{{_join(extra)}}}. "
            f"Missing but required: {{{_join(missing)}}}."
        )


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
