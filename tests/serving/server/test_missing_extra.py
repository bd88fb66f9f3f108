"""The server without the packages of its extra says what to install."""

import subprocess
import sys

import pytest

from eigenfit.serving.server import ServerOptions, start_server

# As if neither package were installed. The clients and the batch entry do without them.
PROGRAM = """
import runpy, sys
sys.modules["aiohttp"] = sys.modules["grpc_health"] = None
import eigenfit.serving
import eigenfit.serving.batch
for module in ("eigenfit.serving.server", "eigenfit.serving.server.flags"):
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        print(error)
runpy.run_module("eigenfit.serving", run_name="__main__")
"""
WORDS = (
    "eigenfit.serving.server needs the extra `serve`, {} is missing: pip install 'eigenfit[serve]'"
)


def test_importing_and_starting_without_the_extra():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [WORDS.format("aiohttp")] * 2
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "eigenfit: " + WORDS.format("aiohttp")
    assert "Traceback" not in done.stderr


def test_health_without_its_package(many_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc_health", None)
    monkeypatch.setitem(sys.modules, "grpc_health.v1", None)
    options = ServerOptions(
        model_base_path=str(many_path), port=0, enable_grpc_healthcheck_service=True
    )
    with pytest.raises(ModuleNotFoundError, match="needs the extra `serve`"):
        start_server(options)
