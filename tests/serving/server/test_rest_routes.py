"""REST: paths, methods, headers, status codes, the pages beside predictions."""

import gzip
import json

import pytest

from eigenfit.serving.server.codes import Code
from eigenfit.serving.server.rest_handler import http_status

from .rest_bodies import MANY, instances


@pytest.mark.parametrize("path", ["", "/versions/1", "/labels/stable", "/labels/%73table"])
def test_routes_to_a_version(client, path):
    assert client.post(f"{MANY}{path}:predict", instances([1.0]))[0] == 200
    assert client.post(f"/V1/Models/%6dany{path}:Predict", instances([1.0]))[0] == 200
    assert client.http("GET", MANY + path)[0] == 200
    assert client.http("GET", f"{MANY}{path}/metadata")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("PUT", MANY, 400, f"Malformed request: PUT {MANY}"),
        ("GET", MANY + ":predict", 400, f"Malformed request: GET {MANY}:predict"),
        ("POST", MANY, 400, f"Malformed request: POST {MANY}"),
        ("POST", MANY + ":predict?x=1", 400, f"Malformed request: POST {MANY}:predict?x=1"),
        ("GET", MANY + "/versions/1?x=1", 400, f"Malformed request: GET {MANY}/versions/1?x=1"),
        # A query string is part of the path, and so of the name of the model.
        ("GET", MANY + "?x=1", 404, "Could not find any versions of model many?x=1"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/m", 404, "Could not find any versions of model m"),
        ("GET", MANY + "/versions/7", 404, "Could not find version 7 of model many"),
        ("GET", "/v1/models/m/metadata", 404, "Servable not found for request: Latest(m)"),
        ("POST", "/v1/models/m:predict", 404, "Servable not found for request: Latest(m)"),
        (
            "POST",
            MANY + "/versions/7:predict",
            404,
            "Servable not found for request: Specific(many, 7)",
        ),
        (
            "POST",
            MANY + "/labels/L:predict",
            400,
            "Unrecognized servable version label: L",
        ),
    ],
)
def test_wrong_routes(client, method, path, status, message):
    got, text = client.http(method, path, '{"instances": [1]}')
    assert (got, json.loads(text)) == (status, {"error": message})


def test_version_beyond_int64_has_no_body(client):
    assert client.http("GET", f"{MANY}/versions/{2**63}") == (400, "")


def test_elsewhere(client):
    status, text = client.http("GET", "/")
    assert status == 404
    assert "<TITLE>404 Not Found</TITLE>" in text


def test_options(client):
    assert client.http("OPTIONS", MANY, headers={"Origin": "http://x"}) == (200, "")
    assert client.http("OPTIONS", MANY) == (400, "")


def test_gzip(client):
    body = gzip.compress(b'{"inputs": [1]}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "whatever/it.is"}
    status, text = client.http("POST", MANY + ":predict", body, headers)
    assert (status, json.loads(text)) == (200, {"outputs": [2.5]})


def test_status(client):
    status, text = client.http("GET", MANY)
    assert status == 200
    ok = {"error_code": "OK", "error_message": ""}
    entry = {"version": "1", "state": "AVAILABLE", "status": ok}
    assert json.loads(text) == {"model_version_status": [entry]}


def test_metadata(client):
    status, text = client.http("GET", MANY + "/metadata")
    answer = json.loads(text)
    assert status == 200
    assert answer["model_spec"] == {"name": "many", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["two"]["inputs"]["a"]["dtype"] == "DT_DOUBLE"
    assert signatures["two"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["defaults"]["defaults"]["tol"]["double_val"] == [0.5]


def test_timeout(client):
    status, answer = client.post(MANY + ":predict", instances([10**9], "slow"))
    assert status == 504
    assert "error" in answer


def test_classify_and_regress(client):
    examples = [{"x": 1.0}, {"x": [2.0]}]
    body = {"signature_name": "regress", "examples": examples}
    assert client.post(MANY + ":regress", body) == (200, {"results": [2.5, 3.0]})
    body["signature_name"] = "classify"
    status, answer = client.post(MANY + ":classify", body)
    assert status == 200
    assert answer["results"][1] == [["label", 2.0], ["label", -1.0]]


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("INVALID_ARGUMENT FAILED_PRECONDITION OUT_OF_RANGE", 400),
        ("UNAUTHENTICATED", 401),
        ("PERMISSION_DENIED", 403),
        ("NOT_FOUND", 404),
        ("ALREADY_EXISTS ABORTED", 409),
        ("RESOURCE_EXHAUSTED", 429),
        ("CANCELLED", 499),
        ("UNIMPLEMENTED", 501),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("UNKNOWN INTERNAL DATA_LOSS", 500),
    ],
)
def test_http_status_of_each_code(codes, status):
    assert {http_status(Code[code]) for code in codes.split()} == {status}


def test_prometheus_page(client):
    client.post(MANY + ":predict", instances([1.0]))
    client.post(MANY + ":predict", instances([1.0, "x"]))
    status, text = client.http("GET", "/monitoring/prometheus/metrics")
    assert status == 200
    assert "# TYPE :tensorflow:serving:request_count counter" in text
    assert ':tensorflow:serving:request_count{model_name="many",status="OK"}' in text
    assert ':tensorflow:serving:request_count{model_name="many",status="INVALID_ARGUMENT"}' in text
    latency = ':tensorflow:serving:request_latency_count{model_name="many",API="Predict"'
    assert latency + ',entrypoint="REST"}' in text
