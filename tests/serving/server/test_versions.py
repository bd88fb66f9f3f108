"""Versions come, go and fail while requests run."""

import gc
import shutil
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf

from eigenfit.serving import ServingError
from eigenfit.serving.server import ServerOptions, start_server, versions

from .clients import (
    AVAILABLE,
    END,
    ENDLESS,
    LOADING,
    Client,
    entry,
    listed,
    predict_request,
    refusal,
    slow,
    wait_for,
)
from .models import WARMUP, predict_log, publish_broken, publish_plus, remove, write_warmup

ONE = np.array([1.0], np.float32)


def ask(client: Client, name: str = "default") -> float:
    return float(client.predict(predict_request(name, x=ONE))["y"][0])


def test_version_names(serve, many_path, tmp_path):
    for name in ("7", "00000123", "-1", "2.5", str(2**63), "²"):
        (tmp_path / name).symlink_to(many_path / "1")
    client = serve(model_base_path=str(tmp_path), model_name="many")
    assert client.states("many") == {123: AVAILABLE}


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        ("latest { num_versions: 2 }", [7, 3]),
        ("all {}", [7, 3, 1]),
        ("specific { versions: 1 versions: 5 }", [1]),
    ],
)
def test_policies(serve, many_path, tmp_path, policy, chosen):
    for name in ("1", "3", "7"):
        (tmp_path / name).symlink_to(many_path / "1")
    chosen_by = f"model_version_policy {{ {policy} }}"
    (tmp_path / "config").write_text(listed(entry("m", tmp_path, chosen_by)))
    client = serve(model_config_file=str(tmp_path / "config"))
    assert list(client.states("m").items()) == [(number, AVAILABLE) for number in chosen]


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

    threads = [
        threading.Thread(target=function, args=(seen,))
        for function, seen in zip([over_grpc, over_grpc, over_rest], answers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for version in (2, 3, 4, 5):
        if version == 4:
            publish_broken(tmp_path, 4)
            wait_for(lambda: client.states().get(4) == END)
            assert client.states()[3] == AVAILABLE
            time.sleep(0.1)
        else:
            publish_plus(tmp_path, version, float(version))
            wait_for(lambda version=version: client.states().get(version) == AVAILABLE)
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
    wait_for(lambda: client.states() == {1: END, 2: END, 3: END, 4: END, 5: AVAILABLE})


def test_versions_that_come_faster_than_they_load(serve, many_path, tmp_path):
    """The newest that is ready serves, though a newer one is wanted already."""

    def publish(version: int, steps: int) -> None:
        """One that needs this many steps to warm up."""
        staged = tmp_path / "writing"
        shutil.copytree(many_path / "1", staged)
        write_warmup(staged, [predict_log(slow(steps))])
        staged.rename(tmp_path / str(version))

    publish(1, 1)
    client = serve(
        model_base_path=str(tmp_path),
        model_name="many",
        tensorflow_inter_op_parallelism=-1,  # no run waits for the threads of another
    )
    publish(2, 50_000)
    wait_for(lambda: client.states("many").get(2) == LOADING)
    publish(3, ENDLESS)
    wait_for(lambda: client.states("many") == {1: AVAILABLE, 2: LOADING, 3: LOADING})
    wait_for(lambda: client.states("many") == {1: END, 2: AVAILABLE, 3: LOADING})
    publish(4, 1)
    wait_for(lambda: client.states("many") == {1: END, 2: END, 3: LOADING, 4: AVAILABLE})
    shutil.rmtree(tmp_path / "3")
    assert client.predictions.Predict(predict_request("many", x=ONE)).model_spec.version.value == 4


def test_broken_version_keeps_its_error(serve, tmp_path):
    publish_plus(tmp_path, 1, 1.0)
    client = serve(model_base_path=str(tmp_path))
    publish_broken(tmp_path, 2)
    wait_for(lambda: client.states().get(2) == END)
    newest = client.status("default").model_version_status[0]
    assert newest.version == 2
    assert newest.status.error_code == grpc.StatusCode.DATA_LOSS.value[0]
    assert "saved_model.pb is damaged" in newest.status.error_message
    assert ask(client) == 2.0
    request = predict_request("default", x=ONE)
    request.model_spec.version.value = 2
    assert refusal(client.predict, request)[0] == "NOT_FOUND"


def test_request_in_flight_outlives_its_version(serve, many_path, tmp_path):
    """And its memory goes with it: the graph waits for no collector."""
    gc.collect()
    before = graphs()
    (tmp_path / "1").symlink_to(many_path / "1")
    client = serve(model_base_path=str(tmp_path), model_name="many")
    assert graphs() > before
    future = client.predictions.Predict.future(slow(100_000), timeout=20)
    time.sleep(0.1)
    (tmp_path / "1").unlink()
    wait_for(lambda: client.states("many")[1] != AVAILABLE)
    was_running = not future.done()
    assert list(future.result().outputs["steps"].int64_val) == [100_000]
    assert was_running, "the request was too quick to show anything"
    wait_for(lambda: client.states("many")[1] == END)
    assert refusal(client.predict, slow(1))[0] == "NOT_FOUND"
    assert graphs() == before


def graphs() -> int:
    return sum(type(each) is tf.Graph for each in gc.get_objects())


def test_a_request_that_was_given_up_still_holds_its_version(serve, many_path, tmp_path):
    """Its client has gone, its run goes on; the version is not freed under it."""
    (tmp_path / "1").symlink_to(many_path / "1")
    client = serve(model_base_path=str(tmp_path), model_name="many")
    future = client.predictions.Predict.future(slow(100_000))
    time.sleep(0.1)
    future.cancel()
    (tmp_path / "1").unlink()
    wait_for(lambda: client.states("many")[1] == END)


def test_version_comes_back(serve, tmp_path):
    publish_plus(tmp_path, 1, 1.0)
    client = serve(model_base_path=str(tmp_path))
    remove(tmp_path, 1)
    wait_for(lambda: client.states() == {1: END})
    publish_plus(tmp_path, 1, 5.0)
    wait_for(lambda: client.states() == {1: AVAILABLE})
    assert ask(client) == 6.0


def test_a_failed_version_is_tried_again(serve, tmp_path, monkeypatch):
    """After a minute; but not if it is no longer wanted, and nothing waits for that."""
    publish_plus(tmp_path, 1, 1.0)
    client = serve(model_base_path=str(tmp_path))
    publish_broken(tmp_path, 2)
    wait_for(lambda: client.states().get(2) == END)
    shutil.rmtree(tmp_path / "2")  # at once, as it is another one then
    wait_for(lambda: ask(client) == 2.0)
    time.sleep(0.2)
    publish_plus(tmp_path, 2, 2.0)
    wait_for(lambda: client.states() == {1: END, 2: AVAILABLE})
    assert not client.status("default", 2).model_version_status[0].status.error_code
    monkeypatch.setattr(versions, "_RETRY_SECONDS", 0.5)
    publish_broken(tmp_path, 3)
    wait_for(lambda: client.states().get(3) == END)
    publish_plus(tmp_path / "good", 3, 3.0)
    for path in sorted((tmp_path / "good" / "3").iterdir(), reverse=True):  # the graph comes last
        path.rename(tmp_path / "3" / path.name)
    wait_for(lambda: client.states().get(3) == AVAILABLE)
    assert ask(client) == 4.0


def test_start_waits_for_a_version(tmp_path):
    options = ServerOptions(
        model_base_path=str(tmp_path / "later"), port=0, file_system_poll_wait_seconds=0.05
    )
    timer = threading.Timer(0.2, publish_plus, (tmp_path / "later", 1, 1.0))
    timer.start()
    with start_server(options):
        timer.join()


def test_start_fails_when_all_versions_do(tmp_path):
    publish_broken(tmp_path, 1)
    options = ServerOptions(model_base_path=str(tmp_path), port=0)
    with pytest.raises(ServingError, match=r"did not become available: .*version 1") as caught:
        start_server(options)
    assert caught.value.code is grpc.StatusCode.UNKNOWN


def test_start_gives_up_in_time(tmp_path):
    options = ServerOptions(model_base_path=str(tmp_path), port=0, start_timeout_seconds=0.2)
    with pytest.raises(ServingError, match="did not become available in time"):
        start_server(options)


GOOD = predict_log(predict_request("any name", x=ONE))
BAD_WARMUP = {
    "failing request": (
        [GOOD, predict_log(predict_request("any", zz=ONE))],
        "takes the inputs x; missing: x; not known: zz",
    ),
    "no log": ([b"\xff\xff\xff"], "holds no PredictionLogs"),
    "empty": ([b""], "is empty; this server replays predict_log only"),
    "no records": ([], "holds no PredictionLogs"),
}


@pytest.mark.parametrize("case", BAD_WARMUP)
def test_bad_warmup_fails_the_load(serve, tmp_path, case):
    records, message = BAD_WARMUP[case]
    publish_plus(tmp_path, 1, 1.0, records or [GOOD])
    if not records:
        (tmp_path / "1" / WARMUP).write_bytes(b"no records " * 20)
    with pytest.raises(ServingError, match=message):
        serve(model_base_path=str(tmp_path))
    serve(model_base_path=str(tmp_path), enable_model_warmup=False)
    publish_plus(tmp_path, 2, 2.0, [GOOD] * 3)
    assert ask(serve(model_base_path=str(tmp_path))) == 3.0
