"""Batching: requests run together; the errors and the deadlines that this brings."""

import re
import time
from concurrent import futures
from typing import Any

import numpy as np
import pytest

from eigenfit.serving import ServingError
from eigenfit.serving.server import ServerOptions, app, start_server
from eigenfit.serving.server.session import Session

from .clients import ENDLESS, Client, entry, listed, predict_request, refusal, slow, wait_for

EIGHT = "max_batch_size { value: 8 } num_batch_threads { value: 2 } "
# Long enough for requests sent at the same time to meet.
MEET = EIGHT + "batch_timeout_micros { value: 300000 } "
ONE_BY_ONE = "max_batch_size { value: 1 } num_batch_threads { value: 1 } "
EXPIRED = "The time of the request was over while it waited for a batch to run"
ROWS = np.ones([2, 3])


def ints(*values):
    return np.array(values, np.int32)


def sizes(*values):
    return predict_request("many", "batch_size", x=ints(*values))


def together(client, requests, timeout=20.0) -> list[Any]:
    """Send requests at the same time; the answers, or the codes and messages of the errors."""

    def send(request):
        try:
            return client.predict(request, timeout)
        except Exception as error:
            reported: Any = error
            return reported.code().name, reported.details()

    with futures.ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


@pytest.fixture(scope="module")
def meeting(many_path, tmp_path_factory):
    """A server on which requests wait for each other."""
    file = tmp_path_factory.mktemp("batching") / "parameters"
    file.write_text(MEET)
    options = ServerOptions(
        model_base_path=str(many_path),
        model_name="many",
        enable_batching=True,
        batching_parameters_file=str(file),
        port=0,
        rest_api_port=0,
        rest_api_timeout_in_ms=1000,
    )
    with start_server(options) as server:
        client = Client(server)
        yield client
        client.close()


def test_requests_run_together(meeting):
    rows = [ints(1), ints(2), ints(3, 4), ints(5, 6, 7), ints(8)]
    answers = together(meeting, [sizes(*each) for each in rows])
    for each, answer in zip(rows, answers, strict=True):
        np.testing.assert_array_equal(answer["rows"], [8] * len(each))
        np.testing.assert_array_equal(answer["most"], [8] * len(each))


def test_a_full_batch_does_not_wait(serve_many):
    """Nor does one that the next request does not fit into. A batch that is not full waits long."""
    text = "num_batch_threads { value: 2 } max_batch_size { value: 4 } "
    client = serve_many(text + "batch_timeout_micros { value: 600000000 }")
    requests = [sizes(each) for each in range(4)]
    assert [answer["rows"].tolist() for answer in together(client, requests, 30.0)] == [[4]] * 4
    first = client.predictions.Predict.future(sizes(1, 2, 3), timeout=30)
    time.sleep(0.2)  # until it waits
    assert not first.done()
    assert client.predict(sizes(1, 2, 3, 4), 30.0)["rows"].tolist() == [4] * 4
    assert list(first.result().outputs["rows"].int_val) == [3] * 3


def test_no_queue_waits_until_another_is_empty(serve, many_path, tmp_path):
    """Six requests wait for each of two models; then one for another signature of the first."""
    models = listed(*(entry(name, many_path) for name in ("many", "other")))
    (tmp_path / "models").write_text(models)
    (tmp_path / "batching").write_text(ONE_BY_ONE)
    client = serve(
        model_config_file=str(tmp_path / "models"),
        enable_batching=True,
        batching_parameters_file=str(tmp_path / "batching"),
    )
    order: list[str] = []
    sent = []

    def send(name: str, request: Any) -> None:
        future = client.predictions.Predict.future(request, timeout=60)
        future.add_done_callback(lambda _: order.append(name))
        sent.append(future)

    send("first", slow(60_000))
    time.sleep(0.05)
    for model in ("many", "other"):
        for _ in range(6):
            send(model, slow(10_000, model))
        time.sleep(0.05)
    send("signature", sizes(1))
    for future in sent:
        future.result()
    wait_for(lambda: len(order) == len(sent))  # callbacks have their own thread
    assert order[order.index("signature") :].count("many") >= 3, order
    for model in ("many", "other"):
        assert order[:8].count(model) >= 2, order


def test_no_more_run_than_there_are_threads(serve_many):
    """By turns: what is a batch is all that came while the one before was running."""
    client = serve_many("max_batch_size { value: 1000 } num_batch_threads { value: 1 }")
    answers = together(client, [slow(30_000)] * 4 + [sizes(k) for k in range(12)], 60.0)
    assert [answer["steps"].tolist() for answer in answers[:4]] == [[30_000]] * 4
    assert max(answer["rows"][0] for answer in answers[4:]) >= 2


def test_a_request_is_never_divided(serve_many):
    """One with more rows than a run may join runs by itself; so do those that do not fit."""
    client = serve_many(MEET + "max_execution_batch_size { value: 4 }")
    rows = [[*range(7)], [1, 2, 3], [4, 5]]
    answers = together(client, [sizes(*each) for each in rows])
    for each, answer in zip(rows, answers, strict=True):
        np.testing.assert_array_equal(answer["rows"], [len(each)] * len(each))
        np.testing.assert_array_equal(answer["most"], [max(each)] * len(each))


COLUMN = np.ones([2])
NO_ROWS = "same number of rows"
NO_ROW_EACH = "does not have a row for each row"


@pytest.mark.parametrize(
    ("code", "told", "signature", "inputs"),
    [
        ("INVALID_ARGUMENT", "9 is larger than maximum", "batch_size", {"x": ints(*range(9))}),
        ("INVALID_ARGUMENT", NO_ROWS, "", {"x": np.array(1.0, np.float32)}),
        ("INVALID_ARGUMENT", "(2, 3), (1, 3)", "two", {"a": ROWS, "b": ROWS[:1]}),
        ("INVALID_ARGUMENT", NO_ROWS, "defaults", {"a": ROWS}),  # its default has one row
        ("FAILED_PRECONDITION", NO_ROW_EACH, "count", {"x": COLUMN}),
        ("FAILED_PRECONDITION", NO_ROW_EACH, "more", {"x": COLUMN}),
    ],
)
def test_wrong_requests(meeting, code, told, signature, inputs):
    found, message = refusal(meeting.predict, predict_request("many", signature, **inputs))
    assert found == code
    assert told in message


def test_default_for_one_row_and_no_rows_at_all(meeting):
    answer = meeting.predict(predict_request("many", "defaults", a=ROWS[:1]))
    np.testing.assert_array_equal(answer["y"], [[1.5, 1.5, 1.5]])
    answer = meeting.predict(predict_request("many", x=np.zeros([0], np.float32)))
    assert answer["y"].shape == (0,)


def test_different_shapes_do_not_hurt_each_other(meeting):
    """The graph takes both; they cannot be joined."""
    requests = [
        predict_request("many", "two", a=np.ones([1, width]), b=np.ones([1, width]))
        for width in (3, 4)
    ]
    for width, answer in zip((3, 4), together(meeting, requests), strict=True):
        np.testing.assert_array_equal(answer["x"], np.full([1, width], 2.0))
    values = [ints(1), ints([3, 4]), ints(2)]
    answers = together(meeting, [predict_request("many", "batch_size", x=each) for each in values])
    assert answers.pop(1)[0] == "INVALID_ARGUMENT"  # the graph takes vectors only
    for answer in answers:  # which does not part the others
        np.testing.assert_array_equal([answer["rows"], answer["most"]], [[2], [2]])


def checked(*rows, dtype: Any = np.float64):
    return predict_request("many", "checked", x=np.array(rows, dtype))


def positive(value: float):
    return predict_request("many", "positive", x=np.array([value]))


# The last is refused for the value of a row; the others cannot be joined with the good ones.
BAD = {
    "shape": (checked([1, 2, 3, 4]), checked([1, 0, -1]), [[2, 1, 0]], "expected shape [?,3]"),
    "dtype": (checked([1, 2, 3], dtype=np.float32), checked([1, 0, -1]), [[2, 1, 0]], "float32"),
    "value": (positive(-1.0), positive(2.0), [2.0], "must be positive"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_does_not_hurt_the_good_ones(meeting, case):
    bad, good, expected, message = BAD[case]
    alone = refusal(meeting.predict, bad)
    *answers, refused = together(meeting, [good] * 5 + [bad])
    for answer in answers:
        np.testing.assert_array_equal(answer["y"], expected)
    assert message in refused[1]
    assert refused == alone


@pytest.mark.parametrize("signature", ["count", "more"])
def test_wrong_outputs_of_a_batch(meeting, signature):
    """Nobody can have them; who asks for the others only has a queue of its own."""
    requests = [predict_request("many", signature, x=np.ones([2])) for _ in range(4)]
    for request in requests[2:]:
        request.output_filter.append("y")
    answers = together(meeting, requests)
    assert [answer[0] for answer in answers[:2]] == ["FAILED_PRECONDITION"] * 2
    for answer in answers[2:]:
        np.testing.assert_array_equal(answer["y"], [1.0, 1.0])


def test_deadline_of_a_batch_is_not_run_again(meeting):
    """Over REST, where all have the same time; by themselves they would have none left: 429."""
    with futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: meeting.rows([ENDLESS], "slow"), range(3)))
    assert [status for status, _ in answers] == [504] * 3


def test_full_queue_refuses(serve_many):
    client = serve_many(ONE_BY_ONE + "max_enqueued_batches { value: 1 }")
    answers = together(client, [slow(40_000)] * 6, 60.0)
    refused = [answer for answer in answers if isinstance(answer, tuple)]
    assert 1 <= len(refused) <= 5
    for code, message in refused:
        assert code == "UNAVAILABLE"
        assert "1 batches wait, and max_enqueued_batches is 1" in message


@pytest.mark.parametrize("seconds", [None, 60])
def test_a_batch_has_the_time_of_its_most_patient_request_and_no_other_waits(
    serve_many, seconds, monkeypatch
):
    runs: list[int] = []
    run = Session.run

    def counted(self, feeds, fetches, deadline):
        runs.extend(len(array) for array in feeds.values())
        return run(self, feeds, fetches, deadline)

    monkeypatch.setattr(Session, "run", counted)
    # Nobody waits the minute: two rows fill the batch.
    text = "max_batch_size { value: 2 } batch_timeout_micros { value: 60000000 } "
    text += "num_batch_threads { value: 1 }"
    client = serve_many(text, rest_api_port=0, rest_api_timeout_in_ms=500)
    started = time.monotonic()
    client.predict(predict_request("many", "slow", steps=np.array([20_000, 0])), timeout=60)
    steps = int(20_000 * 2.0 / (time.monotonic() - started))  # two seconds
    patient = client.predictions.Predict.future(slow(steps), timeout=seconds)
    time.sleep(0.1)
    status, _ = client.rows([1], "slow")
    assert not patient.done(), "the run was too short to show anything"
    assert status == 504
    assert list(patient.result(60).outputs["steps"].int64_val) == [steps]
    assert runs == [2, 2]  # the second was not cut off and begun again for the patient one


def test_a_request_that_gave_up_leaves_its_place_in_the_queue(serve_many):
    """Over REST, since a gRPC client gives up by itself."""
    text = ONE_BY_ONE + "max_enqueued_batches { value: 1 }"
    client = serve_many(text, rest_api_port=0, rest_api_timeout_in_ms=500)
    first = client.predictions.Predict.future(slow(ENDLESS), timeout=2.0)
    time.sleep(0.1)
    status, answer = client.rows([1], "slow")
    assert not first.done()
    assert (status, answer["error"]) == (429, EXPIRED)
    # There is place for one; it would be refused if the other were still there.
    assert client.predict(slow(2), timeout=60)["steps"] == [2]


def test_the_run_ends_with_the_time_of_its_request(serve_many):
    client = serve_many(ONE_BY_ONE)
    assert refusal(client.predict, slow(ENDLESS), timeout=0.2)[0] == "DEADLINE_EXCEEDED"
    assert client.predict(slow(3), timeout=60)["steps"] == [3]  # the only batch thread is free


def test_the_wait_for_a_thread_counts_without_batching(serve_many, tmp_path, monkeypatch):
    """Eight requests that never end, and two threads: by turns they would take four seconds."""
    (tmp_path / "monitoring").write_text("prometheus_config { enable: true }")
    monkeypatch.setattr(app, "_THREADS", 2)
    client = serve_many(
        rest_api_port=0,
        rest_api_timeout_in_ms=1000,
        monitoring_config_file=str(tmp_path / "monitoring"),
    )
    started = time.monotonic()
    with futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.rows([ENDLESS], "slow"), range(8)))
    assert time.monotonic() - started < 3.5
    assert [status for status, _ in answers] == [504] * 8
    # The threads ran none of those that were late, and all are counted.
    wait_for(lambda: client.rows([1], "slow")[0] == 200)
    page = client.http("GET", "/monitoring/prometheus/metrics")[1]
    (late,) = re.findall(r'request_count{model_name="many",status="DEADLINE_EXCEEDED"} (\d+)', page)
    assert int(late) >= 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "no BatchingParameters in text form"),
        (EIGHT + "max_execution_batch_size { value: 9 }", "max_execution_batch_size"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be from 1"),
        ("pad_variable_length_inputs: true", "pad_variable_length_inputs"),
    ],
)
def test_wrong_parameters(serve_many, text, told):
    with pytest.raises(ServingError, match=told):
        serve_many(text)
