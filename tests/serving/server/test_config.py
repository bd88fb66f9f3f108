"""Several models: the config file, labels, reloading over gRPC."""

import grpc
import numpy as np
import pytest

from eigenfit.serving.server import Code, ServerOptions, ServingError, start_server
from eigenfit.serving.server.model_config import parse_config
from eigenfit.serving.server.protos import _module as module

from .clients import Client, predict_request, refusal
from .models import predict_log, publish_broken, publish_plus
from .test_versions import AVAILABLE, END, LOADING, states, wait_for

ReloadConfigRequest = module("tensorflow_serving.apis.model_management_pb2").ReloadConfigRequest
ONE = np.array([1.0], np.float32)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Models a (versions 1 and 2), b (1) and broken (1)."""
    path = tmp_path_factory.mktemp("models")
    publish_plus(path / "a", 1, 1.0)
    publish_plus(path / "a", 2, 2.0)
    publish_plus(path / "b", 1, 10.0)
    publish_broken(path / "broken", 1)
    return path


def entry(path, more="", platform="tensorflow"):
    return (
        f'config {{ name: "{path.name}" base_path: "{path}" model_platform: "{platform}" {more} }}'
    )


def listed(*entries):
    return "model_config_list { " + " ".join(entries) + " }"


def reload_request(text):
    return ReloadConfigRequest(config=parse_config(text))


@pytest.fixture
def two(base, serve, tmp_path):
    """A server for both versions of a, and the file that says so."""
    file = tmp_path / "config"
    file.write_text(listed(entry(base / "a", "model_version_policy { all {} }")))
    client = serve(
        model_config_file=str(file), model_config_file_poll_wait_seconds=0.05, rest_api_port=0
    )
    assert states(client, "a") == {1: AVAILABLE, 2: AVAILABLE}
    return client, file


ALL = "model_version_policy { all {} }"


def label(name, version):
    return f'version_labels {{ key: "{name}" value: {version} }}'


def test_labels_move(two, base):
    client, _ = two
    request = predict_request("a", x=ONE)
    request.model_spec.version_label = "stable"
    for version in (1, 2):
        text = listed(entry(base / "a", ALL + label("stable", version)))
        client.models.HandleReloadConfigRequest(reload_request(text), timeout=20)
        response = client.predictions.Predict(request, timeout=20)
        assert response.model_spec.version.value == version
        assert list(response.outputs["y"].float_val) == [1.0 + version]
    status, answer = client.post("/v1/models/a/labels/stable:predict", {"instances": [1.0]})
    assert (status, answer) == (200, {"predictions": [3.0]})
    text = listed(entry(base / "a", ALL + label("stable", 7)))
    assert refusal(client.models.HandleReloadConfigRequest, reload_request(text)) == (
        "FAILED_PRECONDITION",
        "Request to assign label to version 7 of model a, which is not currently available for "
        "inference",
    )
    assert client.predict(request)["y"] == 3.0  # the old label stays


def test_reload_adds_and_removes(two, base):
    client, _ = two
    text = listed(entry(base / "b"))
    answer = client.models.HandleReloadConfigRequest(reload_request(text), timeout=20)
    assert answer.status.error_code == 0
    assert client.predict(predict_request("b", x=ONE))["y"] == 11.0
    assert refusal(client.predict, predict_request("a", x=ONE))[0] == "NOT_FOUND"
    assert states(client, "a") == {1: END, 2: END}
    nothing = ReloadConfigRequest()
    nothing.config.model_config_list.SetInParent()
    client.models.HandleReloadConfigRequest(nothing, timeout=20)
    assert refusal(client.predict, predict_request("b", x=ONE))[0] == "NOT_FOUND"


def test_reload_counts_metrics(two, base):
    client, _ = two
    request = reload_request(listed(entry(base / "b")))
    request.metric_names.append(":tensorflow:serving:request_count")
    (metric,) = client.models.HandleReloadConfigRequest(request, timeout=20).metric
    assert metric.name == ":tensorflow:serving:request_count"
    assert metric.int64_value_increase == 0


def wrong_reloads(base):
    relative = entry(base / "b").replace(f'"{base}/b"', '"b"')
    return [
        ('custom_model_config { type_url: "x" }', "ServerModelConfig type not supported by Handle"),
        (listed(entry(base / "b"), entry(base / "b")), "Illegal to list model b multiple times"),
        (listed(relative), "Expected model b to have an absolute path"),
        (listed(entry(base / "b", platform="")), "Illegal setting neither"),
        (listed(entry(base / "b", platform="other")), "Model b has model_platform 'other'"),
    ]


@pytest.mark.parametrize("number", range(5))
def test_wrong_reloads_change_nothing(two, base, number):
    client, _ = two
    text, message = wrong_reloads(base)[number]
    if number == 0:
        request = ReloadConfigRequest()
        request.config.custom_model_config.SetInParent()
    else:
        request = reload_request(text)
    code, told = refusal(client.models.HandleReloadConfigRequest, request)
    assert code == "INVALID_ARGUMENT"
    assert told.startswith(message)
    assert client.predict(predict_request("a", x=ONE))["y"] == 3.0


def test_reload_of_a_broken_model(two, base):
    client, _ = two
    text = listed(entry(base / "a", ALL), entry(base / "broken"))
    code, message = refusal(client.models.HandleReloadConfigRequest, reload_request(text))
    assert code == "UNKNOWN"
    assert message.startswith("1 model(s) did not become available: {")
    assert client.predict(predict_request("a", x=ONE))["y"] == 3.0


def test_config_file_is_read_again(two, base):
    client, file = two
    file.write_text("not a config")  # is logged, and changes nothing
    file.write_text(listed(entry(base / "a"), entry(base / "b")))
    wait_for(lambda: states_or_none(client, "b") == {1: AVAILABLE})
    wait_for(lambda: states(client, "a") == {1: END, 2: AVAILABLE})  # only the latest now


def states_or_none(client, name):
    try:
        return states(client, name)
    except Exception:
        return None


def test_missing_base_path_of_one_model_does_not_hurt_the_other(two, base, tmp_path):
    """Unlike tensorflow_model_server, where it stops the search for versions of all models.

    The file can be put right: nothing waits for ever for what is not there.
    """
    client, file = two
    both = base / "b", ALL + label("stable", 1)
    file.write_text(listed(entry(tmp_path / "nowhere"), entry(*both)))
    wait_for(lambda: states_or_none(client, "b") == {1: AVAILABLE})
    request = predict_request("b", x=ONE)
    request.model_spec.version_label = "stable"
    wait_for(lambda: answer_or_none(client, request) == 11.0)  # the label too
    file.write_text(listed(entry(base / "a"), entry(*both)))
    wait_for(lambda: states_or_none(client, "a") == {1: END, 2: AVAILABLE})
    assert refusal(client.status, "nowhere")[0] == "NOT_FOUND"


def answer_or_none(client, request):
    try:
        return client.predict(request)["y"]
    except grpc.RpcError:
        return None


@pytest.fixture
def narrow(base, serve):
    """A server for a that answers one gRPC request at a time; REST goes on beside it."""
    return serve(
        model_base_path=str(base / "a"), model_name="a", grpc_max_threads=1, rest_api_port=0
    )


def endless(base, tmp_path, *more):
    """A reload that nothing but a version of `none` ends."""
    (tmp_path / "none").mkdir(exist_ok=True)
    return reload_request(listed(entry(base / "a"), entry(tmp_path / "none"), *more))


def serves(client, name):
    return client.http("GET", f"/v1/models/{name}/metadata")[0] == 200


def test_reload_ends_at_the_deadline(narrow, base, tmp_path):
    call = narrow.models.HandleReloadConfigRequest
    request = endless(base, tmp_path)
    assert refusal(call, request, timeout=0.5)[0] == "DEADLINE_EXCEEDED"
    # Its thread is free again: it is the only one.
    assert narrow.predict(predict_request("a", x=ONE), timeout=20)["y"] == 3.0


def test_reload_ends_when_the_client_goes(narrow, base, tmp_path):
    call = narrow.models.HandleReloadConfigRequest
    future = call.future(endless(base, tmp_path, entry(base / "b")))
    wait_for(lambda: serves(narrow, "b"))
    assert not future.done()
    future.cancel()
    assert narrow.predict(predict_request("b", x=ONE), timeout=20)["y"] == 11.0


def test_reload_ends_when_another_removes_the_model(two, base, tmp_path):
    client, _ = two
    call = client.models.HandleReloadConfigRequest
    future = call.future(endless(base, tmp_path, entry(base / "b", label("stable", 1))))
    wait_for(lambda: serves(client, "b"))
    assert not future.done()
    call(reload_request(listed(entry(base / "b", label("best", 1)))), timeout=20)
    error = future.exception(timeout=20)
    assert (error.code().name, error.details()) == (
        "ABORTED",
        "Another configuration has removed model(s) none meanwhile",
    )
    request = predict_request("b", x=ONE)
    for name, answer in (("best", 11.0), ("stable", None)):
        request.model_spec.version_label = name
        assert answer_or_none(client, request) == answer


def test_reload_ends_when_its_model_comes(two, base, tmp_path):
    client, _ = two
    call = client.models.HandleReloadConfigRequest
    future = call.future(endless(base, tmp_path, entry(base / "b")), timeout=20)
    wait_for(lambda: serves(client, "b"))
    assert not future.done()
    publish_plus(tmp_path / "none", 1, 5.0)
    assert future.result().status.error_code == 0
    assert client.predict(predict_request("none", x=ONE))["y"] == 6.0


def test_stop_ends_a_reload(base, tmp_path):
    server = start_server(
        ServerOptions(model_base_path=str(base / "a"), model_name="a", port=0, rest_api_port=0)
    )
    client = Client(server)
    call = client.models.HandleReloadConfigRequest
    future = call.future(endless(base, tmp_path, entry(base / "b")))
    wait_for(lambda: serves(client, "b"))
    server.stop(60.0)
    error = future.exception(timeout=20)
    assert (error.code().name, error.details()) == ("UNAVAILABLE", "The server is stopping")
    client.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "Error parsing text-format tensorflow.serving.ModelServerConfig"),
        (listed('config { name: "m" }'), "Expected model m to have an absolute path"),
    ],
)
def test_start_with_a_wrong_file(tmp_path, text, message):
    (tmp_path / "config").write_text(text)
    with pytest.raises(ServingError, match=message):
        start_server(ServerOptions(model_config_file=str(tmp_path / "config"), port=0))


def test_label_without_its_version_at_start(base, tmp_path):
    (tmp_path / "config").write_text(listed(entry(base / "b", label("stable", 7))))
    options = {"model_config_file": str(tmp_path / "config"), "port": 0}
    with pytest.raises(ServingError, match="not currently available") as caught:
        start_server(ServerOptions(**options))
    assert caught.value.code is Code.FAILED_PRECONDITION
    allowed = ServerOptions(**options, allow_version_labels_for_unavailable_models=True)
    start_server(allowed).stop()


@pytest.mark.parametrize("allow", [False, True])
def test_ports_open_when_all_labelled_versions_are_there(base, tmp_path, allow):
    """The second takes much longer: its warm-up has a thousand requests."""
    path = tmp_path / "m"
    path.mkdir()
    (path / "1").symlink_to(base / "a" / "1")
    publish_plus(path, 2, 2.0, [predict_log(predict_request("any", x=ONE))] * 1000)
    file = tmp_path / "config"
    labels = ALL + label("stable", 1) + label("canary", 2)
    file.write_text(listed(entry(path, labels), entry(base / "b")))
    options = ServerOptions(
        model_config_file=str(file), port=0, allow_version_labels_for_unavailable_models=allow
    )
    with start_server(options) as server:
        client = Client(server)
        request = predict_request("m", x=ONE)
        for name, answer in (("stable", 2.0), ("canary", 3.0)):
            request.model_spec.version_label = name
            assert client.predict(request)["y"] == answer
        client.close()


def test_ports_do_not_wait_for_further_attempts(base, tmp_path):
    """A version that fails is tried again ten minutes later; the others serve meanwhile."""
    path = tmp_path / "m"
    path.mkdir()
    (path / "1").symlink_to(base / "a" / "1")
    publish_broken(path, 2)
    file = tmp_path / "config"
    file.write_text(listed(entry(path, ALL + label("stable", 1) + label("canary", 2))))
    options = ServerOptions(
        model_config_file=str(file),
        port=0,
        load_retry_interval_micros=600_000_000,
        start_timeout_seconds=60,
        allow_version_labels_for_unavailable_models=True,
    )
    with start_server(options) as server:
        client = Client(server)
        assert states(client, "m") == {1: AVAILABLE, 2: LOADING}
        request = predict_request("m", x=ONE)
        request.model_spec.version_label = "stable"
        assert client.predict(request)["y"] == 2.0
        request.model_spec.version_label = "canary"
        assert refusal(client.predict, request)[0] == "NOT_FOUND"
        client.close()
