"""Batching: requests run together, and the errors that this brings."""

import threading
import time
from concurrent import futures
from typing import Any

import numpy as np
import pytest

from eigenfit.serving.server import ServerOptions, start_server

from .clients import predict_request, refusal

EIGHT = "max_batch_size { value: 8 } num_batch_threads { value: 2 }"
# Long enough for requests sent at the same time to meet.
MEET = EIGHT + " batch_timeout_micros { value: 300000 }"


@pytest.fixture
def batched(serve, many_path, tmp_path):
    def start(text, **options):
        (tmp_path / "batching").write_text(text)
        return serve(
            model_base_path=str(many_path),
            model_name="many",
            enable_batching=True,
            batching_parameters_file=str(tmp_path / "batching"),
            **options,
        )

    return start


def ints(*values):
    return np.array(values, np.int32)


def together(client, requests, timeout=20.0) -> list[Any]:
    """Send requests at the same time; the answers, or the codes and messages of the errors."""

    def send(request):
        try:
            return client.predict(request, timeout)
        except Exception as error:
            return refusal_of(error)

    with futures.ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def refusal_of(error):
    return error.code().name, error.details()


def test_requests_run_together(batched):
    client = batched(MEET)
    rows = [ints(1), ints(2), ints(3, 4), ints(5, 6, 7), ints(8)]
    answers = together(client, [predict_request("many", "batch_size", x=each) for each in rows])
    for each, answer in zip(rows, answers, strict=True):
        np.testing.assert_array_equal(answer["rows"], [8] * len(each))
        np.testing.assert_array_equal(answer["most"], [8] * len(each))


def test_answers_go_to_those_who_asked(batched):
    client = batched(MEET)
    values = [np.array([number, 10 * number], np.float32) for number in range(8)]
    answers = together(client, [predict_request("many", x=each) for each in values])
    for each, answer in zip(values, answers, strict=True):
        np.testing.assert_array_equal(answer["y"], each / 2 + 2)


def test_different_outputs_are_different_queues(batched):
    client = batched(MEET)
    requests = [predict_request("many", "batch_size", x=ints(1)) for _ in range(4)]
    for request in requests[2:]:
        request.output_filter.append("rows")
    answers = together(client, requests)
    assert [answer["rows"][0] for answer in answers] == [2, 2, 2, 2]
    assert [len(answer) for answer in answers] == [2, 2, 1, 1]


def test_padding_with_the_first_row_of_the_last_request(batched):
    client = batched(EIGHT + " allowed_batch_sizes: 4 allowed_batch_sizes: 8")
    answer = client.predict(predict_request("many", "batch_size", x=ints(7, 1, 1)))
    np.testing.assert_array_equal(answer["rows"], [4, 4, 4])
    np.testing.assert_array_equal(answer["most"], [7, 7, 7])


def test_too_many_rows(batched):
    client = batched(EIGHT)
    request = predict_request("many", "batch_size", x=ints(*range(9)))
    assert refusal(client.predict, request) == (
        "INVALID_ARGUMENT",
        "Task size 9 is larger than maximum input batch size 8",
    )


def test_splitting(batched):
    text = EIGHT + " enable_large_batch_splitting { value: true }"
    client = batched(text + " max_execution_batch_size { value: 3 } allowed_batch_sizes: 3")
    answer = client.predict(predict_request("many", "batch_size", x=ints(*range(8))))
    np.testing.assert_array_equal(answer["rows"], [3] * 8)
    np.testing.assert_array_equal(answer["most"], [2, 2, 2, 5, 5, 5, 7, 7])
    request = predict_request("many", "batch_size", x=ints(*range(9)))
    assert refusal(client.predict, request)[1].startswith("Task size 9 is larger")


ROWS = np.ones([2, 3])
WRONG = {
    "scalar": (
        predict_request("many", x=np.array(1.0, np.float32)),
        "INVALID_ARGUMENT",
        "Batching Run() input tensors must have at least one dimension",
    ),
    "different rows": (
        predict_request("many", "two", a=ROWS, b=ROWS[:1]),
        "INVALID_ARGUMENT",
        "Batching Run() input tensors must have equal 0th-dimension size",
    ),
    "default of another size": (
        predict_request("many", "defaults", a=ROWS),
        "INVALID_ARGUMENT",
        "Batching Run() input tensors must have equal 0th-dimension size",
    ),
    "scalar output": (
        predict_request("many", "count", x=np.ones([2])),
        "FAILED_PRECONDITION",
        "Batched output tensor has 0 dimensions",
    ),
    "output with other rows": (
        predict_request("many", "more", x=np.ones([2])),
        "FAILED_PRECONDITION",
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes "
        "of the input tensors",
    ),
}


@pytest.fixture(scope="module")
def plain(many_path):
    """A batching server without a file of parameters."""
    from .clients import Client

    options = ServerOptions(
        model_base_path=str(many_path), model_name="many", enable_batching=True, port=0
    )
    with start_server(options) as server:
        client = Client(server)
        yield client
        client.close()


@pytest.mark.parametrize("case", WRONG)
def test_wrong_requests(plain, case):
    request, code, message = WRONG[case]
    assert refusal(plain.predict, request) == (code, message)


def test_default_for_one_row(plain):
    answer = plain.predict(predict_request("many", "defaults", a=ROWS[:1]))
    np.testing.assert_array_equal(answer["y"], [[1.5, 1.5, 1.5]])


def test_zero_rows_are_answered(plain):
    answer = plain.predict(predict_request("many", x=np.zeros([0], np.float32)))
    assert answer["y"].shape == (0,)


def test_different_shapes_fail_together(batched):
    client = batched(MEET)
    requests = [
        predict_request("many", "two", a=np.ones([1, n]), b=np.ones([1, n])) for n in (3, 4)
    ]
    for code, message in together(client, requests):
        assert code == "FAILED_PRECONDITION"
        assert message.startswith("Tensors with name 'two_")
        assert "different shapes and padding is turned off" in message


def test_different_dtypes_fail_together(batched):
    client = batched(MEET)
    requests = [
        predict_request("many", "checked", x=np.ones([1, 3], dtype))
        for dtype in (np.float32, np.float64)
    ]
    for code, message in together(client, requests):
        assert code == "INTERNAL"
        assert message.startswith("Tensor concat operation failed: ")


def test_one_error_fails_the_whole_batch(batched):
    client = batched(MEET)
    bad = [predict_request("many", "checked", x=np.ones([1, 4])) for _ in range(2)]
    for code, message in together(client, bad):
        assert code == "INVALID_ARGUMENT"
        assert "is not compatible with expected shape [?,3]" in message


def slow(steps):
    return predict_request("many", "slow", steps=np.array([steps]))


def test_full_queue_refuses(batched):
    text = "max_batch_size { value: 1 } num_batch_threads { value: 1 } "
    client = batched(text + "max_enqueued_batches { value: 1 }")
    answers = together(client, [slow(150_000)] * 6)
    refused = [answer for answer in answers if isinstance(answer, tuple)]
    assert 1 <= len(refused) <= 5
    assert set(refused) == {
        (
            "UNAVAILABLE",
            "The batch scheduling queue to which this task was submitted is full; currently 1 "
            "batches enqueued and max_enqueued_batches is 1",
        )
    }


def test_deadline_in_the_queue(batched):
    """Over REST, since a gRPC client gives up by itself."""
    text = "max_batch_size { value: 1 } num_batch_threads { value: 1 }"
    client = batched(text, rest_api_port=0, rest_api_timeout_in_ms=150)
    first = threading.Thread(target=lambda: client.predict(slow(300_000)))
    first.start()
    time.sleep(0.1)
    body = {"signature_name": "batch_size", "instances": [1]}
    status, answer = client.post("/v1/models/many:predict", body)
    first.join()
    assert (status, answer["error"]) == (
        429,
        "Run() timeout exceeded while waiting in batching queue",
    )


def test_deadline_of_the_run(plain):
    assert refusal(plain.predict, slow(10**9), timeout=0.3)[0] == "DEADLINE_EXCEEDED"


def test_swap_under_batching(serve, many_path, tmp_path):
    """The queues of a version go when it goes."""
    (tmp_path / "1").symlink_to(many_path / "1")
    client = serve(model_base_path=str(tmp_path), model_name="many", enable_batching=True)
    (tmp_path / "2").symlink_to(many_path / "1")
    versions = set()
    limit = time.monotonic() + 20
    while 2 not in versions and time.monotonic() < limit:
        response = client.predictions.Predict(predict_request("many", x=np.ones([1], np.float32)))
        versions.add(response.model_spec.version.value)
    assert 2 in versions
