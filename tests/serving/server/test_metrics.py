"""What the page for Prometheus says about requests, seen from outside."""

import time

import numpy as np
import pytest

from .clients import Client, predict_request, refusal
from .rest_bodies import MANY, instances

PAGE = "/monitoring/prometheus/metrics"
PREFIX = ":tensorflow:serving:"
STEPS = 30_000  # a fifth of a second, far more than everything around it


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
        client.predict(predict_request("many", "slow", steps=np.array([STEPS])))
    else:
        assert client.post(MANY + ":predict", instances([STEPS], "slow"))[0] == 200


@pytest.mark.parametrize("entrypoint", ["GRPC", "REST"])
def test_latencies_are_in_microseconds(client, entrypoint):
    before = values(client)
    started = time.perf_counter()
    slow_over(entrypoint, client)
    microseconds = (time.perf_counter() - started) * 1e6
    grown = growth(client, before)
    for name, labels in [
        ("request_latency", f'model_name="many",API="Predict",entrypoint="{entrypoint}"'),
        ("runtime_latency", 'model_name="many",API="Predict",runtime="TF1"'),
    ]:
        assert grown[f"{name}_count{{{labels}}}"] == 1
        total = grown[f"{name}_sum{{{labels}}}"]
        assert microseconds / 100 < total < microseconds
        limits = [
            float(key.partition('le="')[2].rstrip('"}'))
            for key in grown
            if key.startswith(f"{name}_bucket{{{labels},")
        ]
        # All buckets from the one that it falls into; each is 1.8 times as wide as the last.
        assert total <= min(limits) < 1.81 * total
        assert max(limits) == np.inf


def test_failed_requests_are_counted_but_not_timed(client):
    before = values(client)
    wrong = predict_request("many", "checked", x=np.ones([1, 4]))
    assert refusal(client.predict, wrong)[0] == "INVALID_ARGUMENT"
    assert client.post(MANY + ":predict", instances([[1.0] * 4], "checked"))[0] == 400
    endless = predict_request("many", "slow", steps=np.array([10**12]))
    assert refusal(client.predict, endless, timeout=0.3)[0] == "DEADLINE_EXCEEDED"
    grown: dict[str, float] = {}
    limit = time.monotonic() + 30
    while len(grown) < 2 and time.monotonic() < limit:  # the client leaves before the run ends
        time.sleep(0.02)
        grown = growth(client, before)
    assert grown == {
        'request_count{model_name="many",status="INVALID_ARGUMENT"}': 2,
        'request_count{model_name="many",status="DEADLINE_EXCEEDED"}': 1,
    }
