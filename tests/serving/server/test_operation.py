"""Limits, addresses, TLS, health, and stopping a server."""

import contextlib
import socket
import sys
import threading
import time
from concurrent import futures
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eigenfit.serving import GrpcClient, ServingError
from eigenfit.serving.server import ServerOptions, start_server
from tests.serving.certificate import CERTIFICATE, KEY

from .clients import ENDLESS, predict_request, refusal, slow

ONE = np.array([1.0], np.float32)
PEM = f'server_key: "{KEY}" server_cert: "{CERTIFICATE}"'.replace("\n", "\\n")


def test_stop_waits_for_requests_and_refuses_new_ones(serve_many):
    client = serve_many(rest_api_port=0)
    with futures.ThreadPoolExecutor(1) as pool:
        rest = pool.submit(client.rows, [100_000], "slow")
        future = client.predictions.Predict.future(slow(100_000), timeout=20)
        time.sleep(0.2)
        client.server.stop(20.0)
        assert list(future.result().outputs["steps"].int64_val) == [100_000]
        assert rest.result() == (200, {"predictions": [100_000]})
    assert refusal(client.predict, predict_request("many", x=ONE), timeout=0.5)[0] in (
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
    )
    with pytest.raises(ConnectionRefusedError):
        client.http("GET", "/v1/models/many")
    client.server.stop()  # a second time does nothing


def test_stop_cuts_off_after_the_grace(serve_many):
    client = serve_many()
    future = client.predictions.Predict.future(slow(ENDLESS))
    time.sleep(0.2)
    started = time.monotonic()
    client.server.stop(0.2)
    assert time.monotonic() - started < 3.0
    assert future.exception() is not None


def test_limits(serve_many):
    client = serve_many(rest_api_port=0, max_message_bytes=1000, max_batch_rows=4)
    request = predict_request("many", x=np.ones([5], np.float32))
    code, message = refusal(client.predict, request)
    assert code == "INVALID_ARGUMENT"
    assert "has 5 rows; this server takes 4 (max_batch_rows)" in message
    status, answer = client.rows([1.0] * 5)
    assert status == 400
    assert "max_batch_rows" in answer["error"]
    request = predict_request("many", x=np.ones([500], np.float32))
    assert refusal(client.predict, request)[0] == "RESOURCE_EXHAUSTED"
    status, answer = client.rows([1.0] * 500)
    assert (status, list(answer)) == (413, ["error"])


def test_health_while_the_server_stops(serve_many):
    """Who watches learns it before the connection ends, so that others can be asked instead."""
    client = serve_many(enable_grpc_healthcheck_service=True)
    health: Any = health_pb2_grpc.HealthStub(client.channel)
    messages: Any = health_pb2
    states = messages.HealthCheckResponse
    watched = [
        health.Watch(messages.HealthCheckRequest(service=service), timeout=60)
        for service in ("", "tensorflow.serving.PredictionService", "ModelService")
    ]
    for watch in watched:
        assert next(watch).status == states.SERVING
    stopping = threading.Thread(target=client.server.stop, args=(10.0,))
    stopping.start()
    for watch in watched:
        assert next(watch).status == states.NOT_SERVING
        watch.cancel()
    stopping.join()


def connects(address, port):
    """Asked for something and heard to the end, so that no connection is left half open."""
    try:
        connection = socket.create_connection((address, port), 20)
    except ConnectionRefusedError:
        return False
    with connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(4096):
                pass
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a machine all of 127.0.0.0/8")
@pytest.mark.parametrize(("options", "elsewhere"), [({}, False), ({"host": "0.0.0.0"}, True)])
def test_bound_address(many_path, options, elsewhere):
    """Only 127.0.0.1 unless told otherwise: another address of this machine is refused."""
    given = ServerOptions(model_base_path=str(many_path), port=0, rest_api_port=0, **options)
    with start_server(given) as server:
        for port in (server.port, server.rest_port):
            assert connects("127.0.0.1", port)
            assert connects("127.0.0.2", port) is elsewhere


JUNK = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file or directory"),
        (b"\xff", "is not text in UTF-8"),
        (b"server_key: 1", "no SSLConfig in text form"),
        *(
            (text.replace("\n", "\\n").encode(), told)
            for text, told in [
                (f'server_key: "{KEY}" server_cert: "{JUNK}"', "certificates in .* cannot be used"),
                (f'server_key: "x" server_cert: "{CERTIFICATE}"', "certificates in .* cannot be"),
                (f'server_cert: "{CERTIFICATE}"', "ssl_config_file .* has no server_key"),
                (f'server_key: "{KEY}"', "ssl_config_file .* has no server_cert"),
                (PEM + 'custom_ca: "x"', "they must be PEM"),
                (PEM + "client_verify: true", "has no custom_ca, in PEM; .*client_verify"),
            ]
        ),
    ],
)
def test_wrong_ssl_config(serve_many, tmp_path, text, told):
    if text is not None:
        (tmp_path / "ssl").write_bytes(text)
    with pytest.raises(ServingError, match=told):
        serve_many(ssl_config_file=str(tmp_path / "ssl"))


@pytest.mark.parametrize("verify", [False, True])
def test_tls(many_path, tmp_path, verify):
    """The server and `GrpcClient`, with and without certificates of clients."""
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    key.write_text(KEY)
    chain.write_text(CERTIFICATE)
    mutual = f' custom_ca: "{CERTIFICATE}" client_verify: true'.replace("\n", "\\n")
    (tmp_path / "ssl").write_text(PEM + (mutual if verify else ""))
    options = ServerOptions(
        model_base_path=str(many_path),
        model_name="many",
        port=0,
        ssl_config_file=str(tmp_path / "ssl"),
    )
    own = {"client_key": key, "client_certificate": chain}
    right: dict[str, Any] = {"root_certificates": chain} | (own if verify else {})
    wrong: list[dict[str, Any]] = [{}, {"tls": True}]
    wrong += [{"root_certificates": chain}] if verify else []
    with start_server(options) as server:
        address = f"localhost:{server.port}"
        with GrpcClient(address, "many", **right) as client:
            assert client.predict("serving_default", {"x": ONE})["y"] == [2.5]
        for settings in wrong:
            with GrpcClient(address, "many", retries=0, timeout=5.0, **settings) as client:
                with pytest.raises(ServingError) as caught:
                    client.status()
                assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_port_in_use(server, serve_many, tmp_path):
    (tmp_path / "ssl").write_text(PEM)
    for taken in (
        {"port": server.port},
        {"rest_api_port": server.rest_port},
        {"port": server.port, "ssl_config_file": str(tmp_path / "ssl")},
    ):
        with pytest.raises(ServingError, match="Cannot listen on"):
            serve_many(**taken)


def test_wrong_options(serve, tmp_path):
    for options, told in [
        ({}, "give model_base_path or model_config_file"),
        ({"model_config_file": "/no/such/file"}, "No such file"),
        ({"model_base_path": "/m", "batching_parameters_file": "/f"}, "needs enable_batching"),
    ]:
        with pytest.raises(ServingError, match=told):
            serve(**options)
