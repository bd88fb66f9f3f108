"""Local mistakes raise ValueError, with the argument, what came and what was expected."""

import re
from typing import Any

import numpy as np
import pytest

from eigenfit.serving import GrpcClient, RestClient

from .fake_model import pretended
from .harness import CLIENTS, client_of

GOOD = np.ones((2, 3))

WEIGHTS = "fit: sigma and weights = 1 / sigma say the same; give one of them."
INT32 = "max_steps must fit into int32, got 2147483648 to 2147483648."
ZERO = "sigma must be positive, got [0.1, 0.0, 0.1]; to leave a level out, make its target NaN"
INPUTS = "fit: this model has no input 'lower'; it takes ['initial', 'max_steps', 'targets', "
ROW = "targets must have shape [rows, 3], got [3]. For one row, pass targets[None, :]."
MISSING = "predict: inputs must hold ['initial', 'max_steps', 'tolerance', 'weights'] too"
TEXT = [["a", "b", "c"]]
# The method, its arguments, and the message.
CALLS: list[tuple[str, list[Any], dict[str, Any], str]] = [
    ("fit", [[1.0, 2.0, 3.0]], {}, ROW),
    ("fit", [[[1.0]]], {}, "targets must have shape [rows, 3], got [1, 1]."),
    ("fit", [None], {}, "targets must be numbers [rows, levels], got None."),
    ("fit", [[[1.0], [1.0, 2.0]]], {}, "targets must be a regular array"),
    ("fit", [GOOD * 1j], {}, "targets must hold float64 numbers, got dtype complex128."),
    ("fit", [TEXT], {}, "targets must hold float64 numbers, got dtype <U1."),
    ("fit", [[["a", None, "c"]]], {}, "targets must hold float64 numbers, got dtype object."),
    ("fit", [GOOD > 0], {}, "targets must hold float64 numbers, got dtype bool"),
    ("fit", [GOOD], {"max_steps": [1, None]}, "must hold int32 numbers, got dtype object."),
    ("fit", [GOOD], {"max_steps": 3.0}, "max_steps must hold int32 numbers, got dtype float64."),
    ("fit", [GOOD], {"max_steps": 2**31}, INT32),
    ("fit", [GOOD], {"initial": np.ones((2, 4))}, "initial must have shape [rows, 3], got [2, 4]."),
    ("fit", [GOOD], {"weights": GOOD[:1]}, "same number of rows, but targets has 2"),
    ("fit", [GOOD], {"weights": [1.0, 2.0]}, "weights must have shape [rows, 3], got [2]."),
    ("fit", [GOOD], {"sigma": [0.1, 0.0, 0.1]}, ZERO),
    ("fit", [GOOD], {"sigma": 0.1, "weights": 10.0}, WEIGHTS),
    ("fit", [GOOD], {"tolerance": [[1e-3]]}, "tolerance must have shape [rows], got [1, 1]."),
    ("fit", [GOOD], {"lower": GOOD}, INPUTS),
    ("fit", [GOOD], {"weight": GOOD}, "no input 'weight'"),
    ("spectrum", [[1.0, 2.0, 3.0]], {}, "must have shape [rows, 3], got [3]. For one row"),
    ("predict", ["spectrum", {"parameters": GOOD, "x": 1}], {}, "model has no input 'x'"),
    ("predict", ["fit", {"targets": GOOD}], {}, MISSING),
    ("predict", ["spectrum", GOOD], {}, "predict: inputs must be a dict by name"),
]


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(request):
    with client_of(request.param, pretended()) as client:
        yield client


@pytest.mark.parametrize(("method", "arguments", "named", "message"), CALLS)
def test_calls(client, method, arguments, named, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(client, method)(*arguments, **named)


SETTINGS = [
    ({"model_name": ""}, "model_name must be a name"),
    ({"model_name": None}, "model_name must be a name"),
    ({"headers": ["a"]}, "headers must be a dict of text or None"),
    ({"version": 1, "label": "stable"}, "version or label must be None"),
    ({"version": "1"}, "version must be a whole number"),
    ({"version": -1}, "version must be a whole number"),
    ({"label": ""}, "label must be a name"),
    ({"timeout": 0}, "timeout must be seconds above 0"),
    ({"timeout": float("nan")}, "timeout must be seconds above 0"),
    ({"retries": -1}, "retries must be a whole number"),
    ({"retries": True}, "retries must be a whole number"),
    ({"backoff": 0}, "backoff must be seconds above 0"),
    ({"max_batch_rows": 0}, "max_batch_rows must be a whole number"),
    ({"max_concurrency": 1.5}, "max_concurrency must be a whole number"),
    ({"root_certificates": "/no/such/file"}, "root_certificates must be the path of a PEM file"),
    ({"client_key": __file__}, "client_certificate must be given too"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS)
def test_settings(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        CLIENTS[kind]("localhost:1", **{"model_name": "levels"} | settings)


def test_grpc_addresses():
    with pytest.raises(ValueError, match="target must be an address"):
        GrpcClient("", "levels")
    with pytest.raises(ValueError, match="is for RestClient"):
        GrpcClient("http://localhost:8501", "levels")


def test_urls():
    wrong: list[Any] = ["", "ftp://localhost", "http://", "localhost:8501?x=1", None]
    for url in [*wrong, "http://localhost:8501/v1/models/levels"]:
        with pytest.raises(ValueError, match="url must be the address of the server alone"):
            RestClient(url, "levels")
    with pytest.raises(ValueError, match="must begin with https"):
        RestClient("http://localhost:8501", "levels", root_certificates=__file__)
