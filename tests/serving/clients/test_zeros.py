"""A server that writes zeros over REST, as --enable_serialization_as_tensor_content makes it do."""

import grpc
import numpy as np
import pytest

from eigenfit.serving import ServingError

from .fake_model import FIT_OUTPUTS, FakeModel, definition, pretend, pretended
from .harness import client_of

ROWS = np.array([[1.0, 2.0, 3.5], [4.0, 5.0, 6.0]])
WORDS = "the server loses the numbers.*--enable_serialization_as_tensor_content"


def losing(model: FakeModel) -> FakeModel:
    """Computes, then keeps shapes and dtypes alone."""
    compute = model.compute

    def lose(signature, inputs):
        answer = compute(signature, inputs)
        return {name: np.zeros_like(array) for name, array in answer.items()}

    model.compute = lose
    return model


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.fit(ROWS),
        lambda client: client.fit(ROWS, lower=-ROWS),
        lambda client: client.spectrum(ROWS),
        lambda client: client.predict("spectrum", {"parameters": ROWS}),
    ],
)
def test_zeros_in_the_place_of_numbers_are_an_error(ask):
    model = losing(pretended(("lower",)))
    with client_of("rest", model) as client:
        for _ in range(2):  # the second time too
            with pytest.raises(ServingError, match=WORDS) as caught:
                ask(client)
            assert caught.value.code is grpc.StatusCode.INTERNAL
        model.compute = pretend  # the server was started anew
        ask(client)


def test_zeros_that_are_right_are_asked_about_once_for_each_version():
    model = pretended()
    with client_of("rest", model) as client:
        for _ in range(3):
            np.testing.assert_array_equal(client.spectrum(0 * ROWS), 0 * ROWS)
        asked = [signature for signature, _ in model.requests]
        assert asked == ["spectrum", "serving_default", "spectrum", "spectrum"]
        assert np.isnan(model.requests[1][1]["targets"]).all()
        model.version = 2
        client.metadata()
        losing(model)
        with pytest.raises(ServingError, match=WORDS):
            client.spectrum(0 * ROWS)


def test_nothing_is_asked_about_other_answers():
    model = pretended()
    with client_of("rest", model) as client:
        client.spectrum(ROWS)
        client.fit(ROWS)
        client.spectrum([[0.0, 0.0, 1e-300]])
    assert len(model.requests) == 3


def test_models_with_other_signatures_may_answer_zeros():
    """Nothing is known about them."""
    numbers = ([-1, 3], np.float64)
    other = definition({"x": numbers}, {"y": numbers})
    model = FakeModel({"serving_default": other}, lambda _, inputs: {"y": 0 * inputs["x"]})
    with client_of("rest", model) as client:
        answer = client.predict("serving_default", {"x": ROWS})["y"]
    np.testing.assert_array_equal(answer, 0 * ROWS)


def test_float32_models():
    def single(tensors):
        return {name: (sizes, np.float32) for name, (sizes, _) in tensors.items()}

    made = definition(single({"targets": ([-1, 3], None)}), single(FIT_OUTPUTS))
    model = losing(FakeModel({"serving_default": made}, pretend))
    with client_of("rest", model) as client, pytest.raises(ServingError, match=WORDS):
        client.fit(ROWS)


def test_grpc_does_not_ask():
    """There the flag does no harm."""
    model = pretended()
    with client_of("grpc", model) as client:
        client.spectrum(0 * ROWS)
    assert len(model.requests) == 1
