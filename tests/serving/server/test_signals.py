"""What ends the program, and how."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import grpc
import numpy as np
import pytest

from eigenfit.serving.server.protos import _module as module
from eigenfit.serving.server.protos import model_service, prediction_service

from .clients import predict_request, refusal

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
