"""The program, its flags, limits, TLS, and stopping a server."""

import contextlib
import signal
import socket
import sys
import threading
import time
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eigenfit.serving.server import ServerOptions, ServingError, start_server
from eigenfit.serving.server.command import main
from eigenfit.serving.server.flags import parse_flags
from eigenfit.serving.server.grpc_server import GrpcServer
from eigenfit.serving.server.protos import prediction_service
from tests.serving.certificate import CERTIFICATE, KEY

from .clients import Client, predict_request, refusal

ONE = np.array([1.0], np.float32)


def test_program_with_a_wrong_config(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    (tmp_path / "config").write_text("improper model config")
    assert main([f"--model_config_file={tmp_path / 'config'}"]) == 1
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig" in caplog.text


def test_flags():
    options = parse_flags(
        [
            "--model_base_path=/models/m",
            "--port=1",
            "--rest_api_port=0",
            "--enable_batching",
            "--enable_model_warmup=false",
            "--file_system_poll_wait_seconds=0.5",
            "--max_num_load_retries=3",
        ]
    )
    assert options == ServerOptions(
        model_base_path="/models/m",
        port=1,
        rest_api_port=None,
        enable_batching=True,
        enable_model_warmup=False,
        file_system_poll_wait_seconds=0.5,
        max_num_load_retries=3,
    )
    assert parse_flags([]) == ServerOptions()
    assert parse_flags(["--rest_api_port=8501"]).rest_api_port == 8501


@pytest.mark.parametrize(
    "flag", ["--unknown=1", "--port=x", "--enable_batching=perhaps", "--por=1"]
)
def test_wrong_flags(flag, capsys):
    with pytest.raises(SystemExit):
        parse_flags([flag])
    assert flag.split("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version(flag, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_flags([flag])
    assert ended.value.code == 0
    assert "eigenfit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "model_base_path and model_name are empty"),
        ({"model_config_file": "/no/such/file"}, "No such file"),
        ({"model_base_path": "/m", "batching_parameters_file": "/f"}, "needs enable_batching"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ServingError, match=message):
        start_server(ServerOptions(port=0, **options))


def test_stop_waits_for_requests_and_refuses_new_ones(many_path):
    server = start_server(
        ServerOptions(model_base_path=str(many_path), model_name="many", port=0, rest_api_port=0)
    )
    client = Client(server)
    answers = []
    body = {"signature_name": "slow", "instances": [400_000]}
    rest = threading.Thread(
        target=lambda: answers.append(client.post("/v1/models/many:predict", body))
    )
    rest.start()
    request = predict_request("many", "slow", steps=np.array([400_000]))
    future = client.predictions.Predict.future(request, timeout=20)
    time.sleep(0.2)
    server.stop(20.0)
    assert list(future.result().outputs["steps"].int64_val) == [400_000]
    rest.join()
    assert answers == [(200, {"predictions": [400_000]})]
    assert refusal(client.predict, predict_request("many", x=ONE), timeout=0.5)[0] in (
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
    )
    with pytest.raises(ConnectionRefusedError):
        client.http("GET", "/v1/models/many")
    server.stop()  # a second time does nothing
    client.close()


def test_stop_cuts_off_after_the_grace(many_path):
    server = start_server(ServerOptions(model_base_path=str(many_path), model_name="many", port=0))
    client = Client(server)
    request = predict_request("many", "slow", steps=np.array([10**9]))
    future = client.predictions.Predict.future(request, timeout=5)
    time.sleep(0.2)
    started = time.monotonic()
    server.stop(0.2)
    assert time.monotonic() - started < 3.0
    assert future.exception() is not None
    client.close()


def test_limits(serve, many_path):
    client = serve(
        model_base_path=str(many_path),
        model_name="many",
        rest_api_port=0,
        max_message_bytes=1000,
        max_batch_rows=4,
    )
    request = predict_request("many", x=np.ones([5], np.float32))
    code, message = refusal(client.predict, request)
    assert code == "INVALID_ARGUMENT"
    assert message.endswith("has 5 rows; this server takes 4 (max_batch_rows)")
    status, answer = client.post("/v1/models/many:predict", {"instances": [1.0] * 5})
    assert status == 400
    assert "max_batch_rows" in answer["error"]
    request = predict_request("many", x=np.ones([500], np.float32))
    assert refusal(client.predict, request)[0] == "RESOURCE_EXHAUSTED"
    status, answer = client.post("/v1/models/many:predict", {"instances": [1.0] * 500})
    assert status == 413
    assert "error" in answer


def test_health_while_the_server_stops(many_path):
    """Who watches learns it before the connection ends, so that others can be asked instead."""
    server = start_server(
        ServerOptions(
            model_base_path=str(many_path),
            model_name="many",
            port=0,
            enable_grpc_healthcheck_service=True,
        )
    )
    client = Client(server)
    health: Any = health_pb2_grpc.HealthStub(client.channel)
    messages: Any = health_pb2
    states = messages.HealthCheckResponse
    watched = [
        health.Watch(messages.HealthCheckRequest(service=service), timeout=60)
        for service in ("", "tensorflow.serving.PredictionService", "ModelService")
    ]
    for watch in watched:
        assert next(watch).status == states.SERVING
    stopping = threading.Thread(target=server.stop, args=(10.0,))
    stopping.start()
    for watch in watched:
        assert next(watch).status == states.NOT_SERVING
        watch.cancel()
    stopping.join()
    client.close()


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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file or directory"),
        (b"\xff", "is not text in UTF-8"),
        (b"server_key: 1", "Error parsing text-format tensorflow.serving.SSLConfig"),
    ],
)
def test_wrong_ssl_config(many_path, tmp_path, monkeypatch, caplog, content, told):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    if content is not None:
        (tmp_path / "ssl").write_bytes(content)
    flags = [f"--model_base_path={many_path}", f"--ssl_config_file={tmp_path / 'ssl'}"]
    assert main([*flags, "--port=0"]) == 1
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert told in record.getMessage()
    assert record.exc_info is None


JUNK = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("key", "certificate", "more", "told"),
    [
        (KEY, JUNK, "", "the certificate or key in ssl_config_file .* could not be used"),
        ("x", CERTIFICATE, "", "the certificate or key in ssl_config_file .* could not be used"),
        (KEY, CERTIFICATE, 'custom_ca: "x"', "server_cert and custom_ca must be PEM"),
        ("", CERTIFICATE, "", "ssl_config_file .* has no server_key"),
        (KEY, "", "", "ssl_config_file .* has no server_cert"),
        (KEY, CERTIFICATE, "client_verify: true", "has client_verify but no custom_ca"),
    ],
)
def test_wrong_certificates(tmp_path, key, certificate, more, told):
    file = tmp_path / "ssl"
    text = f'server_key: "{key}" server_cert: "{certificate}" {more}'
    file.write_text(text.replace("\n", "\\n"))
    core: Any = None  # is not asked before a port is open
    with pytest.raises(ServingError, match=told):
        GrpcServer(core, ServerOptions(port=0, ssl_config_file=str(file)))


def test_port_in_use_with_tls(tmp_path):
    file = tmp_path / "ssl"
    file.write_text(f'server_key: "{KEY}" server_cert: "{CERTIFICATE}"'.replace("\n", "\\n"))
    core: Any = None  # is not asked before a port is open
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ServerOptions(port=taken.getsockname()[1], ssl_config_file=str(file))
        with pytest.raises(ServingError, match="with TLS: the address is taken, or"):
            GrpcServer(core, options)


@pytest.mark.parametrize("verify", [False, True])
def test_tls(many_path, tmp_path, verify):
    text = f'server_key: "{KEY}" server_cert: "{CERTIFICATE}"'.replace("\n", "\\n")
    if verify:
        text += f' custom_ca: "{CERTIFICATE}" client_verify: true'.replace("\n", "\\n")
    (tmp_path / "ssl").write_text(text)
    options = ServerOptions(
        model_base_path=str(many_path),
        model_name="many",
        port=0,
        ssl_config_file=str(tmp_path / "ssl"),
    )
    pair = {"private_key": KEY.encode(), "certificate_chain": CERTIFICATE.encode()}
    request = predict_request("many", x=ONE)

    def ask(port, **given):
        credentials = grpc.ssl_channel_credentials(CERTIFICATE.encode(), **given)
        with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
            stub = prediction_service.PredictionServiceStub(channel)
            return list(stub.Predict(request, timeout=5).outputs["y"].float_val)

    with start_server(options) as server:
        assert ask(server.port, **(pair if verify else {})) == [2.5]
        if verify:
            assert refusal(ask, server.port)[0] == "UNAVAILABLE"
        plain = Client(server)
        assert refusal(plain.predict, request, timeout=5)[0] == "UNAVAILABLE"
        plain.close()


def test_channel_arguments(serve, many_path):
    arguments = "grpc.max_receive_message_length=1000,grpc.primary_user_agent=x"
    client = serve(
        model_base_path=str(many_path), model_name="many", grpc_channel_arguments=arguments
    )
    request = predict_request("many", x=np.ones([500], np.float32))
    assert refusal(client.predict, request)[0] == "RESOURCE_EXHAUSTED"
    with pytest.raises(ServingError, match="no value in 'x'"):
        serve(model_base_path=str(many_path), grpc_channel_arguments="x")


def test_port_in_use(server, many_path):
    path = str(many_path)
    with pytest.raises(ServingError, match="Cannot listen on"):
        start_server(ServerOptions(model_base_path=path, port=server.port))
    with pytest.raises(ServingError, match="Cannot listen on"):
        start_server(ServerOptions(model_base_path=path, port=0, rest_api_port=server.rest_port))
