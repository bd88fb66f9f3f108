"""What the page for Prometheus says about requests, seen from outside."""

import re
import time

import numpy as np
import pytest

from .clients import ENDLESS, Client, predict_request, refusal, slow, wait_for

PAGE = "/monitoring/prometheus/metrics"
PREFIX = ":tensorflow:serving:"
STEPS = 5_000  # a twentieth of a second, far more than everything around it


def values(client: Client) -> dict[str, float]:
    """The numbers on the page, by metric with its labels."""
    lines = client.http("GET", PAGE)[1].splitlines()
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs}


def growth(client: Client, before: dict[str, float]) -> dict[str, float]:
    after = values(client)
    return {
        name.removeprefix(PREFIX): value - before.get(name, 0.0)
        for name, value in after.items()
        if value != before.get(name, 0.0)
    }


def slow_over(entrypoint: str, client: Client) -> None:
    if entrypoint == "GRPC":
        client.predict(slow(STEPS))
    else:
        assert client.rows([STEPS], "slow")[0] == 200


@pytest.mark.parametrize("entrypoint", ["GRPC", "REST"])
def test_latencies_are_in_microseconds(client, entrypoint):
    before = values(client)
    started = time.perf_counter()
    slow_over(entrypoint, client)
    microseconds = (time.perf_counter() - started) * 1e6
    grown = growth(client, before)
    for name, labels in [
        ("request_latency", f'API="Predict",entrypoint="{entrypoint}",model_name="many"'),
        ("runtime_latency", 'API="Predict",model_name="many",runtime="TF1"'),
    ]:
        assert grown[f"{name}_count{{{labels}}}"] == 1
        total = grown[f"{name}_sum{{{labels}}}"]
        assert microseconds / 100 < total < microseconds
        limits = [
            float(re.findall('le="(.*?)"', key)[0])
            for key in grown
            if key.startswith(f"{name}_bucket") and all(each in key for each in labels.split(","))
        ]
        # All buckets from the one that it falls into; each is 1.8 times as wide as the last.
        assert total <= min(limits) < 1.81 * total
        assert max(limits) == np.inf


def test_failed_requests_are_counted_but_not_timed(client):
    before = values(client)
    wrong = predict_request("many", "checked", x=np.ones([1, 4]))
    assert refusal(client.predict, wrong)[0] == "INVALID_ARGUMENT"
    assert client.rows([[1.0] * 4], "checked")[0] == 400
    assert client.rows([1.0], "count")[0] == 400  # its outputs cannot be written as rows
    assert refusal(client.predict, slow(ENDLESS), timeout=0.3)[0] == "DEADLINE_EXCEEDED"
    call = client.predictions.Predict.future(slow(150_000))
    time.sleep(0.2)
    call.cancel()
    wait_for(lambda: len(growth(client, before)) > 2)  # the client leaves before the run ends
    assert growth(client, before) == {
        f'request_count{{model_name="many",status="{status}"}}': number
        for status, number in [
            ("INVALID_ARGUMENT", 3),
            ("DEADLINE_EXCEEDED", 1),
            ("CANCELLED", 1),
        ]
    }


def test_page(client):
    """The names are those of TensorFlow Serving; made-up models are not counted."""
    client.predict(predict_request("many", x=np.ones([1], np.float32)))
    assert client.post("/v1/models/made-up:predict", {"instances": [1.0]})[0] == 404
    status, text = client.http("GET", PAGE)
    assert status == 200
    assert "# TYPE :tensorflow:serving:request_count counter" in text
    assert "# TYPE :tensorflow:serving:request_latency histogram" in text
    assert "_total" not in text
    assert "_created" not in text
    assert "made-up" not in text
