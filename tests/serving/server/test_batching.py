"""Batching: requests run together, and the errors that this brings."""

import threading
import time
from concurrent import futures
from typing import Any

import numpy as np
import pytest

from eigenfit.serving.server import ServerOptions, start_server
from eigenfit.serving.server.batcher import Batcher
from eigenfit.serving.server.batching_parameters import BatchingParameters
from eigenfit.serving.server.protos import Example

from .clients import predict_request, refusal
from .rest_bodies import MANY

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


def test_a_full_batch_does_not_wait(batched):
    """Nor does one that the next request does not fit into. A batch that is not full waits long."""
    text = "num_batch_threads { value: 2 } max_batch_size { value: 4 } "
    client = batched(text + "batch_timeout_micros { value: 600000000 }")
    requests = [predict_request("many", "batch_size", x=ints(each)) for each in range(4)]
    assert [answer["rows"].tolist() for answer in together(client, requests, 30.0)] == [[4]] * 4
    three = predict_request("many", "batch_size", x=ints(1, 2, 3))
    first = client.predictions.Predict.future(three, timeout=30)
    time.sleep(0.2)  # until it waits
    assert not first.done()
    four = predict_request("many", "batch_size", x=ints(1, 2, 3, 4))
    assert client.predict(four, 30.0)["rows"].tolist() == [4] * 4
    assert list(first.result().outputs["rows"].int_val) == [3] * 3


def test_no_queue_waits_until_another_is_empty(serve, many_path, tmp_path):
    """Six requests wait for each of two models; then one for another signature of the first."""
    models = "".join(
        f'config {{ name: "{name}" base_path: "{many_path}" model_platform: "tensorflow" }}'
        for name in ("many", "other")
    )
    (tmp_path / "models").write_text(f"model_config_list {{ {models} }}")
    (tmp_path / "batching").write_text("max_batch_size { value: 1 } num_batch_threads { value: 1 }")
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

    def steps(model: str, number: int) -> Any:
        return predict_request(model, "slow", steps=np.array([number]))

    send("first", steps("many", 60_000))
    time.sleep(0.05)
    for model in ("many", "other"):
        for _ in range(6):
            send(model, steps(model, 10_000))
        time.sleep(0.05)
    send("signature", predict_request("many", "batch_size", x=ints(1)))
    for future in sent:
        future.result()
    limit = time.monotonic() + 10
    while len(order) < len(sent) and time.monotonic() < limit:  # callbacks have their own thread
        time.sleep(0.01)
    assert sorted(order) == sorted(["first", "signature", *["many", "other"] * 6])
    assert order[order.index("signature") :].count("many") >= 3, order
    for model in ("many", "other"):
        assert order[:8].count(model) >= 2, order


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


def two_inputs(width):
    return predict_request("many", "two", a=np.ones([1, width]), b=np.ones([1, width]))


def test_different_shapes_do_not_hurt_each_other(batched):
    """The graph takes both; they cannot be joined."""
    client = batched(MEET)
    answers = together(client, [two_inputs(3), two_inputs(4)])
    for width, answer in zip((3, 4), answers, strict=True):
        np.testing.assert_array_equal(answer["x"], np.full([1, width], 2.0))


def test_another_shape_does_not_part_the_others(batched):
    client = batched(MEET)
    values = [ints(1), ints([3, 4]), ints(2)]
    answers = together(client, [predict_request("many", "batch_size", x=each) for each in values])
    assert answers.pop(1)[0] == "INVALID_ARGUMENT"  # the graph takes vectors only
    for answer in answers:
        np.testing.assert_array_equal([answer["rows"], answer["most"]], [[2], [2]])


def checked(*rows, dtype: Any = np.float64):
    return predict_request("many", "checked", x=np.array(rows, dtype))


BAD = {
    "shape": (checked([1, 2, 3, 4]), "is not compatible with expected shape [?,3]"),
    "dtype": (checked([1, 2, 3], dtype=np.float32), "to be double but float is provided"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_does_not_hurt_the_good_ones(batched, case):
    bad, message = BAD[case]
    client = batched(MEET)
    good = [checked([number, 0, -number]) for number in range(5)]
    alone = refusal(client.predict, bad)
    *answers, refused = together(client, [*good, bad])
    for number, answer in enumerate(answers):
        np.testing.assert_array_equal(answer["y"], [[number + 1, 1, 1 - number]])
    assert message in refused[1]
    assert refused == alone


def test_a_bad_value_does_not_hurt_the_good_ones(batched):
    """The requests can be joined; the graph fails for the sake of one row."""
    client = batched(MEET)
    bad, good = (
        predict_request("many", "regress", inputs=np.array([each], object))
        for each in (b"no example", example(2.0))
    )
    refused, *answers = together(client, [bad, good, good])
    assert refused == refusal(client.predict, bad)
    assert refused[0] == "INVALID_ARGUMENT"
    for answer in answers:
        np.testing.assert_array_equal(answer["outputs"], [[3.0]])


def example(x):
    one = Example()
    one.features.feature["x"].float_list.value.append(x)
    return one.SerializeToString()


def test_requests_that_run_alone_are_padded_and_divided(batched):
    """Eight rows with a bad one among them, then what is left of a request that was split."""
    text = MEET + " enable_large_batch_splitting { value: true } allowed_batch_sizes: 6"
    client = batched(text + " max_execution_batch_size { value: 6 }")
    rows = [[number, 0, 0] for number in range(8)]
    good, refused = together(client, [checked(*rows), BAD["shape"][0]])
    np.testing.assert_array_equal(good["y"], np.array(rows) + 1)
    assert refused[0] == "INVALID_ARGUMENT"


def test_two_bad_requests_each_get_their_error(batched):
    client = batched(MEET)
    answers = together(client, [checked([1] * width) for width in (4, 5)])
    for width, (code, message) in zip((4, 5), answers, strict=True):
        assert code == "INVALID_ARGUMENT"
        assert f"[1,{width}] is not compatible with expected shape [?,3]" in message


@pytest.mark.parametrize(("signature", "output"), [("count", "n"), ("more", "more")])
def test_wrong_outputs_of_a_batch(batched, signature, output):
    """Nobody can have them; who asks for the others only has a queue of its own."""
    client = batched(MEET)
    requests = [predict_request("many", signature, x=np.ones([2])) for _ in range(4)]
    for request in requests[2:]:
        request.output_filter.append("y")
    answers = together(client, requests)
    assert [answer[0] for answer in answers[:2]] == ["FAILED_PRECONDITION"] * 2
    for answer in answers[2:]:
        np.testing.assert_array_equal(answer["y"], [1.0, 1.0])


def test_deadline_of_a_batch_is_not_run_again(batched):
    """Over REST, where all have the same time; by themselves they would have none left: 429."""
    client = batched(MEET, rest_api_port=0, rest_api_timeout_in_ms=1000)
    body = {"signature_name": "slow", "instances": [10**9]}
    with futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: client.post(MANY + ":predict", body), range(3)))
    assert [status for status, _ in answers] == [504] * 3


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


class Recorder:
    """A graph that doubles, and remembers who ran it and how many did so at once."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.running = self.most = 0
        self._lock = threading.Lock()

    def run(self, feeds, fetches, timeout):
        with self._lock:
            self.threads.append(threading.current_thread())
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.01)
        with self._lock:
            self.running -= 1
        return [2 * feeds["x"] for _ in fetches]


def test_a_lone_request_runs_in_its_own_thread_and_no_more_run_than_there_are_threads():
    batcher = Batcher(BatchingParameters(num_batch_threads=2))
    graph = Recorder()
    runner = batcher.wrap(graph, batcher.parameters)
    (answer,) = runner.run({"x": ints(1, 2)}, ["y"], None)
    assert answer.tolist() == [2, 4]
    assert graph.threads == [threading.current_thread()]
    with futures.ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda k: runner.run({"x": ints(k)}, ["y"], 20.0)[0], range(200))
        assert [answer.tolist() for answer in answers] == [[2 * k] for k in range(200)]
    assert graph.most == 2
    batcher.close()
