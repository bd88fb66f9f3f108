"""REST: what JSON is read and written when all is well."""

import json

import numpy as np
import pytest

from .rest_bodies import MANY, columns, instances, kinds, narrow


def test_right_types(client):
    given = kinds(int32=-(2**31), int64=2**63 - 1, uint8=300, text={"b64": "YQD/"})
    status, answer = client.post(MANY + ":predict", columns(given, "kinds"))
    assert status == 200
    assert answer["outputs"]["int32"] == [-(2**31)]
    assert answer["outputs"]["int64"] == [2**63 - 1]
    assert answer["outputs"]["uint8"] == [44]
    assert answer["outputs"]["bool"] == [True]
    assert answer["outputs"]["raw_bytes"] == [{"b64": "YQD/"}]


def test_rows_of_several_kinds(client):
    row = {"int32": 1, "int64": 2, "uint8": 3, "bool": False, "text": "ä\n"}
    status, answer = client.post(MANY + ":predict", instances([row, {**row, "int32": 5}], "kinds"))
    assert status == 200
    assert [each["int32"] for each in answer["predictions"]] == [1, 5]
    assert answer["predictions"][0]["text"] == "ä\n"


@pytest.mark.parametrize(
    ("name", "sent", "got"),
    [
        ("int8", 127, 127),
        ("int8", 300, 44),  # wraps around, as int16 does
        ("int8", -(2**31), 0),
        ("int16", -(2**15), -(2**15)),
        ("int16", 2**16 + 5, 5),
        ("uint32", 2**32 - 1, 2**32 - 1),
        ("uint64", 2**64 - 1, 2**64 - 1),
    ],
)
def test_other_integers(client, name, sent, got):
    given = narrow(**{name: sent})
    status, answer = client.post(MANY + ":predict", columns(given, "narrow"))
    assert (status, answer) == (200, {"outputs": narrow(**{name: got})})
    row = {key: value for key, (value,) in given.items()}
    status, answer = client.post(MANY + ":predict", instances([row], "narrow"))
    assert (status, answer["predictions"][0][name]) == (200, got)


@pytest.mark.parametrize(("form", "status"), [("inputs", 501), ("instances", 400)])
@pytest.mark.parametrize(("signature", "kind"), [("complex", "complex128"), ("half", "half")])
def test_types_without_json(client, form, status, signature, kind):
    body = json.dumps({"signature_name": signature, form: [1.0]})
    got, answer = client.post(MANY + ":predict", body)
    assert got == status
    assert f"Conversion of JSON Value: 1.0 to type: {kind}" in answer["error"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"instances": [1, 2.5]}', {"predictions": [2.5, 3.25]}),
        ('{"instances": [{"x": 1}, {"x": 2.5}]}', {"predictions": [2.5, 3.25]}),
        ('{"inputs": [1]} and more', {"outputs": [2.5]}),
        ('{"inputs": {"x": [1], "other": "ignored"}}', {"outputs": [2.5]}),
        ('{"inputs": 1}', {"outputs": 2.5}),
        ('{"inputs": []}', {"outputs": []}),
        ('{"inputs": [2], "inputs": [4], "other": 0}', {"outputs": [3.0]}),
        ('\ufeff{"inputs": [2]}', {"outputs": [3.0]}),
    ],
)
def test_right_bodies(client, body, expected):
    assert client.post(MANY + ":predict", body.encode()) == (200, expected)


@pytest.mark.parametrize("word", ["NaN", "Inf", "Infinity", "-Inf", "-Infinity", "1e39"])
def test_words_for_numbers(client, word):
    body = f'{{"inputs": [{word}], "other": "Inf"}}'
    status, text = client.http("POST", MANY + ":predict", body)
    assert status == 200
    expected = float(word.replace("1e39", "inf"))  # 1e39 is too large for float32
    np.testing.assert_array_equal(json.loads(text)["outputs"], [expected])
    assert '"NaN"' not in text
    assert '"Infinity"' not in text


def test_layout_of_rows(client):
    body = '{"instances": [1, 0.2, 1e30]}'
    status, text = client.http("POST", MANY + ":predict", body)
    assert status == 200
    assert text == '{\n    "predictions": [2.5, 2.1, 5e+29\n    ]\n}'


def test_layout_of_named_rows(client):
    row = {"a": [1, 2, 3], "b": [0, 0, 0.5]}
    _, text = client.http("POST", MANY + ":predict", instances([row, row], "two"))
    one = '        {\n            "x": [1.0, 2.0, 3.5],\n            "y": 5.5\n        }'
    assert text == f'{{\n    "predictions": [\n{one},\n{one}\n    ]\n}}'


def test_layout_of_columns(client):
    inputs = {"a": [[1, 2, 3]], "b": [[0, 0, 0]]}
    _, text = client.http("POST", MANY + ":predict", columns(inputs, "two"))
    assert text == (
        '{\n    "outputs": {\n        "x": [\n            [\n                1.0,\n'
        "                2.0,\n                3.0\n            ]\n        ],\n"
        '        "y": [\n            6.0\n        ]\n    }\n}'
    )


def test_rows_need_rows(client):
    assert client.post(MANY + ":predict", instances([1.0, 2.0], "count")) == (
        400,
        {"error": "Tensor name: n has no shape information "},
    )
    assert client.post(MANY + ":predict", columns([1.0, 2.0], "count")) == (
        200,
        {"outputs": {"n": 2, "y": [1.0, 2.0]}},
    )
    assert client.post(MANY + ":predict", instances([1.0, 2.0], "more")) == (
        400,
        {"error": "Tensor name: y has inconsistent batch size: 2 expecting: 3"},
    )


def test_eigenfit_model(client, toeplitz):
    rows = "[[1.0, 2.0, 4.0], [1.0, NaN, 5.0]]"
    status, text = client.http("POST", "/v1/models/toeplitz:predict", f'{{"instances": {rows}}}')
    assert status == 200
    predictions = json.loads(text)["predictions"]
    live = toeplitz.fit([[1.0, 2.0, 4.0], [1.0, np.nan, 5.0]])
    for row, prediction in enumerate(predictions):
        assert prediction["status"] == live.status[row]
        np.testing.assert_allclose(prediction["eigenvalues"], live.eigenvalues[row], rtol=1e-9)
