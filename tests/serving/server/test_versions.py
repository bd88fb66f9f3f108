"""Versions come, go and fail while requests run."""

import contextlib
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest

from eigenfit.serving.server import Code, ServerOptions, ServingError, start_server
from eigenfit.serving.server.manager import ModelManager
from eigenfit.serving.server.model_config import ModelSettings
from eigenfit.serving.server.served_version import ServedVersion, State
from eigenfit.serving.server.session_model import SessionModel
from eigenfit.serving.server.versions import VersionPolicy, choose_versions, list_versions

from .clients import Client, predict_request, refusal
from .models import predict_log, publish_broken, publish_plus, remove

ONE = np.array([1.0], np.float32)
START, LOADING, AVAILABLE, UNLOADING, END = 10, 20, 30, 40, 50


def states(client: Client, name: str = "default") -> dict[int, int]:
    return {each.version: each.state for each in client.status(name).model_version_status}


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def test_version_names(tmp_path):
    for name in ("1", "00000123", "x", "-1", "2.5", str(2**63), "²"):
        (tmp_path / name).mkdir()
    found = list_versions(tmp_path)
    assert sorted(found) == [1, 123]
    assert Path(found[123]).name == "00000123"


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (VersionPolicy(), [7]),
        (VersionPolicy(latest=2), [3, 7]),
        (VersionPolicy(latest=0), [1, 3, 7]),
        (VersionPolicy(latest=0, specific=(1, 5)), [1]),
    ],
)
def test_policies(policy, chosen):
    available = {1: "1", 3: "3", 7: "7"}
    assert sorted(choose_versions(available, policy)) == chosen


def test_swaps_under_load_lose_no_request(serve, tmp_path):
    """Versions 1 to 5 come one after the other under load; version 4 is broken."""
    publish_plus(tmp_path, 1, 1.0)
    client = serve(model_base_path=str(tmp_path), rest_api_port=0)
    stop = threading.Event()
    errors: list[str] = []
    answers: list[list[tuple[int, float]]] = [[], [], []]

    def over_grpc(seen: list[tuple[int, float]]) -> None:
        while not stop.is_set():
            try:
                response = client.predictions.Predict(predict_request("default", x=ONE), timeout=20)
                value = response.outputs["y"].float_val[0]
                seen.append((response.model_spec.version.value, value))
            except grpc.RpcError as error:
                errors.append(str(error))

    def over_rest(seen: list[tuple[int, float]]) -> None:
        while not stop.is_set():
            status, answer = client.post("/v1/models/default:predict", {"instances": [1.0]})
            if status == 200:
                value = answer["predictions"][0]
                seen.append((int(value - 1), value))
            else:
                errors.append(str(answer))

    work = [over_grpc, over_grpc, over_rest]
    threads = [
        threading.Thread(target=function, args=(seen,))
        for function, seen in zip(work, answers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for version in (2, 3, 4, 5):
        if version == 4:
            publish_broken(tmp_path, 4)
            wait_for(lambda: states(client).get(4) == END)
            assert states(client)[3] == AVAILABLE
            time.sleep(0.1)
        else:
            publish_plus(tmp_path, version, float(version))
            wait_for(lambda version=version: states(client).get(version) == AVAILABLE)
    wait_for(lambda: any(version == 5 for version, _ in answers[2]))
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    for seen in answers:
        assert all(value == 1.0 + version for version, value in seen)
        versions = [version for version, _ in seen]
        assert versions == sorted(versions)  # never back to an older one
        assert set(versions) <= {1, 2, 3, 5}
    wait_for(lambda: states(client) == {1: END, 2: END, 3: END, 4: END, 5: AVAILABLE})


class SlowModels:
    """A loader of versions that load for as long as the test wants."""

    def __init__(self) -> None:
        self.done: dict[int, threading.Event] = {}
        self.closed: list[int] = []

    def __call__(self, served: ServedVersion) -> Any:
        version = served.version
        self.done.setdefault(version, threading.Event()).wait(20)
        return SimpleNamespace(close=lambda: self.closed.append(version))


def test_versions_that_come_faster_than_they_load(tmp_path):
    """The newest that is ready serves, though a newer one is wanted already."""
    loader = SlowModels()
    manager = ModelManager(loader)
    settings = {"m": ModelSettings("m", str(tmp_path))}

    def found() -> dict[int, State]:
        return {each.version: each.state for each in manager.statuses("m")}

    def publish(version: int) -> None:
        (tmp_path / str(version)).mkdir()
        with contextlib.suppress(ServingError):  # none is available in no time
            manager.reload(settings, timeout=0.0)
        wait_for(lambda: found().get(version) is State.LOADING)

    def finish(version: int) -> None:
        loader.done.setdefault(version, threading.Event()).set()

    publish(1)
    finish(1)
    wait_for(lambda: found()[1] is State.AVAILABLE)
    publish(2)
    publish(3)
    finish(2)
    wait_for(lambda: found() == {1: State.END, 2: State.AVAILABLE, 3: State.LOADING})
    publish(4)
    finish(4)
    wait_for(lambda: loader.closed == [1, 2])
    assert found()[4] is State.AVAILABLE
    finish(3)  # nobody wants it any more
    wait_for(lambda: loader.closed == [1, 2, 3])
    manager.close()
    wait_for(lambda: loader.closed == [1, 2, 3, 4])


def test_a_model_that_is_removed_while_it_loads(tmp_path):
    loader = SlowModels()
    manager = ModelManager(loader)
    (tmp_path / "1").mkdir()
    with pytest.raises(ServingError):
        manager.reload({"m": ModelSettings("m", str(tmp_path))}, timeout=0.0)
    manager.close()
    wait_for(lambda: 1 in loader.done)
    loader.done[1].set()
    wait_for(lambda: loader.closed == [1])


def test_broken_version_keeps_its_error(serve, tmp_path):
    publish_plus(tmp_path, 1, 1.0)
    client = serve(model_base_path=str(tmp_path))
    publish_broken(tmp_path, 2)
    wait_for(lambda: states(client).get(2) == END)
    newest = client.status("default").model_version_status[0]
    assert newest.version == 2
    assert newest.status.error_code == Code.DATA_LOSS
    assert newest.status.error_message
    assert client.predict(predict_request("default", x=ONE))["y"] == 2.0
    request = predict_request("default", x=ONE)
    request.model_spec.version.value = 2
    assert refusal(client.predict, request)[1] == (
        "Servable not found for request: Specific(default, 2)"
    )


def test_request_in_flight_outlives_its_version(serve, many_path, tmp_path):
    (tmp_path / "1").symlink_to(many_path / "1")
    client = serve(model_base_path=str(tmp_path), model_name="many")
    request = predict_request("many", "slow", steps=np.array([400_000]))
    future = client.predictions.Predict.future(request, timeout=20)
    time.sleep(0.1)
    (tmp_path / "1").unlink()
    wait_for(lambda: states(client, "many")[1] != AVAILABLE)
    was_running = not future.done()
    assert list(future.result().outputs["steps"].int64_val) == [400_000]
    assert was_running, "the request was too quick to show anything"
    wait_for(lambda: states(client, "many")[1] == END)
    assert refusal(client.predict, request)[0] == "NOT_FOUND"


def test_a_closed_session_leaves_nothing_behind(many_path):
    """The collector has run by then: nobody waits for it."""
    session = SessionModel(next(str(path) for path in Path(many_path).iterdir()))
    graph = weakref.ref(session._graph)
    session.close()
    assert graph() is None


def test_version_comes_back(serve, tmp_path):
    publish_plus(tmp_path, 1, 1.0)
    client = serve(model_base_path=str(tmp_path))
    remove(tmp_path, 1)
    wait_for(lambda: states(client) == {1: END})
    publish_plus(tmp_path, 1, 5.0)
    wait_for(lambda: states(client) == {1: AVAILABLE})
    assert client.predict(predict_request("default", x=ONE))["y"] == 6.0


def test_retries(serve, tmp_path):
    """A version that can be loaded at a later attempt; until then it is LOADING."""
    publish_plus(tmp_path, 1, 1.0)
    client = serve(
        model_base_path=str(tmp_path),
        max_num_load_retries=1000,
        load_retry_interval_micros=600_000_000,  # which nobody waits for
    )
    publish_broken(tmp_path, 2)
    wait_for(lambda: states(client).get(2) == LOADING)
    publish_plus(tmp_path, 3, 3.0)  # is not held up
    wait_for(lambda: states(client).get(3) == AVAILABLE)
    wait_for(lambda: states(client)[2] == END)  # nobody wants it any more


def test_start_waits_for_a_version(tmp_path):
    options = ServerOptions(
        model_base_path=str(tmp_path / "later"), port=0, file_system_poll_wait_seconds=0.05
    )

    def publish() -> None:
        time.sleep(0.2)
        publish_plus(tmp_path / "later", 1, 1.0)

    thread = threading.Thread(target=publish)
    thread.start()
    with start_server(options):
        pass
    thread.join()


def test_start_fails_when_all_versions_do(tmp_path):
    publish_broken(tmp_path, 1)
    options = ServerOptions(model_base_path=str(tmp_path), port=0, max_num_load_retries=0)
    with pytest.raises(ServingError, match=r"did not become available: .*version: 1") as caught:
        start_server(options)
    assert caught.value.code is Code.UNKNOWN


def test_start_gives_up_in_time(tmp_path):
    options = ServerOptions(model_base_path=str(tmp_path), port=0, start_timeout_seconds=0.2)
    with pytest.raises(ServingError, match="did not become available in time"):
        start_server(options)


def good() -> bytes:
    return predict_log(predict_request("any name", x=ONE))


BAD_WARMUP = {
    "failing request": (
        [good(), predict_log(predict_request("any", zz=ONE))],
        "input alias: x|not found in request",
    ),
    "unparsable": ([b"\xff\xff\xff"], "Failed to parse warmup record"),
    "no log": ([b""], "Unsupported log_type for warmup: LOG_TYPE_NOT_SET"),
    "too many": ([good()] * 1001, "exceeds the maximum"),
}


@pytest.mark.parametrize("case", BAD_WARMUP)
def test_bad_warmup_fails_the_load(tmp_path, case):
    records, message = BAD_WARMUP[case]
    publish_plus(tmp_path, 1, 1.0, records)
    options = ServerOptions(model_base_path=str(tmp_path), port=0, max_num_load_retries=0)
    with pytest.raises(ServingError, match=message):
        start_server(options)


def test_warmup_file_that_is_no_record_file(tmp_path):
    publish_plus(tmp_path, 1, 1.0, [good()])
    (tmp_path / "1/assets.extra/tf_serving_warmup_requests").write_bytes(b"no records " * 20)
    options = ServerOptions(model_base_path=str(tmp_path), port=0, max_num_load_retries=0)
    with pytest.raises(ServingError, match="TFRecord"):
        start_server(options)


def test_good_warmup_and_none(serve, tmp_path):
    publish_plus(tmp_path / "good", 1, 1.0, [good()] * 3)
    serve(model_base_path=str(tmp_path / "good"))
    publish_plus(tmp_path / "off", 1, 1.0, [b"\xff"])
    serve(model_base_path=str(tmp_path / "off"), enable_model_warmup=False)
