"""The files of serving/deploy are what TensorFlow Serving, Docker and Kubernetes expect.

Each is parsed with the message or schema that it belongs to, and the numbers in them fit together.
For KServe and Prometheus no package has the schema: the rules here are written by hand from their
documentation, and for KServe from the fields of its Python SDK 0.21.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from eigenfit.serving.server.configs import batching_of, models_of, parse_text
from eigenfit.serving.server.options import parse_options
from tests.serving.command_line import deployed_options

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "serving" / "deploy"
PAGE = ROOT / "docs" / "serving.md"
COMPOSE = DEPLOY / "docker-compose.yaml"
# The oldest release in which every field used here is stable, and the newest that is known.
KUBERNETES = ("1.30", kubernetes_validate.latest_version().removesuffix(".0"))
OBJECTS = ["deployment.yaml", "service.yaml", "hpa.yaml", "pdb.yaml"]
NAME = "eigenfit"


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all(read(name)))


def document(name: str) -> Any:
    (only,) = documents(name)
    return only


def container() -> Any:
    (only,) = document("kubernetes/deployment.yaml")["spec"]["template"]["spec"]["containers"]
    return only


def pod() -> Any:
    return document("kubernetes/deployment.yaml")["spec"]["template"]


def compose_service() -> Any:
    return document("docker-compose.yaml")["services"]["serving"]


def kserve_model() -> Any:
    return document("kserve/inferenceservice.yaml")["spec"]["predictor"]["model"]


def model_names() -> set[str]:
    return set(models_of(read("models.config")))


FLAGS = {
    "compose": lambda: compose_service()["command"],
    "kubernetes": lambda: container()["args"],
    "kserve": lambda: kserve_model()["args"],
}
every_start = pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)


def test_no_file_is_forgotten():
    tested = {
        "models.config",
        "models-two-versions.config.example",
        "batching.config",
        "monitoring.config",
        "ssl.config.example",
        "docker-compose.yaml",
        "kustomization.yaml",
        "kserve/inferenceservice.yaml",
        "prometheus/prometheus.yml",
        *(f"kubernetes/{name}" for name in OBJECTS),
    }
    found = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()}
    assert found == tested


def test_models():
    models = models_of(read("models.config"))
    (model,) = models.values()
    assert model.base_path == f"/models/{model.name}"
    assert model.model_version_policy.latest.num_versions == 1


def test_models_with_labels():
    models = models_of(read("models-two-versions.config.example"))
    (model,) = models.values()
    assert set(model.version_labels.values()) <= set(model.model_version_policy.specific.versions)
    assert model.name in model_names()
    # Where the file can be put in the place of models.config, the server would not start without.
    for start in ("compose", "kubernetes"):
        assert "--allow_version_labels_for_unavailable_models=true" in FLAGS[start]()


def test_batching():
    parameters = batching_of(read("batching.config"))
    # The default of the clients: smaller, and they would have to ask twice.
    assert parameters.max_batch_size == 1000
    assert parameters.max_batch_size % parameters.max_execution_batch_size == 0
    pieces = parameters.max_batch_size // parameters.max_execution_batch_size
    assert parameters.max_enqueued_batches >= 2 * pieces
    # No duplicate solves.
    assert not parse_text("BatchingParameters", read("batching.config")).allowed_batch_sizes


def test_monitoring():
    config = parse_text("MonitoringConfig", read("monitoring.config")).prometheus_config
    assert config.enable
    scrape = document("prometheus/prometheus.yml")["scrape_configs"]
    assert [job["metrics_path"] for job in scrape] == [config.path]


def test_ssl():
    config = parse_text("SSLConfig", read("ssl.config.example"))
    assert config.client_verify
    for pem, kind in [
        (config.server_key, "PRIVATE KEY"),
        (config.server_cert, "CERTIFICATE"),
        (config.custom_ca, "CERTIFICATE"),
    ]:
        assert pem == f"-----BEGIN {kind}-----\n...\n-----END {kind}-----\n"


def test_ssl_config_from_files_as_its_comment_says(tmp_path):
    comment = re.findall(r"^#   (.*)$", read("ssl.config.example"), re.MULTILINE)
    texts = {name: f"-----BEGIN {name}-----\nAb+/=\n-----END-----\n" for name in ("key", "crt")}
    (tmp_path / "server.key").write_text(texts["key"])
    (tmp_path / "server.crt").write_text(texts["crt"])
    (tmp_path / "ca.crt").write_text(texts["crt"])
    subprocess.run(["bash", "-c", "\n".join(comment)], cwd=tmp_path, check=True)
    config = parse_text("SSLConfig", (tmp_path / "ssl.config").read_text())
    assert (config.server_key, config.server_cert) == (texts["key"], texts["crt"])
    assert config.custom_ca == texts["crt"]
    assert config.client_verify


def test_compose_schema():
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(COMPOSE)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_schema(name, version):
    for resource in documents(f"kubernetes/{name}"):
        assert kubernetes_validate.validate(resource, version, strict=True) == version


def test_kustomization_names_every_object_and_every_file():
    found = document("kustomization.yaml")
    assert found["apiVersion"] == "kustomize.config.k8s.io/v1beta1"
    assert found["kind"] == "Kustomization"
    assert found["resources"] == [f"kubernetes/{name}" for name in OBJECTS]
    (generator,) = found["configMapGenerator"]
    assert all((DEPLOY / file).is_file() for file in generator["files"])
    (volume,) = [each for each in pod()["spec"]["volumes"] if each["name"] == "config"]
    assert volume["configMap"]["name"] == generator["name"]
    files = {part.rsplit("/", 1)[1] for part in container()["args"] if "=/config/" in part}
    assert files == set(generator["files"])


def test_kubernetes_objects_find_each_other():
    labels = {"app.kubernetes.io/name": NAME}
    deployment = document("kubernetes/deployment.yaml")
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert pod()["metadata"]["labels"] == labels
    assert document("kubernetes/pdb.yaml")["spec"]["selector"]["matchLabels"] == labels
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    for service in documents("kubernetes/service.yaml"):
        assert service["spec"]["selector"] == labels
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    scaler = document("kubernetes/hpa.yaml")["spec"]
    target = scaler["scaleTargetRef"]
    assert target["name"] == deployment["metadata"]["name"]
    assert (target["apiVersion"], target["kind"]) == (deployment["apiVersion"], deployment["kind"])
    # The autoscaler sets it; a number here would undo that at every apply.
    assert "replicas" not in deployment["spec"]
    # With one pod a budget would either forbid every drain or allow an outage.
    assert scaler["minReplicas"] > document("kubernetes/pdb.yaml")["spec"]["maxUnavailable"]
    # Utilization is in percent of requests: without any the autoscaler does nothing.
    assert scaler["metrics"][0]["resource"]["name"] in container()["resources"]["requests"]


def test_probes_name_a_served_model_and_open_ports():
    (name,) = model_names()
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    options = deployed_options(container()["args"])
    assert ports == {"grpc": options.port, "rest": options.rest_api_port}
    assert container()["readinessProbe"]["httpGet"]["path"] == f"/v1/models/{name}/metadata"
    assert container()["startupProbe"]["httpGet"]["path"] == f"/v1/models/{name}"
    for probe in ("readinessProbe", "startupProbe"):
        assert container()[probe]["httpGet"]["port"] == "rest"
    assert options.enable_grpc_healthcheck_service
    assert container()["livenessProbe"]["grpc"]["port"] == options.port


def test_pods_have_time_for_the_requests_under_way():
    options = deployed_options(container()["args"])
    command = container()["lifecycle"]["preStop"]["exec"]["command"]
    seconds = int(command[-1]) + options.rest_api_timeout_in_ms / 1000
    assert pod()["spec"]["terminationGracePeriodSeconds"] >= seconds


@every_start
def test_flags_exist_and_their_files_are_mounted(flags):
    options = deployed_options(flags())  # exits for an unknown flag
    assert options.enable_batching
    for file in filter(
        None,
        [
            options.model_config_file,
            options.batching_parameters_file,
            options.monitoring_config_file,
        ],
    ):
        assert file.startswith("/config/")
        assert (DEPLOY / Path(file).name).is_file()


@every_start
def test_threads_are_the_cores(flags):
    cores = {
        "compose": compose_service()["cpus"],
        "kubernetes": int(container()["resources"]["limits"]["cpu"]),
        "kserve": int(kserve_model()["resources"]["limits"]["cpu"]),
    }
    options = deployed_options(flags())
    parameters = batching_of(read("batching.config"))
    assert set(cores.values()) == {
        options.tensorflow_intra_op_parallelism,
        options.tensorflow_inter_op_parallelism,
        parameters.num_batch_threads,
    }


@every_start
def test_threads_for_requests_that_wait(flags):
    """More than TensorFlow Serving has by itself for four cores, which many clients use up."""
    given = dict(flag.split("=", 1) for flag in flags())
    threads = int(given["--grpc_max_threads"])
    assert threads >= 4 * 4 * 4
    assert int(given["--rest_api_num_threads"]) >= 4 * 4 * 4
    parameters = batching_of(read("batching.config"))
    assert threads > parameters.max_enqueued_batches + parameters.num_batch_threads


def test_compose_mounts_what_the_flags_name():
    mounted = dict(volume.rsplit(":", 2)[:2] for volume in compose_service()["volumes"])
    assert mounted.pop("${EIGENFIT_MODELS:?set it to the folder of the models}") == "/models"
    for here, there in mounted.items():
        assert (DEPLOY / here).is_file()
        assert f"={there}" in " ".join(compose_service()["command"])
    # Nothing encrypts: this machine only.
    for service in document("docker-compose.yaml")["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_images_are_pinned_to_one_version():
    version = compose_service()["image"].removeprefix("tensorflow/serving:")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert container()["image"] == f"tensorflow/serving:{version}"
    assert kserve_model()["runtimeVersion"] == version
    assert f"tensorflow/serving:{version}" in PAGE.read_text(encoding="utf-8")
    prometheus = document("docker-compose.yaml")["services"]["prometheus"]
    assert re.fullmatch(r"prom/prometheus:v\d+\.\d+\.\d+", prometheus["image"])


def test_kserve_by_hand():
    service = document("kserve/inferenceservice.yaml")
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    assert service["kind"] == "InferenceService"
    name = service["metadata"]["name"]
    assert set(service["spec"]) == {"predictor"}
    predictor = service["spec"]["predictor"]
    scaling = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
    assert set(predictor) == scaling | {"model", "volumes"}
    scaler = document("kubernetes/hpa.yaml")["spec"]
    target = scaler["metrics"][0]["resource"]["target"]["averageUtilization"]
    found = [
        predictor[each] for each in ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")
    ]
    assert found == [scaler["minReplicas"], scaler["maxReplicas"], "cpu", target]
    model = predictor["model"]
    own = {"modelFormat", "runtimeVersion", "protocolVersion", "storageUri"}
    of_a_container = {"args", "readinessProbe", "resources", "volumeMounts"}
    assert set(model) == own | of_a_container
    assert model["modelFormat"] == {"name": "tensorflow", "version": "2"}
    assert model["protocolVersion"] in ("v1", "grpc-v1")
    assert model["storageUri"].startswith("pvc://")
    assert model["readinessProbe"]["httpGet"] == {
        "path": f"/v1/models/{name}/metadata",
        "port": 8080,
    }
    # What is a container, and what is a pod, is checked as such.
    inner = {key: model[key] for key in of_a_container} | {"name": "kserve-container"}
    whole = document("kubernetes/deployment.yaml")
    whole["spec"]["template"]["spec"] = {"containers": [inner], "volumes": predictor["volumes"]}
    kubernetes_validate.validate(whole, KUBERNETES[0], strict=True)
    # KServe's runtime sets these itself.
    assert not any(
        flag.startswith(("--model_name", "--model_base_path", "--port", "--rest_api_port"))
        for flag in model["args"]
    )


def test_prometheus_by_hand():
    found = document("prometheus/prometheus.yml")
    assert set(found) == {"global", "scrape_configs"}
    assert found["global"] == {"scrape_interval": "15s"}
    (job,) = found["scrape_configs"]
    known = {"job_name", "metrics_path", "fallback_scrape_protocol", "static_configs"}
    assert set(job) == known
    assert job["fallback_scrape_protocol"] == "PrometheusText0.0.4"
    options = deployed_options(compose_service()["command"])
    assert job["static_configs"] == [{"targets": [f"serving:{options.rest_api_port}"]}]


def test_command_lines_on_the_page_are_right():
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", "")
    lines = [shlex.split(line) for line in text.splitlines() if line.startswith("python -m ")]
    assert lines
    for line in lines:
        assert line[:3] == ["python", "-m", "eigenfit.serving"]
        options = parse_options(line[3:])
        assert (options.port, options.rest_api_port) == (8500, 8501)


def test_files_on_the_page_exist():
    text = PAGE.read_text(encoding="utf-8")
    for name in re.findall(r"`([\w/-]+\.(?:config|example|yaml|yml)(?:\.example)?)`", text):
        assert list(DEPLOY.rglob(Path(name).name)), name
