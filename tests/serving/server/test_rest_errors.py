"""REST: every error of the description for bodies that are wrong."""

import json

import pytest

from .models import NARROW
from .rest_bodies import MANY, columns, instances, kinds, narrow

WRONG = [
    ("", "JSON Parse error: The document is empty"),
    ("  ", "JSON Parse error: The document is empty. at offset: 2"),
    ('{"inputs": 1e400}', "JSON Parse error: Number too big to be stored in double. at offset: 11"),
    ('{"inputs": x}', "JSON Parse error: Invalid value. at offset: 11"),
    ('{"inputs": [1}', "JSON Parse error: Missing a comma or ] after an array element. at offset"),
    ('{"inputs": 1', "JSON Parse error: Missing a comma or } after an object member. at offset"),
    ("{1}", "JSON Parse error: Missing a name for object member. at offset: 1"),
    ('{"a" 1}', "JSON Parse error: Missing a colon after a name of object member. at offset"),
    ("[1]", "JSON Value: [\n    1\n] Is not object"),
    (
        '{"signature_name": 1, "inputs": 1}',
        'JSON Value: {\n    "signature_name": 1,\n    "inputs": 1\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    (instances([1.0], "s"), 'Serving signature name: "s" not found in signature def'),
    ("{}", "Missing 'inputs' or 'instances' key"),
    (
        '{"inputs": 1, "instances": [1]}',
        'JSON Value: {\n    "inputs": 1,\n    "instances": [\n        1\n    ]\n} Not formatted '
        "correctly expecting only one of 'inputs' or 'instances' keys to exist ",
    ),
    (
        '{"instances": 1}',
        "JSON Value: {\n    \"instances\": 1\n} Excepting 'instances' to be an list/array",
    ),
    (
        '{"instances": []}',
        "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
    ),
    (
        instances([[1.0]], "two"),
        "instances is a plain list, but expecting list of objects as multiple input tensors "
        "required as per tensorinfo_map",
    ),
    (
        instances([{"a": [1.0, 2.0, 3.0]}], "two"),
        "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": [\n        "
        "1.0,\n        2.0,\n        3.0\n    ]\n} keys must be equal to: a,b",
    ),
    (
        instances([{"a": [1.0, 2.0, 3.0]}], "defaults"),
        "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": [\n        "
        "1.0,\n        2.0,\n        3.0\n    ]\n} keys must be equal to: a,tol",
    ),
    (
        instances([{"x": 1.0, "z": 1.0}]),
        "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON "
        "object: does not have named input: z",
    ),
    (
        instances([{"x": 1.0}, 2.0]),
        "Expecting object but got list at item 1 of input list",
    ),
    (
        instances([2.0, {"x": 1.0}]),
        "Expecting value/list but got object at item 1 of input list",
    ),
    (
        instances([[1.0, 2.0], [1.0, 2.0, 3.0]]),
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting "
        "tensor size: 2 but got: 3",
    ),
    (
        instances([{"x": [[1.0, 2.0]]}, {"x": [[1.0], [2.0]]}]),
        "Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
        "Expecting shape [1,2] but got: [2,1]",
    ),
    (
        instances([1.0, "a"]),
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: "
        '"a" Type: String is not of expected type: float',
    ),
    (
        columns([[1.0, 2.0, 3.0], [1.0, 2.0]]),
        "Encountered list at unexpected size: 2 at level: 1 expected size: 3",
    ),
    (
        columns([[[1.0], [2.0], [3.0]], [[1.0], [2.0]]]),
        "Encountered list at unexpected size: 2 at level: 1 expected size: 3",
    ),
    (columns([1.0, [2.0]]), "Encountered list at unexpected level: 1 expected < 1"),
    (
        columns([[1.0], 2.0]),
        "JSON Value: 2.0 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
    ),
    (columns({"a": 1.0}, "two"), "Missing named input: b in 'inputs' object."),
    (columns({"a": [[1, 2, 3]]}, "defaults"), "Missing named input: tol in 'inputs' object."),
    (
        columns([1.0], "two"),
        "inputs is a plain value/list, but expecting an object as multiple input tensors "
        "required as per tensorinfo_map",
    ),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_wrong_bodies(client, body, message):
    status, answer = client.post(MANY + ":predict", body)
    assert status == 400
    if message.endswith("at offset"):
        assert answer["error"].startswith(message)
    else:
        assert answer == {"error": message}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("int32", 1.5, "JSON Value: 1.5 Type: Number is not of expected type: int32"),
        ("int32", 1.0, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        ("int32", 2**31, "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
        ("int32", True, "JSON Value: true Type: True is not of expected type: int32"),
        ("int64", 2**63, "JSON Value: 9223372036854775808 Type: Number is not of expected type"),
        ("uint8", 2**31, "JSON Value: 2147483648 Type: Number is not of expected type: uint8"),
        ("bool", 1, "JSON Value: 1 Type: Number is not of expected type: bool"),
        ("bool", "x", 'JSON Value: "x" Type: String is not of expected type: bool'),
        ("int32", None, "JSON Value: null Type: Null is not of expected type: int32"),
        ("int32", {"c": 1}, 'JSON Value: {\n    "c": 1\n} Type: Object is not of expected type'),
        ("text", 1, "JSON Value: 1 Type: Number is not of expected type: string"),
        ("text", {"b64": "*"}, "Unable to base64 decode"),
        ("text", {"c": "*"}, 'JSON Value: {\n    "c": "*"\n} not formatted correctly for base64'),
    ],
)
def test_wrong_types(client, name, value, told):
    status, answer = client.post(MANY + ":predict", columns(kinds(**{name: value}), "kinds"))
    assert status == 400
    assert answer["error"].startswith(told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 1.5) for name in NARROW),
        *((name, 1.0) for name in NARROW),
        *((name, True) for name in NARROW),
        ("int8", 2**31),
        ("int16", -(2**31) - 1),
        ("uint32", -1),
        ("uint32", 2**32),
        ("uint64", -1),
        ("uint64", 2**64),
    ],
)
def test_wrong_integers(client, name, value):
    status, answer = client.post(MANY + ":predict", columns(narrow(**{name: value}), "narrow"))
    kind = "True" if value is True else "Number"
    told = f"JSON Value: {json.dumps(value)} Type: {kind} is not of expected type: {name}"
    assert (status, answer) == (400, {"error": told})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [1.0, 2]}]}, "Unexpected element type in feature: x expecting type"),
        ({"examples": [{"x": 1.0}]}, "No classification inputs found in SignatureDef"),
    ],
)
def test_wrong_examples(client, body, told):
    status, answer = client.post(MANY + ":classify", body)
    assert status == 400
    assert told in answer["error"]
