"""Large batches go in pieces; their answers come back as one, in order."""

import grpc
import numpy as np
import pytest

from eigenfit.serving import ServingError

from .fake_model import Fault, pretend, pretended
from .harness import client_of


def numbered(rows):
    return np.arange(3.0 * rows).reshape(rows, 3)


def assert_in_order(fit, targets):
    expected = pretend("serving_default", {"targets": targets})
    for name, array in fit._asdict().items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_ten_thousand_rows_in_uneven_pieces(kind):
    model = pretended()
    targets = numbered(10_000)
    with client_of(kind, model, max_batch_rows=1501) as client:
        fit = client.fit(targets)
    assert_in_order(fit, targets)
    assert sorted(model.sizes) == sorted([1501] * 6 + [994])


def test_not_more_than_max_concurrency_at_a_time(kind):
    model = pretended()
    model.delay = 0.02
    targets = numbered(24)
    with client_of(kind, model, max_batch_rows=1, max_concurrency=3) as client:
        assert_in_order(client.fit(targets), targets)
    assert 2 <= model.most_at_a_time <= 3


def test_each_piece_is_tried_again_by_itself(kind):
    model = pretended()
    model.faults = [Fault(grpc.StatusCode.UNAVAILABLE, "not yet")] * 4
    targets = numbered(20)
    with client_of(kind, model, max_batch_rows=4) as client:
        assert_in_order(client.fit(targets), targets)
    assert len(model.requests) == 5 + 4


def test_the_first_error_ends_the_call(kind):
    model = pretended()
    model.delay = 0.01
    model.faults = [Fault(grpc.StatusCode.INVALID_ARGUMENT, "no")]
    with client_of(kind, model, max_batch_rows=1, max_concurrency=2) as client:
        with pytest.raises(ServingError, match=r"no$"):
            client.fit(numbered(200))
        assert len(model.requests) < 150


def test_pieces_come_from_one_version():
    model = pretended()
    plain, first = model.compute, []

    def switch_after_three(signature, inputs):
        first.append(1)
        if len(first) == 3:
            model.version = 2
        return plain(signature, inputs)

    model.compute = switch_after_three
    targets = numbered(10)
    with client_of("grpc", model, max_batch_rows=2, max_concurrency=1) as client:
        assert_in_order(client.fit(targets), targets)
    assert len(model.requests) == 10  # five of each version; only the second five are used
