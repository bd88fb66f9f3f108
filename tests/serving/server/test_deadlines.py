"""The time of a request runs from its arrival, wherever it waits."""

import time
from concurrent import futures

import numpy as np
import pytest

from .clients import Client, predict_request, refusal
from .rest_bodies import MANY
from .test_versions import wait_for

ENDLESS = 10**12  # steps of the signature `slow`


def slow(steps: int):
    return predict_request("many", "slow", steps=np.array([steps]))


def rest(client: Client, steps: int):
    return client.post(MANY + ":predict", {"signature_name": "slow", "instances": [steps]})


@pytest.fixture
def batched(serve, many_path, tmp_path):
    """A server with one batch thread, and half a second for a REST request."""

    def start(text: str) -> Client:
        (tmp_path / "batching").write_text("num_batch_threads { value: 1 } " + text)
        return serve(
            model_base_path=str(many_path),
            model_name="many",
            enable_batching=True,
            batching_parameters_file=str(tmp_path / "batching"),
            rest_api_port=0,
            rest_api_timeout_in_ms=500,
        )

    return start


def steps_of_two_seconds(client: Client) -> int:
    started = time.monotonic()
    client.predict(predict_request("many", "slow", steps=np.array([20_000, 0])), timeout=60)
    return int(20_000 * 2.0 / (time.monotonic() - started))


@pytest.mark.parametrize("seconds", [None, 60])
def test_a_batch_has_the_time_of_its_most_patient_request_and_no_other_waits(batched, seconds):
    # Nobody waits the minute: two rows fill the batch.
    client = batched("max_batch_size { value: 2 } batch_timeout_micros { value: 60000000 }")
    steps = steps_of_two_seconds(client)
    patient = client.predictions.Predict.future(slow(steps), timeout=seconds)
    time.sleep(0.1)
    status, answer = rest(client, 1)
    assert not patient.done(), "the run was too short to show anything"
    assert (status, answer["error"]) == (504, "Timed out waiting for notification")
    assert list(patient.result(60).outputs["steps"].int64_val) == [steps]


def test_a_request_that_gave_up_leaves_its_place_in_the_queue(batched):
    client = batched("max_batch_size { value: 1 } max_enqueued_batches { value: 1 }")
    first = client.predictions.Predict.future(slow(ENDLESS), timeout=2.0)
    time.sleep(0.1)
    status, answer = rest(client, 1)
    assert not first.done()
    assert (status, answer["error"]) == (
        429,
        "Run() timeout exceeded while waiting in batching queue",
    )
    # There is place for one; it would be refused if the other were still there.
    assert client.predict(slow(2), timeout=60)["steps"] == [2]


def test_the_wait_for_a_thread_counts(serve, many_path, tmp_path):
    """Eight requests that never end, and one thread: by turns they would take eight seconds."""
    (tmp_path / "monitoring").write_text("prometheus_config { enable: true }")
    client = serve(
        model_base_path=str(many_path),
        model_name="many",
        rest_api_port=0,
        rest_api_num_threads=1,
        rest_api_timeout_in_ms=1000,
        monitoring_config_file=str(tmp_path / "monitoring"),
    )
    started = time.monotonic()
    with futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: rest(client, ENDLESS), range(8)))
    assert time.monotonic() - started < 6.0
    assert [status for status, _ in answers] == [504] * 8
    assert rest(client, 1)[0] == 200  # the thread ran none of those that were late
    wait_for(lambda: "Timed out waiting for a thread (rest_api_num_threads)" in str(answers))
    line = 'request_count{model_name="many",status="DEADLINE_EXCEEDED"} 8\n'
    wait_for(lambda: line in client.http("GET", "/monitoring/prometheus/metrics")[1])


def test_no_time_at_all(batched):
    client = batched("")
    assert refusal(client.predict, slow(ENDLESS), timeout=0.2)[0] == "DEADLINE_EXCEEDED"
    # Its run has ended with it: the only batch thread is free.
    assert client.predict(slow(3), timeout=60)["steps"] == [3]
