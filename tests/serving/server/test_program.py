"""The program: its options, what ends it, and what it says without its extra."""

import dataclasses
import math
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import typer.testing

from eigenfit.cli.application import application
from eigenfit.serving.server import ServerOptions
from eigenfit.serving.server.options import parse_options

from .clients import ENDLESS, slow, wait_for
from .program import Program, free_ports

# Without the check of the options this would wait for a model that never comes.
NO_MODEL = {"model_base_path": "/no/such/model", "start_timeout_seconds": 0.1}


def test_flags():
    flags = "--model_base_path=/models/m --port=1 --rest_api_port=0 --enable_batching"
    flags += " --enable_model_warmup=false --file_system_poll_wait_seconds=0.5"
    flags += " --max_batch_rows 3"
    assert parse_options(flags.split()) == ServerOptions(
        model_base_path="/models/m",
        port=1,
        rest_api_port=None,
        enable_batching=True,
        enable_model_warmup=False,
        file_system_poll_wait_seconds=0.5,
        max_batch_rows=3,
    )
    assert parse_options([]) == ServerOptions()
    given = ServerOptions(rest_api_port=8501, enable_batching=True)
    assert parse_options(["--rest_api_port=8501", "--enable_batching=TRUE"]) == given


@pytest.mark.parametrize(
    "flag", ["--unknown=1", "--port=x", "--enable_batching=perhaps", "--por=1", "--port=99999"]
)
def test_wrong_flags(flag, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_options([flag])
    assert caught.value.code == 2
    assert flag.split("=")[0].strip("-") in capsys.readouterr().err


def test_the_command_has_every_option(capsys):
    result = typer.testing.CliRunner().invoke(application, ["serve", "--help"])
    assert result.exit_code == 0
    for field in dataclasses.fields(ServerOptions):
        assert f"--{field.name} " in result.stdout
        assert field.metadata["help"].endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("port", 99999, "a whole number from 0 to 65535, got 99999"),
        ("port", -1, "a whole number from 0 to 65535, got -1"),
        ("port", "8500", "got '8500'"),
        ("port", 8500.0, "got 8500.0"),
        ("port", None, "got None"),
        ("rest_api_port", 70000, "from 0 to 65535, got 70000"),
        ("rest_api_timeout_in_ms", 0, "from 1 to 2147483647, got 0"),
        ("max_batch_rows", True, "got True"),
        ("tensorflow_intra_op_parallelism", -1, "got -1"),
        ("tensorflow_inter_op_parallelism", 2**31, "got 2147483648"),
        ("max_message_bytes", 0, "from 1 to 2147483647, got 0"),
        ("max_batch_rows", -1, "got -1"),
        ("model_config_file_poll_wait_seconds", math.nan, "a number from 0 to inf, got nan"),
        ("file_system_poll_wait_seconds", -1, "a number from 0 to inf, got -1"),
        ("start_timeout_seconds", -0.5, "from 0 to inf, got -0.5"),
        ("stop_grace_seconds", -1.0, "got -1.0"),
        ("stop_grace_seconds", "1", "got '1'"),
    ],
)
def test_out_of_range(name, value, told):
    given: dict[str, Any] = NO_MODEL | {name: value}
    with pytest.raises(ValueError, match=f"{name} must be .*{told}"):
        ServerOptions(**given)


def test_in_range():
    for given in [
        {"port": 0, "rest_api_port": 65535},
        {"port": np.int64(8500), "stop_grace_seconds": 0},
        {"rest_api_port": None, "start_timeout_seconds": math.inf},
        {"file_system_poll_wait_seconds": 0, "tensorflow_inter_op_parallelism": -1},
    ]:
        ServerOptions(**given)


# As if a package of the extra were not installed. The clients and the batch entry do without. Then
# with the packages and a wrong configuration.
WITHOUT = """
import runpy, sys
import eigenfit.serving
import eigenfit.serving.batch
import eigenfit.serving.server.options
for name in ("grpc_health", "prometheus_client", "aiohttp"):
    sys.modules[name] = None
    try:
        from eigenfit.serving.server import start_server
    except ModuleNotFoundError as error:
        print(error)
    if name != "aiohttp":
        del sys.modules[name]
for flags in ([], ["--model_config_file=" + __file__]):
    sys.argv[1:] = flags
    try:
        runpy.run_module("eigenfit.serving", run_name="__main__")
    except SystemExit as ended:
        print(ended)
    sys.modules.pop("aiohttp")
"""


def test_without_the_extra_and_with_a_wrong_config(tmp_path):
    (tmp_path / "program.py").write_text(WITHOUT)
    program = [sys.executable, str(tmp_path / "program.py")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    told = "{} is missing; it comes with the extra: pip install 'eigenfit[serve]'"
    names = ("grpc_health", "prometheus_client", "aiohttp")
    said = [*(told.format(name) for name in names), "eigenfit: " + told.format("aiohttp"), "1"]
    assert done.stdout.splitlines() == said, done.stderr
    assert "no ModelServerConfig in text form" in done.stderr
    assert "Traceback" not in done.stderr


# The system gives a signal to any thread, but Python's handlers run in the main one, which is not
# woken from what it waits for. So this one comes in another thread, and a second one at the end.
PROGRAM = """
import os, runpy, signal, sys, threading

def on_input():
    sys.stdin.readline()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=on_input, daemon=True).start()
try:
    runpy.run_module("eigenfit.serving", run_name="__main__")
finally:  # an impatient second one, while the process ends
    assert "eigenfit.solver" not in sys.modules  # what runs is the graph alone
    os.kill(os.getpid(), signal.SIGTERM)
"""


def stop(program):
    program.process.stdin.write("\n")
    program.process.stdin.flush()


def test_kill_9_and_sigterm(many_path, tmp_path):
    """Nothing is left of the killed one that would hinder the next start, on the same ports.

    SIGTERM finishes what is under way.
    """
    ports = free_ports()
    flags = {"model_base_path": many_path, "model_name": "many"}
    flags["tensorflow_inter_op_parallelism"] = -1  # no run waits for the threads of another
    with Program(tmp_path / "log", ports, **flags) as program:
        client = program.connected()
        call = client.predictions.Predict.future(slow(ENDLESS))
        assert client.rows([1.0]) == (200, {"predictions": [2.5]})
        program.process.kill()
        assert program.process.wait(timeout=60) == -signal.SIGKILL
        assert call.exception(timeout=60) is not None
        client.close()
    flags["stop_grace_seconds"] = 600
    with Program(tmp_path / "log", ports, program=("-c", PROGRAM), **flags) as program:
        client = program.connected()
        future = client.predictions.Predict.future(slow(200_000), timeout=60)
        time.sleep(0.3)
        was_running = not future.done()
        stop(program)
        assert list(future.result().outputs["steps"].int64_val) == [200_000]
        assert was_running
        client.close()
        assert program.process.wait(timeout=60) == 0
        assert "Signal SIGTERM: stopping" in program.log
        assert program.log.rstrip().endswith("Stopped")
        assert "Traceback" not in program.log


def test_sigterm_while_the_models_load(tmp_path):
    flags = {"model_base_path": tmp_path, "model_name": "m"}
    with Program(tmp_path / "log", program=("-c", PROGRAM), **flags) as program:
        wait_for(lambda: "No versions of m found" in program.log, 120)
        stop(program)
        assert program.process.wait(timeout=60) == 0
        assert "Traceback" not in program.log
