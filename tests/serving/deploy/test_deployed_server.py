"""The embedded server, started with the files of serving/deploy, behaves as the files expect."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eigenfit.serving import GrpcClient
from eigenfit.serving.server import RunningServer, ServerOptions, start_server
from tests.serving.command_line import deployed_options
from tests.serving.server.models import publish_plus

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "serving" / "deploy"
NAME = "three_level"


def container() -> Any:
    found = yaml.safe_load((DEPLOY / "kubernetes" / "deployment.yaml").read_text())
    return found["spec"]["template"]["spec"]["containers"][0]


@pytest.fixture(scope="module")
def server(model_dir, tmp_path_factory) -> Iterator[RunningServer]:
    """Started with the flags of the Deployment; the two folders of the container are elsewhere."""
    models = tmp_path_factory.mktemp("models")
    (models / NAME).symlink_to(model_dir.parent)
    with start_server(deployed(models, tmp_path_factory.mktemp("config"))) as running:
        yield running


def deployed(models: Path, config: Path, which: str = "models.config") -> ServerOptions:
    """The options of the Deployment, with a file of serving/deploy as its `models.config`."""
    for name in ("models.config", "batching.config", "monitoring.config"):
        text = (DEPLOY / (which if name == "models.config" else name)).read_text()
        (config / name).write_text(text.replace('"/models/', f'"{models}/'))
    flags = [flag.replace("=/config/", f"={config}/") for flag in container()["args"]]
    return dataclasses.replace(deployed_options(flags), port=0, rest_api_port=0)


def get(server: RunningServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.rest_port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def health_check(path: str, server: RunningServer) -> int:
    """Runs the command of the Compose file, with another port and path."""
    compose = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    kind, *command = compose["services"]["serving"]["healthcheck"]["test"]
    assert kind == "CMD"
    command[-1] = command[-1].replace("$$", "$").replace("/8501", f"/{server.rest_port}")
    command[-1] = command[-1].replace(f"/v1/models/{NAME}/metadata", path)
    return subprocess.run(command, check=False, capture_output=True, timeout=20).returncode


def test_probes_of_kubernetes(server):
    for probe in ("startupProbe", "readinessProbe"):
        assert get(server, container()[probe]["httpGet"]["path"])[0] == 200
    assert get(server, "/v1/models/nothing/metadata")[0] == 404
    service = container()["livenessProbe"]["grpc"].get("service", "")
    messages: Any = health_pb2
    services: Any = health_pb2_grpc
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = services.HealthStub(channel)
        answer = stub.Check(messages.HealthCheckRequest(service=service))
    assert answer.status == messages.HealthCheckResponse.SERVING


def test_health_check_of_compose(server):
    assert health_check(f"/v1/models/{NAME}/metadata", server) == 0
    assert health_check("/v1/models/nothing/metadata", server) != 0


def test_two_versions_as_first_configuration(tmp_path):
    for version in (1, 2):
        publish_plus(tmp_path / NAME, version, 10.0 * version)
    options = deployed(tmp_path, tmp_path, "models-two-versions.config.example")
    with start_server(options) as server:
        for label, answer in (("stable", 11.0), ("canary", 21.0)):
            with GrpcClient(f"127.0.0.1:{server.port}", NAME, label=label) as client:
                assert client.predict("serving_default", {"x": [1.0]})["y"] == answer


def test_curl_lines_of_the_page(server):
    text = (ROOT / "docs" / "serving.md").read_text().replace("\\\n", "")
    lines = [shlex.split(line) for line in text.splitlines() if line.startswith("curl ")]
    answers = []
    for line in lines:
        assert line[-1].startswith("http://localhost:8501/")
        path = line[-1].removeprefix("http://localhost:8501")
        if line[1] == "-d":
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.rest_port}{path}", line[2].encode()
            )
            with urllib.request.urlopen(request) as answer:
                answers.append(set(json.load(answer)))
        elif not path.endswith("/versions/2"):  # after a second export
            assert get(server, path)[0] == 200
    assert answers == [{"predictions"}, {"outputs"}, {"predictions"}]


def test_metrics_of_the_queries_are_on_the_page(server):
    path = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][
        0
    ]["metrics_path"]
    with GrpcClient(f"127.0.0.1:{server.port}", NAME) as client:
        client.spectrum([[0.0, 0.0, 1.0]])
    status, page = get(server, path)
    assert status == 200
    queries = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    names = set(re.findall(r":tensorflow:serving:\w+", queries))
    assert len(names) == 3
    for name in names:
        assert f"\n{name}{{" in page
