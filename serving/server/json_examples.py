"""The tf.Examples of REST classify and regress requests, and the JSON of their results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .codes import ServingError, invalid_argument
from .json_arrays import decode_base64, is_base64, string_bytes
from .json_echo import echo, kind_of
from .json_numbers import float_texts
from .json_request import signature_name_of

_INDENT = "    "
_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def fill_examples(document: Mapping[str, Any], request: Any) -> None:
    """Put the signature name and the examples of a request body into its message.

    Args:
        document: the parsed body.
        request: a ClassificationRequest or RegressionRequest, which is filled.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    request.model_spec.signature_name = _utf8(signature_name_of(document))
    target = request.input.example_list
    if "context" in document:
        target = request.input.example_list_with_context
        _fill_example(document["context"], target.context)
    start = f"JSON Value: {echo(document)} "
    if "examples" not in document:
        raise invalid_argument(
            start + "When method is classify, key 'examples' is expected and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid_argument(start + "Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid_argument(start + "'examples' value is an empty array")
    for each in examples:
        _fill_example(each, target.examples.add())


def classification_json(result: Any) -> bytes:
    """The body for a ClassificationResult."""
    rows = []
    for row in result.classifications:
        scores = float_texts(np.array([each.score for each in row.classes], np.float32))
        labels = [json.dumps(each.label, ensure_ascii=False) for each in row.classes]
        pairs = [f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)]
        rows.append("[" + ", ".join(pairs) + "]")
    return _results(", ".join(rows), f"\n{_INDENT}")


def regression_json(result: Any) -> bytes:
    """The body for a RegressionResult."""
    values = np.array([each.value for each in result.regressions], np.float32)
    return _results(", ".join(float_texts(values)), "")


def _results(entries: str, end: str) -> bytes:
    return f'{{\n{_INDENT}"results": [{entries}{end}]\n}}'.encode()


def _fill_example(value: Any, example: Any) -> None:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {kind_of(value)}")
    example.SetInParent()
    for name, content in value.items():
        feature = example.features.feature[_utf8(name)]
        for each in content if isinstance(content, list) else [content]:
            _add(feature, name, each)


def _utf8(name: str) -> str:
    """What a message can hold of a name; nothing is called what it cannot hold."""
    return string_bytes(name).decode("utf-8", "replace")


def _add(feature: Any, name: str, value: Any) -> None:
    kind, plain = _plain(name, value)
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: {_KINDS[present]}"
        )
    try:
        getattr(feature, kind).value.append(plain)
    except ValueError:  # beyond int64
        raise invalid_argument(
            f"Feature: {name} has uint64 element. Only int64 is supported."
        ) from None


def _plain(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, (bool, int)):
        return "int64_list", int(value)
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            return "float_list", float(np.float32(value))
    if isinstance(value, str):
        return "bytes_list", string_bytes(value)
    if is_base64(value):
        return "bytes_list", decode_base64(value)
    raise _wrong_type(name, value)


def _wrong_type(name: str, value: Any) -> ServingError:
    return invalid_argument(
        f"Feature: {name} has element with unexpected JSON type: {kind_of(value)}"
    )
