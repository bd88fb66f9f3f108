"""The methods of both clients, against servers that answer with simple arithmetic."""

import subprocess
import sys

import grpc
import numpy as np
import pytest

from eigenfit import serving
from eigenfit.serving import ServingError, TensorInfo
from eigenfit.solver import Covariance, FitResult

from .fake_model import FIT_OUTPUTS, Fault, definition, pretend, pretended
from .harness import client_of, serve

TARGETS = np.array([[1.0, 2.0, 3.5], [np.nan, 0.1, -np.inf], [1e300, -0.0, 5e-324]])
NO_ROWS = np.zeros((0, 3))


def test_targets_alone_ask_serving_default(kind):
    model = pretended()
    with client_of(kind, model) as client:
        fit = client.fit(TARGETS)
    expected = pretend("serving_default", {"targets": TARGETS})
    assert isinstance(fit, serving.FitResult)
    for name, array in fit._asdict().items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
        assert array.dtype == FIT_OUTPUTS[name][1]
    ((signature, inputs),) = model.requests
    assert signature == "serving_default"
    np.testing.assert_array_equal(inputs["targets"], TARGETS)
    assert np.signbit(inputs["targets"][2, 1])  # the minus of -0.0 arrives


def test_anything_more_asks_fit_with_neutral_values_for_the_rest(kind):
    model = pretended(("lower", "upper", "prior_mean", "prior_sigma"))
    initial = np.array([[0.5, np.nan, 0.1], [1, 2, 3], [4, 5, 6]])
    with client_of(kind, model) as client:
        client.fit(TARGETS, initial)
        client.fit(TARGETS, weights=np.ones((3, 3), int), tolerance=1e-6, max_steps=[1, 0, 3])
        client.fit(TARGETS.tolist(), lower=initial, upper=None)
    (name, first), (_, second), (_, third) = model.requests
    assert name == "fit"
    assert set(first) == {
        *("targets", "initial", "weights", "tolerance", "max_steps"),
        *("lower", "upper", "prior_mean", "prior_sigma"),
    }
    np.testing.assert_array_equal(first["initial"], initial)
    for missing in ("weights", "lower", "upper", "prior_mean", "prior_sigma"):
        np.testing.assert_array_equal(first[missing], np.full((3, 3), np.nan))
    np.testing.assert_array_equal(first["tolerance"], [np.nan] * 3)
    np.testing.assert_array_equal(first["max_steps"], [0, 0, 0])
    assert first["max_steps"].dtype == np.int32
    np.testing.assert_array_equal(second["weights"], np.ones((3, 3)))
    assert second["weights"].dtype == np.float64
    np.testing.assert_array_equal(second["tolerance"], [1e-6] * 3)
    np.testing.assert_array_equal(second["max_steps"], [1, 0, 3])
    np.testing.assert_array_equal(third["lower"], initial)
    np.testing.assert_array_equal(third["upper"], np.full((3, 3), np.nan))


def test_none_in_lists_is_nan(kind):
    model = pretended()
    targets = [[1, None, 3.5], [None, None, None]]
    with client_of(kind, model) as client:
        client.fit(targets)
        client.fit(targets, targets, tolerance=[None, 1e-6])
    with_nan = [[1.0, np.nan, 3.5], [np.nan] * 3]
    (_, first), (_, second) = model.requests
    for array in (first["targets"], second["targets"], second["initial"]):
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, with_nan)
    np.testing.assert_array_equal(second["tolerance"], [np.nan, 1e-6])


def test_metadata_and_status(kind):
    with client_of(kind, pretended()) as client:
        metadata, status = client.metadata(), client.status()
    assert (metadata.name, metadata.version) == ("levels", 1)
    assert set(metadata.signatures) == {"serving_default", "fit", "spectrum", "matrix"}
    fit = metadata.signatures["fit"]
    assert fit.inputs["targets"] == TensorInfo((None, 3), np.dtype("float64"))
    assert fit.inputs["max_steps"] == TensorInfo((None,), np.dtype("int32"))
    assert set(fit.outputs) == set(FIT_OUTPUTS)
    assert fit.by_rows
    assert metadata.signatures["matrix"].outputs["matrix"].dtype == np.dtype("complex128")
    assert "spectrum(parameters: float64[?, 3]) -> (eigenvalues: float64[?, 3])" in str(metadata)
    assert [tuple(version) for version in status] == [
        (2, "END", "NOT_FOUND", "it was not there"),
        (1, "AVAILABLE", "OK", ""),
    ]


def test_zero_rows_are_answered_here(kind):
    model = pretended()
    model.batch_limit = 8  # with batching, the server would never answer
    with client_of(kind, model) as client:
        fit = client.fit(NO_ROWS)
        more = client.fit(NO_ROWS, weights=NO_ROWS, tolerance=1e-3)
        levels = client.spectrum(NO_ROWS)
    assert model.requests == []
    for result in (fit, more):
        for name, (sizes, dtype) in FIT_OUTPUTS.items():
            array = getattr(result, name)
            assert (array.shape, array.dtype) == ((0, *sizes[1:]), dtype), name
    assert levels.shape == (0, 3)


def test_metadata_are_asked_once_and_again_for_another_model(kind):
    model = pretended()
    with client_of(kind, model) as client:
        client.fit(TARGETS)
        client.fit(TARGETS)
        assert model.metadata_requests == 1
        # A new version with bounds: what did not fit the old one fits now.
        model.definitions = pretended(("lower", "upper")).definitions
        model.version = 2
        client.fit(TARGETS, lower=TARGETS)
        assert model.metadata_requests == 2
        with pytest.raises(ValueError, match="prior_mean"):
            client.fit(TARGETS, prior_mean=TARGETS)


def test_metadata_are_asked_again_after_an_error(kind):
    """The model may have been replaced by one that takes less, or answers in another dtype."""
    model = pretended()
    with client_of(kind, model) as client:
        client.spectrum(TARGETS[:1])
        model.definitions = dict(model.definitions)
        model.definitions["spectrum"] = definition(
            {"parameters": ([-1, 3], np.float32)}, {"eigenvalues": ([-1, 3], np.float32)}
        )
        model.faults = [Fault(grpc.StatusCode.INTERNAL, "Expects arg[0] to be float")]
        with pytest.raises(ServingError, match="Expects arg"):
            client.spectrum(TARGETS[:1])
        assert client.spectrum(TARGETS[:1]).dtype == np.float32
    assert model.metadata_requests == 2


def test_grpc_notices_that_another_version_answered():
    model = pretended()
    with client_of("grpc", model) as client:
        client.fit(TARGETS)
        model.version = 2
        client.fit(TARGETS)
        client.fit(TARGETS)
    assert model.metadata_requests == 2


def test_version_and_model_that_are_not_there(kind):
    model = pretended()
    with (
        client_of(kind, model, version=7) as client,
        pytest.raises(ServingError, match=r"Specific\(levels, 7\)") as caught,
    ):
        client.fit(TARGETS)
    assert caught.value.code.name == "NOT_FOUND"
    assert "model 'levels' at" in str(caught.value)


def test_complex_numbers(kind):
    model = pretended()
    with client_of(kind, model) as client:
        if kind == "grpc":
            matrix = client.predict("matrix", {"parameters": TARGETS[:1]})["matrix"]
            expected = pretend("matrix", {"parameters": TARGETS[:1]})["matrix"]
            np.testing.assert_array_equal(matrix, expected)
        else:
            with pytest.raises(ServingError, match=r"REST cannot carry 'matrix'.*Use GrpcClient"):
                client.predict("matrix", {"parameters": TARGETS[:1]})
            assert model.requests == []


def test_closed_clients_refuse(kind):
    with client_of(kind, pretended()) as client:
        client.fit(TARGETS)
        client.close()
        client.close()
        with pytest.raises(ValueError, match="closed"):
            client.fit(TARGETS)


def test_results_are_those_of_the_solver():
    assert serving.FitResult._fields == FitResult._fields
    assert serving.Covariance._fields == Covariance._fields


def test_a_server_that_loses_the_numbers(kind):
    """TensorFlow Serving does over REST with --enable_serialization_as_tensor_content."""
    model = pretended()
    model.compute = lambda *asked: {n: np.zeros_like(a) for n, a in pretend(*asked).items()}
    with (
        client_of(kind, model) as client,
        pytest.raises(ServingError, match="the server loses the numbers") as caught,
    ):
        client.fit([[1.0, 2.0, 3.5]])
    assert caught.value.code is grpc.StatusCode.INTERNAL


HEAVY = ("tensorflow", "tensorflow_serving", "aiohttp", "eigenfit.solver", "ray", "pyarrow")

PROGRAM = f"""
import sys
import eigenfit.serving.batch
from eigenfit.serving import GrpcClient, RestClient, ServingError
with RestClient(sys.argv[1], "levels") as client:
    assert client.fit([[1.0, 2.0, 3.0]]).status.tolist() == [1]
    assert client.status()[1].state == "AVAILABLE"
found = [name for name in {HEAVY} if name in sys.modules]
assert not found, found
"""


def test_rest_never_imports_tensorflow():
    with serve("rest", pretended()) as port:
        command = [sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{port}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
