"""REST: paths, JSON in and out, and the status of each error."""

import gzip
import json

import numpy as np
import pytest

from .clients import MANY
from .models import KINDS

LEVELS = [1.0, 2.0, 3.0]


def kinds(**given):
    plain = {**dict.fromkeys(KINDS, 1), "bool": True}
    return {name: [value] for name, value in {**plain, **given}.items()}


@pytest.mark.parametrize("path", ["", "/versions/1", "/labels/stable", "/labels/%73table"])
def test_routes_to_a_version(client, path):
    assert client.post(f"{MANY}{path}:predict", {"instances": [1.0]})[0] == 200
    assert client.post(f"/v1/models/%6dany{path}:predict", {"instances": [1.0]})[0] == 200
    assert client.http("GET", MANY + path)[0] == 200
    assert client.http("GET", f"{MANY}{path}/metadata")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", MANY, 400),
        ("GET", MANY + ":predict", 400),
        ("POST", MANY, 400),
        ("POST", MANY + ":predict?x=1", 400),
        ("GET", MANY + "/versions/1?x=1", 400),
        ("GET", MANY + "?x=1", 404),  # part of the name of the model
        ("GET", "/v1/models", 400),
        ("GET", "/v1/models/m", 404),
        ("GET", MANY + "/versions/7", 404),
        ("GET", f"{MANY}/versions/{2**63}", 400),
        ("GET", f"{MANY}/versions/{'9' * 5000}", 400),
        ("GET", "/v1/models/m/metadata", 404),
        ("POST", "/v1/models/m:predict", 404),
        ("POST", MANY + "/versions/7:predict", 404),
        ("POST", MANY + "/labels/L:predict", 400),
        ("POST", MANY + ":classify", 501),
        ("POST", MANY + ":regress", 501),
        ("OPTIONS", MANY, 400),
        ("GET", "/V1/models/many", 404),
        ("GET", "/", 404),
    ],
)
def test_wrong_routes(client, method, path, status):
    got, text = client.http(method, path, '{"instances": [1]}')
    assert got == status
    assert list(json.loads(text)) == ["error"]


def test_gzip(client):
    body = gzip.compress(b'{"inputs": [1]}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "whatever/it.is"}
    status, text = client.http("POST", MANY + ":predict", body, headers)
    assert (status, json.loads(text)) == (200, {"outputs": [2.5]})


def test_status(client):
    status, text = client.http("GET", MANY)
    ok = {"error_code": "OK", "error_message": ""}
    entry = {"version": "1", "state": "AVAILABLE", "status": ok}
    assert (status, json.loads(text)) == (200, {"model_version_status": [entry]})


def test_metadata(client):
    status, text = client.http("GET", MANY + "/metadata")
    answer = json.loads(text)
    assert status == 200
    assert answer["model_spec"] == {"name": "many", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["two"]["inputs"]["a"]["dtype"] == "DT_DOUBLE"
    assert signatures["two"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["defaults"]["defaults"]["tol"]["double_val"] == [0.5]


def test_right_types(client):
    ends = {n: np.iinfo(n) for n in KINDS if "int" in n}
    for sent in [
        kinds(**{name: int(each.max) for name, each in ends.items()}),
        kinds(**{name: int(each.min) for name, each in ends.items()}, bool=False),
    ]:
        status, answer = client.columns(sent, "kinds")
        assert status == 200
        assert answer["outputs"] == sent
        row = {name: value for name, (value,) in sent.items()}
        status, answer = client.rows([row, {**row, "int32": 5}], "kinds")
        assert [each["int32"] for each in answer["predictions"]] == [row["int32"], 5]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"instances": [1, 2.5]}', {"predictions": [2.5, 3.25]}),
        ('{"instances": [{"x": 1}, {"x": 2.5}]}', {"predictions": [2.5, 3.25]}),
        ('{"inputs": [1]} and more', {"outputs": [2.5]}),
        ('{"inputs": {"x": [1], "other": "ignored"}}', {"outputs": [2.5]}),
        ('{"inputs": 1}', {"outputs": 2.5}),
        ('{"inputs": []}', {"outputs": []}),
        ('\ufeff {"inputs": [2], "other": 0}', {"outputs": [3.0]}),
        ('{"inputs": [1e30, -1e39, NaN]}', {"outputs": [5e29, -np.inf, np.nan]}),
        ('{"inputs": [Infinity, -Infinity]}', {"outputs": [np.inf, -np.inf]}),
    ],
)
def test_right_bodies(client, body, expected):
    status, answer = client.post(MANY + ":predict", body.encode())
    assert (status, answer.keys()) == (200, expected.keys())
    for key, values in expected.items():
        np.testing.assert_array_equal(np.float32(answer[key]), np.float32(values))


def test_named_outputs(client):
    row = {"a": [1, 2, 3], "b": [0, 0, 0.5]}
    each = {"x": [1.0, 2.0, 3.5], "y": 5.5}
    assert client.rows([row, row], "two") == (200, {"predictions": [each, each]})
    columns = {name: [value] for name, value in row.items()}
    assert client.columns(columns, "two") == (200, {"outputs": {"x": [each["x"]], "y": [5.5]}})


def test_numbers_are_exact(client):
    numbers = [0.1, 1 / 3, 2.3e-308, 1.7976931348623157e308]
    rows = [[number, 0.0, 0.0] for number in numbers]
    status, answer = client.columns({"a": rows, "b": np.zeros([4, 3]).tolist()}, "two")
    assert (status, answer["outputs"]["x"]) == (200, rows)


def test_rows_need_rows(client):
    for signature in ("count", "more"):  # outputs that are a scalar, or have a row more
        assert client.rows([1.0, 2.0], signature)[0] == 400
        assert client.columns([1.0, 2.0], signature)[0] == 200


@pytest.mark.parametrize(("form", "status"), [("columns", 501), ("rows", 400)])
@pytest.mark.parametrize("signature", ["complex", "half", "text"])
def test_types_without_json(client, form, status, signature):
    got, answer = getattr(client, form)([1.0], signature)
    assert got == status
    assert "use gRPC" in answer["error"]


TWO = {"a": [LEVELS], "b": [LEVELS]}
WRONG = [
    *(
        (text, "is not JSON")
        for text in ("", "  ", '{"inputs": x}', '{"inputs": [1}', '{"inputs": 1', "{1}", '{"a" 1}')
    ),
    *((f'{{"inputs": {number}}}', "too large") for number in ("1e400", "-1e999", "1" * 400)),
    ('{"inputs": ' + "1" * 5000 + "}", "is not JSON"),
    ("[1]", "must be a JSON object"),
    ('{"signature_name": 1, "inputs": 1}', "signature_name must be a string"),
    ('{"signature_name": "s", "inputs": 1}', "no signature 's'"),
    ("{}", "either 'instances'"),
    ('{"inputs": 1, "instances": [1]}', "either 'instances'"),
    ('{"instances": 1}', "list with at least one row"),
    ('{"instances": []}', "list with at least one row"),
    *(
        (json.dumps({"signature_name": signature, form: value}), told)
        for signature, form, value, told in [
            ("two", "instances", [[1.0]], "Row 0 of 'instances' must be an object with a, b"),
            ("two", "instances", [{"a": LEVELS}], "Row 0"),
            ("two", "instances", [{"a": LEVELS, "b": LEVELS}, {"a": LEVELS}], "Row 1"),
            ("defaults", "instances", [{"a": LEVELS}], "a, tol"),
            ("", "instances", [{"x": 1.0, "z": 1.0}], "an object with x and nothing else"),
            ("", "instances", [{"x": 1.0}, 2.0], "Row 1"),
            ("", "instances", [2.0, {"x": 1.0}], "Row 0"),
            ("", "instances", [[1.0, 2.0], [1.0, 2.0, 3.0]], "equally long"),
            ("", "instances", [{"x": [[1.0, 2.0]]}, {"x": [[1.0], [2.0]]}], "equally long"),
            ("", "instances", [1.0, "a"], 'Input x must be of float32, got "a"'),
            ("", "inputs", [[1.0, 2.0, 3.0], [1.0, 2.0]], "equally long"),
            ("", "inputs", [1.0, [2.0]], "equally long"),
            ("", "inputs", [[1.0], 2.0], "equally long"),
            ("two", "inputs", {"a": [LEVELS]}, "missing: ['b']"),
            ("defaults", "inputs", {"a": [LEVELS]}, "missing: ['tol']"),
            ("two", "inputs", [1.0], "must be an object with a, b"),
            ("", "inputs", [None], "got null"),
            ("", "inputs", [True, 1.5], "got true"),
            ("", "inputs", ["1.0"], 'got "1.0"'),
            *(
                ("kinds", "inputs", kinds(**{name: value}), f"Input {name} ")
                for name in KINDS
                if "int" in name
                for value in (1.5, 1.0, True, None, {"c": 1}, 2**70, int(np.iinfo(name).max) + 1)
            ),
            ("kinds", "inputs", kinds(uint8=-1), "too large"),
            ("kinds", "inputs", kinds(bool=1), "Input bool"),
            ("kinds", "inputs", kinds(bool="x"), "Input bool"),
        ]
    ),
]


def test_wrong_bodies(client):
    for body, told in WRONG:
        status, answer = client.post(MANY + ":predict", body)
        assert (status, list(answer)) == (400, ["error"]), body
        assert told in answer["error"], body
