"""Several models: the config file, labels, reloading over gRPC."""

import grpc
import numpy as np
import pytest

from eigenfit.serving import ServingError
from eigenfit.serving.server import ServerOptions, start_server

from .clients import (
    AVAILABLE,
    END,
    LOADING,
    entry,
    listed,
    predict_request,
    refusal,
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


def ended(call):
    error = call.exception(timeout=20)
    return error.code().name, error.details()


def test_labels_move(two, base):
    client, _ = two
    for version in (1, 2):
        text = listed(of(base / "a", ALL + label("stable", version)))
        assert client.reload(text).result().status.error_code == 0
        assert ask(client, "a", "stable") == 1.0 + version
    status, answer = client.post("/v1/models/a/labels/stable:predict", {"instances": [1.0]})
    assert (status, answer) == (200, {"predictions": [3.0]})
    code, message = ended(client.reload(listed(of(base / "a", ALL + label("stable", 7)))))
    assert code == "FAILED_PRECONDITION"
    assert "version 7 of model a, which is not available" in message
    assert ask(client, "a", "stable") == 3.0  # the old label stays


def test_reload_adds_and_removes(two, base):
    client, _ = two
    client.reload(listed(of(base / "b"))).result()
    assert ask(client, "b") == 11.0
    assert ask(client, "a") == "NOT_FOUND"
    wait_for(lambda: client.states("a") == {1: END, 2: END})
    client.reload("model_config_list {}").result()
    assert ask(client, "b") == "NOT_FOUND"


WRONG = {
    "no list": lambda base: ("custom_model_config {}", "must be a model_config_list"),
    "twice": lambda base: (listed(of(base / "b"), of(base / "b")), "b is listed twice"),
    "relative": lambda base: (listed(of(base / "b").replace(f"{base}/", "")), "absolute"),
    "no platform": lambda base: (listed(of(base / "b", platform="")), "model_platform ''"),
    "other": lambda base: (listed(of(base / "b", platform="x")), "'x'; it must be 'tensorflow'"),
    "no version": lambda base: (
        listed(of(base / "b", "model_version_policy { specific {} }")),
        "must name a version",
    ),
}


def test_wrong_reloads_change_nothing(two, base):
    client, _ = two
    for make in WRONG.values():
        text, told = make(base)
        code, message = ended(client.reload(text))
        assert code == "INVALID_ARGUMENT"
        assert told in message
        assert ask(client, "a") == 3.0
    code, message = ended(client.reload(listed(of(base / "a", ALL), of(base / "broken"))))
    assert code == "UNKNOWN"
    assert "broken version 1: DATA_LOSS" in message
    assert ask(client, "a") == 3.0


def test_config_file_is_read_again(two, base, tmp_path):
    """A wrong one is logged, and one with a wrong path can be put right.

    A missing base path of one model does not hurt the others, unlike in TensorFlow Serving.
    """
    client, file = two
    file.write_text("not a config")
    both = base / "b", ALL + label("stable", 1)
    file.write_text(listed(of(tmp_path / "nowhere"), of(*both)))
    wait_for(lambda: client.states("b") == {1: AVAILABLE})
    wait_for(lambda: ask(client, "b", "stable") == 11.0)  # the label too
    file.write_text(listed(of(base / "a"), of(*both)))
    wait_for(lambda: client.states("a") == {1: END, 2: AVAILABLE})  # only the latest now
    assert refusal(client.status, "nowhere")[0] == "NOT_FOUND"


def endless(base, tmp_path, *more):
    """A configuration that nothing but a version of `none` makes complete."""
    (tmp_path / "none").mkdir(exist_ok=True)
    return listed(of(base / "a"), of(tmp_path / "none"), *more)


def test_reload_ends_at_its_deadline_and_when_its_client_goes(two, base, tmp_path):
    client, _ = two
    assert ended(client.reload(endless(base, tmp_path), timeout=0.5))[0] == "DEADLINE_EXCEEDED"
    client.reload(listed(of(base / "a"))).result()
    call = client.reload(endless(base, tmp_path, of(base / "b")), timeout=None)
    wait_for(lambda: ask(client, "b") == 11.0)
    assert not call.done()
    call.cancel()
    client.reload(listed(of(base / "a"))).result()  # is not held up
    assert ask(client, "b") == "NOT_FOUND"


def test_reload_ends_when_another_removes_the_model(two, base, tmp_path):
    client, _ = two
    call = client.reload(endless(base, tmp_path, of(base / "b", label("stable", 1))))
    wait_for(lambda: ask(client, "b") == 11.0)
    assert not call.done()
    client.reload(listed(of(base / "b", label("best", 1)))).result()
    code, message = ended(call)
    assert code == "ABORTED"
    assert "has removed model(s) none meanwhile" in message
    assert ask(client, "b", "best") == 11.0
    assert ask(client, "b", "stable") == "INVALID_ARGUMENT"


def test_reload_ends_when_its_model_comes(two, base, tmp_path):
    client, _ = two
    call = client.reload(endless(base, tmp_path, of(base / "b")))
    wait_for(lambda: ask(client, "b") == 11.0)
    assert not call.done()
    publish_plus(tmp_path / "none", 1, 5.0)
    assert call.result().status.error_code == 0
    assert ask(client, "none") == 6.0


def test_stop_ends_a_reload(two, base, tmp_path):
    client, _ = two
    call = client.reload(endless(base, tmp_path, of(base / "b")), timeout=60)
    wait_for(lambda: ask(client, "b") == 11.0)
    client.server.stop(60.0)
    assert ended(call) == ("UNAVAILABLE", "The server is stopping")


def test_start_with_a_wrong_file(base, tmp_path):
    file = tmp_path / "config"
    options = ServerOptions(model_config_file=str(file), port=0)
    for text, told in [
        ("x", "no ModelServerConfig in text form"),
        (listed('config { name: "m" }'), "must be absolute"),
        (listed(of(base / "b", label("stable", 7))), "which is not available"),
    ]:
        file.write_text(text)
        with pytest.raises(ServingError, match=told):
            start_server(options)
    allowed = ServerOptions(
        model_config_file=str(file), port=0, allow_version_labels_for_unavailable_models=True
    )
    start_server(allowed).stop()


@pytest.mark.parametrize("allow", [False, True])
def test_ports_open_when_all_labelled_versions_are_there(base, tmp_path, serve, allow):
    """The second takes much longer: its warm-up has hundreds of requests."""
    path = tmp_path / "m"
    path.mkdir()
    (path / "1").symlink_to(base / "a" / "1")
    publish_plus(path, 2, 2.0, [predict_log(predict_request("any", x=ONE))] * 300)
    file = tmp_path / "config"
    labels = ALL + label("stable", 1) + label("canary", 2)
    file.write_text(listed(of(path, labels), of(base / "b")))
    client = serve(model_config_file=str(file), allow_version_labels_for_unavailable_models=allow)
    assert [ask(client, "m", each) for each in ("stable", "canary")] == [2.0, 3.0]


def test_ports_do_not_wait_for_further_attempts(base, tmp_path, serve):
    """A version that fails is tried again ten minutes later; the others serve meanwhile."""
    path = tmp_path / "m"
    path.mkdir()
    (path / "1").symlink_to(base / "a" / "1")
    publish_broken(path, 2)
    file = tmp_path / "config"
    file.write_text(listed(of(path, ALL + label("stable", 1) + label("canary", 2))))
    client = serve(
        model_config_file=str(file),
        max_num_load_retries=5,
        load_retry_interval_micros=600_000_000,
        start_timeout_seconds=60,
        allow_version_labels_for_unavailable_models=True,
    )
    assert client.states("m") == {1: AVAILABLE, 2: LOADING}
    assert ask(client, "m", "stable") == 2.0
    assert ask(client, "m", "canary") == "NOT_FOUND"
