"""What the clients say about a model that eigenfit did not export, and strange servers."""

import grpc
import numpy as np
import pytest
import tensorflow as tf

from eigenfit.serving import ServingError

from .fake_model import FIT_INPUTS, FIT_OUTPUTS, TARGETS, FakeModel, definition, pretended
from .harness import KINDS, client_of, rest_client_of, send

ROW = np.ones((1, 3))


def half_plus_two():
    half = definition({"x": ([-1], np.float32)}, {"y": ([-1], np.float32)})
    return FakeModel({"serving_default": half}, lambda _, inputs: {"y": inputs["x"] / 2 + 2})


def test_half_plus_two_is_no_model_of_eigenfit(kind):
    with client_of(kind, half_plus_two()) as client:
        with pytest.raises(ServingError) as caught:
            client.fit(ROW)
        error = caught.value
        assert error.code is grpc.StatusCode.FAILED_PRECONDITION
        assert error.signature == "serving_default"
        assert "this is not a model of eigenfit" in error.message
        assert "lacks ['targets', 'parameters'," in error.message
        assert "serving_default(x: float32[?]) -> (y: float32[?])" in error.message
        for ask, signature in [
            (lambda: client.fit(ROW, tolerance=1.0), "fit"),
            (lambda: client.spectrum(ROW), "spectrum"),
            (lambda: client.covariance(ROW), "covariance"),
        ]:
            with pytest.raises(
                ServingError, match=f"there is no signature '{signature}'"
            ) as caught:
                ask()
            assert caught.value.signature == signature
        # What it does offer can be asked.
        np.testing.assert_array_equal(
            client.predict("serving_default", {"x": [2.0, 4.0]})["y"], [3.0, 4.0]
        )


def without_rows():
    """Signatures whose inputs have no rows in common: those of eigenfit are not like that."""
    number, numbers, any_rank = ([], np.float64), ([-1], np.float64), (None, np.float64)
    definitions = {
        "nothing": definition({}, {"y": numbers}),
        "scalar": definition({"x": number}, {"y": number}),
        "any": definition({"x": any_rank}, {"y": any_rank}),
        "scaled": definition({"alpha": number, "x": numbers}, {"y": numbers}),
        "outer": definition({"a": any_rank, "b": numbers}, {"y": any_rank}),
        "text": definition({"x": ([-1], tf.string)}, {"y": numbers}),
    }

    def compute(signature, inputs):
        if signature == "nothing":
            return {"y": np.array([1.0, 2.0])}
        if signature == "outer":
            return {"y": np.multiply.outer(inputs["a"], inputs["b"])}
        return {"y": np.asarray(inputs.get("alpha", 2.0) * inputs["x"])}

    return FakeModel(definitions, compute)


def test_signatures_without_rows_are_asked_whole(kind):
    model = without_rows()
    with client_of(kind, model, max_batch_rows=1) as client:
        for signature, inputs, expected in [
            ("scalar", {"x": 2.5}, 5.0),
            ("any", {"x": 2.5}, 5.0),
            ("any", {"x": [1.0, 2.0]}, [2.0, 4.0]),
            ("scaled", {"alpha": 3.0, "x": [1.0, 2.0]}, [3.0, 6.0]),
            ("scaled", {"x": [1.0, 2.0], "alpha": 3.0}, [3.0, 6.0]),
            ("outer", {"a": [2.0], "b": [1.0, 2.0, 3.0]}, [[2.0, 4.0, 6.0]]),
            ("outer", {"a": 2.0, "b": [1.0, 2.0]}, [2.0, 4.0]),
        ]:
            answer = client.predict(signature, inputs)["y"]
            assert answer.shape == np.shape(expected)
            np.testing.assert_array_equal(answer, expected)
    assert len(model.requests) == 7


def test_signatures_without_inputs_and_of_text():
    model = without_rows()
    with client_of("grpc", model) as client:
        np.testing.assert_array_equal(client.predict("nothing", {})["y"], [1.0, 2.0])
        with pytest.raises(ValueError, match="x must hold float64 numbers, got dtype object"):
            client.predict("scalar", {"x": None})
    with client_of("rest", model) as client, pytest.raises(ServingError, match="REST cannot carry"):
        client.predict("text", {"x": ["a"]})


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (TARGETS, {"parameters": ([-1, 3], np.float64)}, r"lacks \['eigenvalues'"),
        (TARGETS | {"more": ([], np.float64)}, FIT_OUTPUTS, r"not everything .* is \[rows"),
        ({"targets": ([1, 3], np.float64)}, FIT_OUTPUTS, r"not everything .* is \[rows"),
        ({"targets": (None, np.float64)}, FIT_OUTPUTS, r"not everything .* is \[rows"),
    ],
)
def test_nearly_a_model_of_eigenfit(kind, inputs, outputs, message):
    model = FakeModel({"serving_default": definition(inputs, outputs)}, lambda *_: {})
    with client_of(kind, model) as client, pytest.raises(ServingError, match=message):
        client.fit(ROW)
    assert model.requests == []


def test_an_unknown_signature_lists_those_there_are(kind):
    with (
        client_of(kind, pretended()) as client,
        pytest.raises(ServingError, match=r"no signature 'sprectum'.*(?s:.)*spectrum\(parameters"),
    ):
        client.predict("sprectum", {"parameters": ROW})


def test_answers_that_do_not_fit_the_metadata(kind):
    model = pretended()
    with client_of(kind, model) as client:
        model.compute = lambda *_: {"parameters": ROW, "loss": ROW[:, 0]}
        with pytest.raises(ServingError, match=r"lacks the outputs \[.*'eigenvalues'") as caught:
            client.fit(ROW)
        assert caught.value.code is grpc.StatusCode.INTERNAL
        model.compute = lambda *_: {"eigenvalues": np.ones((2, 3))}
        with pytest.raises(ServingError, match=r"shape \[2, 3\] for 1 rows"):
            client.spectrum(ROW)


def test_float32_models_get_rounded_numbers_and_answer_in_float32():
    def as_float32(tensors):
        return {
            name: (sizes, np.float32 if dtype is np.float64 else dtype)
            for name, (sizes, dtype) in tensors.items()
        }

    made = definition(as_float32(FIT_INPUTS), as_float32(FIT_OUTPUTS))
    model = FakeModel({"fit": made}, pretended().compute)
    given = np.array([[0.1, 1e300, np.nan]])
    for kind in KINDS:
        model.requests.clear()
        with client_of(kind, model) as client:
            fit = client.fit(given, tolerance=1e-3)
        ((_, inputs),) = model.requests
        assert inputs["targets"].dtype == np.float32
        np.testing.assert_array_equal(
            inputs["targets"], np.array([[0.1, np.inf, np.nan]], np.float32)
        )
        assert fit.parameters.dtype == np.float32
        assert fit.parameters[0, 0] == 2 * np.float32(0.1)


@pytest.mark.parametrize(
    "answer", [b"<html>hello</html>", b"{}", b"[]", b'{"outputs": 3}', b"", b"\xff\xfe"]
)
def test_something_else_than_tensorflow_serving(answer):
    with rest_client_of(lambda handler: send(handler, 200, answer)) as (client, _):
        for ask in (client.metadata, client.status, lambda: client.fit(ROW)):
            with pytest.raises(ServingError, match="not an answer of TensorFlow Serving"):
                ask()


def test_a_redirect_is_reported_and_not_followed():
    def answer(handler):
        send(handler, 301, b"", Location="https://elsewhere/v1")

    with (
        rest_client_of(answer) as (client, _),
        pytest.raises(ServingError, match="redirected to https://elsewhere"),
    ):
        client.metadata()
