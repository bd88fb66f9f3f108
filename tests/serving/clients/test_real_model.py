"""Clients of the embedded server against the solver that was exported."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

from eigenfit import serving
from eigenfit.serving import ServingError
from eigenfit.serving.server import ServerOptions, start_server

from .harness import connect

MODULES = [
    f"{serving.__name__}.{found.name}"
    for found in pkgutil.iter_modules(serving.__path__)
    if not found.ispkg and found.name != "__main__"
]


@pytest.fixture(scope="module")
def embedded(model_dir, tmp_path_factory):
    """With request batching."""
    parameters = tmp_path_factory.mktemp("batching") / "parameters.txt"
    parameters.write_text("batch_timeout_micros { value: 1000 }")
    options = ServerOptions(
        str(model_dir.parent),
        "levels",
        port=0,
        rest_api_port=0,
        enable_batching=True,
        batching_parameters_file=str(parameters),
    )
    with start_server(options) as server:
        yield server


@pytest.fixture
def client(kind, embedded):
    port = embedded.port if kind == "grpc" else embedded.rest_port
    with connect(kind, port, max_batch_rows=5, max_concurrency=2) as client:
        yield client


@pytest.fixture
def targets(solver, rng):
    """Levels that some matrix has, one row each with a gap, nothing, infinity."""
    targets = np.array(solver.spectrum(rng.normal(size=(12, 3))))
    targets[1, 2] = np.nan
    targets[2] = np.nan
    targets[3, 0] = np.inf
    return targets


def assert_same(answer, live):
    """Every number is exact, over REST too."""
    for name, expected in live._asdict().items():
        got, expected = getattr(answer, name), np.asarray(expected)
        assert isinstance(got, np.ndarray)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), name
        np.testing.assert_array_equal(got, expected, err_msg=name)


def test_fit(client, solver, targets, rng):
    fit = client.fit(targets)
    assert_same(fit, solver.fit(targets))
    assert fit.status[[2, 3]].tolist() == [-1, -1]
    near = rng.normal(size=(12, 3))
    near[4] = np.nan
    weights = rng.uniform(0.5, 2.0, size=(12, 3))
    assert_same(
        client.fit(targets, near, weights, 1e-6, max_steps=20),
        solver.fit(targets, near, weights, 1e-6, max_steps=20),
    )
    by_sigma = client.fit(targets, near, sigma=[0.5, None, 2.0])
    assert_same(by_sigma, solver.fit(targets, near, sigma=[0.5, None, 2.0]))
    assert_same(client.fit(np.zeros((0, 3))), solver.fit(np.zeros((0, 3))))


def test_other_methods(client, solver, targets, rng):
    good, weights = rng.normal(size=(2, 3)), rng.uniform(0.5, 2.0, size=(2, 3))
    np.testing.assert_array_equal(client.spectrum(good), np.asarray(solver.spectrum(good)))
    matrix = client.predict("matrix", {"parameters": good})["matrix"]
    np.testing.assert_array_equal(matrix, np.asarray(solver.matrix(good)))
    assert_same(client.covariance(good, weights), solver.covariance(good, weights))
    assert np.isnan(targets[1, 2])
    sure = solver.covariance(good, np.where(np.isnan(targets[:2]), 0.0, weights))
    with_none = [targets[0].tolist(), [*targets[1, :2].tolist(), None]]
    for given in (targets[:2], with_none, np.ma.masked_invalid(targets[:2])):
        assert_same(client.covariance(good, weights, given), sure)
    with pytest.raises(ValueError, match="parameters alone do not say what was observed"):
        client.covariance(good)
    empty = client.covariance(np.zeros((0, 3)), 1.0)
    assert_same(empty, solver.covariance(np.zeros((0, 3)), 1.0))
    assert client.metadata().version == 1
    assert [tuple(version) for version in client.status()] == [(1, "AVAILABLE", "OK", "")]


def test_no_such_model(kind, embedded):
    port = embedded.port if kind == "grpc" else embedded.rest_port
    with (
        connect(kind, port, "nobody") as client,
        pytest.raises(ServingError, match="Servable not found") as caught,
    ):
        client.fit([[1.0, 2.0, 3.0]])
    assert caught.value.code.name == "NOT_FOUND"


def test_examples_in_docstrings(embedded):
    attempted = 0
    with connect("grpc", embedded.port) as client:
        for name in MODULES:
            module = importlib.import_module(name)
            result = doctest.testmod(module, globs={**vars(module), "client": client})
            assert result.failed == 0
            attempted += result.attempted
    assert attempted >= 8
