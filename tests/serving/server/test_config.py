"""Several models: the config file, labels, and reading the file again."""

import grpc
import numpy as np
import pytest

from eigenfit.serving import ServingError
from eigenfit.serving.server import ServerOptions, start_server
from eigenfit.serving.server.configs import models_of

from .clients import (
    AVAILABLE,
    END,
    entry,
    listed,
    predict_request,
    wait_for,
    with_spec,
)
from .models import predict_log, publish_broken, publish_plus

ONE = np.array([1.0], np.float32)
ALL = "model_version_policy { all {} }"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Models a (versions 1 and 2), b (1) and broken (1)."""
    path = tmp_path_factory.mktemp("models")
    publish_plus(path / "a", 1, 1.0)
    publish_plus(path / "a", 2, 2.0)
    publish_plus(path / "b", 1, 10.0)
    publish_broken(path / "broken", 1)
    return path


def of(path, more="", platform="tensorflow"):
    return entry(path.name, path, more, platform)


def label(name, version):
    return f'version_labels {{ key: "{name}" value: {version} }}'


@pytest.fixture
def two(base, serve, tmp_path):
    """A server for both versions of a, and the file that says so."""
    file = tmp_path / "config"
    file.write_text(listed(of(base / "a", ALL)))
    client = serve(
        model_config_file=str(file), model_config_file_poll_wait_seconds=0.05, rest_api_port=0
    )
    assert client.states("a") == {1: AVAILABLE, 2: AVAILABLE}
    return client, file


def ask(client, name, label=None):
    """The answer of a model to 1, or the code of its error."""
    request = predict_request(name, x=ONE)
    try:
        return client.predict(with_spec(request, version_label=label) if label else request)["y"]
    except grpc.RpcError as error:
        reported: object = error
        return getattr(reported, "code")().name  # noqa: B009


WRONG = [
    (lambda base: "not a config", "no ModelServerConfig in text form"),
    (lambda base: "custom_model_config {}", "must be a model_config_list"),
    (lambda base: listed(of(base / "b"), of(base / "b")), "b must have a name of its own"),
    (lambda base: listed(of(base / "b").replace(f"{base}/", "")), "an absolute base_path; got"),
    (lambda base: listed(of(base / "b", platform="x")), "model_platform 'tensorflow'; got"),
    (lambda base: listed(of(base / "b", "model_version_policy { specific {} }")), "a version in"),
]


def test_wrong_files_change_nothing(two, base, caplog):
    client, file = two
    for make, told in WRONG:
        text = make(base)
        with pytest.raises(ServingError, match=told):
            models_of(text)
        file.write_text(text)
        caplog.clear()
        wait_for(lambda told=told: told in caplog.text)
        assert ask(client, "a") == 3.0


def test_models_come_and_go(two, base, tmp_path):
    """A file with a wrong path can be put right.

    A missing base path of one model does not hurt the others, unlike in TensorFlow Serving.
    """
    client, file = two
    both = base / "b", ALL + label("stable", 1)
    file.write_text(listed(of(tmp_path / "nowhere"), of(base / "broken"), of(*both)))
    wait_for(lambda: ask(client, "b", "stable") == 11.0)
    wait_for(lambda: client.states("broken") == {1: END})
    assert ask(client, "a") == "NOT_FOUND"
    assert ask(client, "nowhere") == ask(client, "broken") == "NOT_FOUND"
    file.write_text(listed(of(base / "a"), of(*both)))
    wait_for(lambda: client.states("a") == {2: AVAILABLE})  # only the latest now
    file.write_text("model_config_list {}")
    wait_for(lambda: ask(client, "b") == "NOT_FOUND")


def test_labels_move_when_their_version_is_there(two, base, tmp_path):
    client, file = two
    for version in (1, 2):
        file.write_text(listed(of(base / "a", ALL + label("stable", version))))
        wait_for(lambda version=version: ask(client, "a", "stable") == 1.0 + version)
    status, answer = client.post("/v1/models/a/labels/stable:predict", {"instances": [1.0]})
    assert (status, answer) == (200, {"predictions": [3.0]})
    file.write_text(listed(of(base / "a", ALL + label("stable", 7) + label("next", 7))))
    wait_for(lambda: ask(client, "a", "next") == "NOT_FOUND")  # known, but not there
    assert ask(client, "a", "stable") == 3.0  # the old one, until there is a version 7
    publish_plus(tmp_path, 7, 7.0)
    (tmp_path / "7").rename(base / "a" / "7")
    wait_for(lambda: ask(client, "a", "next") == ask(client, "a", "stable") == 8.0)
    file.write_text(listed(of(base / "a", ALL)))
    wait_for(lambda: ask(client, "a", "stable") == "INVALID_ARGUMENT")
    (base / "a" / "7").rename(tmp_path / "7")


def test_start_with_a_wrong_file(base, tmp_path):
    file = tmp_path / "config"
    for text, told in [
        (listed(of(base / "broken")), "broken version 1: DATA_LOSS"),
        (listed('config { name: "m" }'), "must have an absolute base_path"),
    ]:
        file.write_text(text)
        with pytest.raises(ServingError, match=told):
            start_server(ServerOptions(model_config_file=str(file), port=0))


def test_ports_open_when_loading_of_all_versions_has_ended(base, tmp_path, serve):
    """The second takes long: its warm-up has hundreds of requests. The third fails."""
    path = tmp_path / "m"
    path.mkdir()
    (path / "1").symlink_to(base / "a" / "1")
    publish_plus(path, 2, 2.0, [predict_log(predict_request("any", x=ONE))] * 300)
    publish_broken(path, 3)
    file = tmp_path / "config"
    labels = ALL + label("stable", 1) + label("canary", 2) + label("next", 3)
    file.write_text(listed(of(path, labels), of(base / "b")))
    client = serve(model_config_file=str(file))
    assert [ask(client, "m", each) for each in ("stable", "canary")] == [2.0, 3.0]
    assert client.states("m") == {1: AVAILABLE, 2: AVAILABLE, 3: END}
    assert ask(client, "m", "next") == "NOT_FOUND"
