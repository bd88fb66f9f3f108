"""Right REST requests: method, path and document."""

import base64
from typing import Any

from eigenfit.serving.server.protos import Example

_PLUS = "/v1/models/many"
_FIT = "/v1/models/toeplitz:predict"
_LEVELS = [1.0, 2.0, 4.0]
_KINDS = {"int32": 1, "int64": 2, "uint8": 3, "bool": True, "text": {"b64": "eHl6"}}
_FULL_FIT = {
    "targets": [_LEVELS],
    "initial": [_LEVELS],
    "weights": [[1, 1, 1]],
    "tolerance": [1e-9],
    "max_steps": [20],
}

_EXAMPLE = Example()
_EXAMPLE.features.feature["x"].float_list.value.append(0.5)

RIGHT: list[tuple[str, dict[str, Any]]] = [
    (_PLUS + ":predict", {"instances": [1.0, 2.5, 3]}),
    (_PLUS + ":predict", {"inputs": {"x": [[1.0], [2.0]]}}),
    (
        _PLUS + "/labels/stable:predict",
        {
            "signature_name": "two",
            "instances": [{"a": _LEVELS, "b": _LEVELS}, {"a": _LEVELS, "b": [0, 0, 0]}],
        },
    ),
    (_PLUS + ":predict", {"signature_name": "kinds", "instances": [_KINDS, _KINDS]}),
    (
        _PLUS + ":predict",
        {"signature_name": "kinds", "inputs": {key: [value] for key, value in _KINDS.items()}},
    ),
    (_PLUS + "/versions/1:predict", {"signature_name": "checked", "inputs": [_LEVELS]}),
    (_PLUS + ":predict", {"signature_name": "complex", "inputs": [1.0]}),
    (
        _PLUS + ":classify",
        {"signature_name": "classify", "examples": [{"x": 0.5}, {"x": [0.25], "y": "text"}]},
    ),
    (
        _PLUS + ":regress",
        {"signature_name": "regress", "context": {"x": 0.5}, "examples": [{"z": 1}]},
    ),
    (
        _PLUS + ":predict",
        {
            "signature_name": "classify",
            "instances": [{"b64": base64.b64encode(_EXAMPLE.SerializeToString()).decode()}],
        },
    ),
    (_FIT, {"instances": [_LEVELS, _LEVELS]}),
    (_FIT, {"inputs": {"targets": [_LEVELS]}}),
    (_FIT, {"signature_name": "fit", "inputs": _FULL_FIT}),
    (
        "/v1/models/toeplitz/versions/1:predict",
        {"signature_name": "spectrum", "instances": [{"parameters": _LEVELS}]},
    ),
]
