"""The program, its flags, limits, TLS and the way it stops."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest

from eigenfit.serving.server import ServerOptions, ServingError, start_server
from eigenfit.serving.server.command import main
from eigenfit.serving.server.flags import parse_flags
from eigenfit.serving.server.protos import _module as module
from eigenfit.serving.server.protos import model_service, prediction_service

from .certificate import CERTIFICATE, KEY
from .clients import Client, predict_request, refusal

ReloadConfigRequest = module("tensorflow_serving.apis.model_management_pb2").ReloadConfigRequest
ONE = np.array([1.0], np.float32)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def ready_channel(port):
    """A channel to a process that has just been started."""
    # Otherwise the pauses between attempts grow until the limit falls into one of them.
    patient = [("grpc.max_reconnect_backoff_ms", 500)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=patient) as channel:
        grpc.channel_ready_future(channel).result(timeout=120)
        yield channel


def test_sigterm_finishes_what_is_under_way(many_path, tmp_path):
    port = free_port()
    flags = [f"--model_base_path={many_path}", "--model_name=many", f"--port={port}"]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "eigenfit.serving", *flags],
            stderr=file,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    try:
        with ready_channel(port) as channel:
            stub = prediction_service.PredictionServiceStub(channel)
            # Off by default, as with tensorflow_model_server.
            request = predict_request("many", "compiled", x=ONE)
            code, message = refusal(stub.Predict, request, timeout=60)
            assert code == "INTERNAL"
            assert "XLA compilation disabled" in message
            request = predict_request("many", "slow", steps=np.array([700_000]))
            future = stub.Predict.future(request, timeout=60)
            time.sleep(0.3)
            was_running = not future.done()
            process.send_signal(signal.SIGTERM)
            assert list(future.result().outputs["steps"].int64_val) == [700_000]
            assert was_running
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
    text = log.read_text()
    assert "Signal SIGTERM: stopping" in text
    assert "Traceback" not in text
    # What a request runs is the graph: the package of the mathematics is not even imported.
    assert "eigenfit.serving.server.core" in text
    assert "eigenfit.solver" not in text


# The system gives a signal to any thread, but Python's handlers run in the main one, which is not
# woken from the lock it waits for. The same happens if it comes just before that wait begins.
SIGNAL_IN_ANOTHER_THREAD = """
import os, signal, sys, threading
from eigenfit.serving.server.command import main

def on_input():
    sys.stdin.readline()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=on_input, daemon=True).start()
try:
    sys.exit(main())
finally:  # an impatient second one, while the process ends
    os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize(
    ("model", "reached", "told"),
    [("many", "Running gRPC server", "Stopped"), ("none", "No versions of m found", None)],
)
def test_signal_in_another_thread(many_path, tmp_path, model, reached, told):
    base = many_path if model == "many" else tmp_path
    flags = [f"--model_base_path={base}", "--model_name=m", f"--port={free_port()}"]
    with subprocess.Popen(
        [sys.executable, "-c", SIGNAL_IN_ANOTHER_THREAD, *flags],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            assert any(reached in line for line in process.stderr)
            time.sleep(0.2)  # until the main thread waits
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.wait(timeout=60) == 0
            text = process.stderr.read()
        finally:
            process.kill()
    assert "Traceback" not in text
    assert told is None or told in text


def test_sigterm_ends_a_reload(many_path, tmp_path):
    """One that waits for a model without versions would hold up the end of the process."""
    port = free_port()
    base = tmp_path / "models"
    for name in ("none", "many"):
        (base / name).mkdir(parents=True)
    (base / "many" / "1").symlink_to(many_path / "1")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "eigenfit.serving", f"--port={port}"),
            *(f"--model_base_path={base}/many", "--stop_grace_seconds=600"),
        ],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    try:
        with ready_channel(port) as channel:
            models = model_service.ModelServiceStub(channel)
            request = ReloadConfigRequest()
            for name in ("many", "none"):
                request.config.model_config_list.config.add(
                    name=name, base_path=str(base / name), model_platform="tensorflow"
                )
            future = models.HandleReloadConfigRequest.future(request)
            stub = prediction_service.PredictionServiceStub(channel)
            limit = time.monotonic() + 60
            while True:
                try:
                    stub.Predict(predict_request("many", x=ONE), timeout=20)
                    break
                except grpc.RpcError:
                    assert time.monotonic() < limit
                    time.sleep(0.05)
            assert not future.done()
            process.send_signal(signal.SIGTERM)
            assert future.exception(timeout=60).code().name == "UNAVAILABLE"
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()


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
