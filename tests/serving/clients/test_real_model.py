"""Clients against an exported model, compared with the solver that was exported."""

import asyncio
import doctest
import importlib
import pkgutil

import numpy as np
import pytest

from eigenfit import serving
from eigenfit.serving import ServingError
from eigenfit.serving.server import ServerOptions, start_server
from tests.shared_export import shared_export

from .fake_model import from_saved_model
from .harness import client_of, connect

MODULES = [
    f"{serving.__name__}.{found.name}"
    for found in pkgutil.iter_modules(serving.__path__)
    if not found.ispkg and found.name != "__main__"
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return shared_export(tmp_path_factory)


@pytest.fixture(scope="module")
def solver(exported):
    return exported[0]


@pytest.fixture(scope="module")
def version_dir(exported):
    return exported[1]


@pytest.fixture(scope="module")
def model(version_dir):
    return from_saved_model(version_dir)


@pytest.fixture(scope="module")
def embedded(version_dir, tmp_path_factory):
    """The embedded server, with request batching of at most 8 rows."""
    parameters = tmp_path_factory.mktemp("batching") / "parameters.txt"
    parameters.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 1000 }")
    options = ServerOptions(
        str(version_dir.parent),
        "levels",
        port=0,
        rest_api_port=0,
        enable_model_warmup=False,  # a warm-up request may have more than 8 rows
        enable_batching=True,
        batching_parameters_file=str(parameters),
    )
    with start_server(options) as server:
        yield server


@pytest.fixture
def targets(solver, rng):
    """Levels that some matrix has, one row each with a gap, nothing, infinity."""
    targets = np.array(solver.spectrum(rng.normal(size=(12, 3))))
    targets[1, 2] = np.nan
    targets[2] = np.nan
    targets[3, 0] = np.inf
    return targets


def assert_same(kind, answer, live):
    """gRPC to the last bit; REST to 1e-12, for a server may round what it reads."""
    for name, expected in live._asdict().items():
        got, expected = getattr(answer, name), np.asarray(expected)
        assert isinstance(got, np.ndarray)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), name
        if kind == "grpc":
            np.testing.assert_array_equal(got, expected, err_msg=name)
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12, err_msg=name)


def test_every_method(kind, model, solver, targets, rng):
    near = rng.normal(size=(12, 3))
    near[4] = np.nan
    weights = rng.uniform(0.5, 2.0, size=(12, 3))
    with client_of(kind, model) as client:
        fit = client.fit(targets)
        assert_same(kind, fit, solver.fit(targets))
        assert fit.status[[2, 3]].tolist() == [-1, -1]
        assert_same(
            kind,
            client.fit(targets, near, weights, 1e-6, max_steps=20),
            solver.fit(targets, near, weights, 1e-6, max_steps=20),
        )
        good = fit.parameters[:2]
        np.testing.assert_array_equal(client.spectrum(good), np.asarray(solver.spectrum(good)))
        assert_same(kind, client.covariance(good, 2.0), solver.covariance(good, 2.0))
        # Targets say which levels were observed; the exported signature scales by no residual.
        seen = np.where(np.isnan(targets[:2]), 0.0, weights[:2])
        sure = solver.covariance(good, seen)
        assert_same(kind, client.covariance(good, weights[:2], targets[:2]), sure)
        by_sigma = client.fit(targets, near, sigma=[0.5, None, 2.0])
        assert_same(kind, by_sigma, solver.fit(targets, near, sigma=[0.5, None, 2.0]))
        assert np.isnan(targets[1, 2])
        with_none = [targets[0].tolist(), [*targets[1, :2].tolist(), None]]
        assert_same(kind, client.covariance(good, weights[:2], with_none), sure)
        masked = np.ma.masked_invalid(targets[:2])
        assert_same(kind, client.covariance(good, weights[:2], masked), sure)
        matrix = client.predict("matrix", {"parameters": good})["matrix"]
        np.testing.assert_array_equal(matrix, np.asarray(solver.matrix(good)))
        with pytest.raises(ValueError, match="parameters alone do not say what was observed"):
            client.covariance(good)
        empty = client.covariance(np.zeros((0, 3)), 1.0)
        assert_same(kind, empty, solver.covariance(np.zeros((0, 3)), 1.0))
        assert_same(kind, client.fit(np.zeros((0, 3))), solver.fit(np.zeros((0, 3))))


def test_ten_thousand_rows(kind, model, solver, rng):
    parameters = rng.normal(size=(10_000, 3))
    targets = np.asarray(solver.spectrum(parameters))
    near = parameters + 0.01
    with client_of(kind, model, max_batch_rows=2999, max_concurrency=2) as client:
        assert_same(kind, client.fit(targets, near), solver.fit(targets, near))


def test_an_event_loop_goes_on_while_a_fit_is_under_way(kind, model, solver, rng):
    """`asyncio.to_thread`, as the docs have it."""
    model.delay, ticks = 0.5, []
    targets = np.asarray(solver.spectrum(rng.normal(size=(40, 3)))).reshape(8, 5, 3)

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0.01)

    async def ask(client):
        ticking = asyncio.ensure_future(tick())
        answers = await asyncio.gather(
            *[asyncio.to_thread(client.fit, rows) for rows in targets],
            asyncio.to_thread(client.predict, "nothing", {}),
            return_exceptions=True,
        )
        ticking.cancel()
        return answers

    try:
        with client_of(kind, model) as client:
            *answers, unknown = asyncio.run(ask(client))
    finally:
        model.delay = 0.0
    assert len(ticks) > 5
    for rows, answer in zip(targets, answers, strict=True):
        assert_same(kind, answer, solver.fit(rows))
    assert isinstance(unknown, ServingError)


def test_the_embedded_server(kind, embedded, solver, targets):
    port = embedded.port if kind == "grpc" else embedded.rest_port
    with connect(kind, port, max_batch_rows=8) as client:
        fit = client.fit(targets)  # 12 rows
        assert_same(kind, fit, solver.fit(targets))
        assert client.fit(np.zeros((0, 3))).parameters.shape == (0, 3)
        good = fit.parameters[:2]
        np.testing.assert_array_equal(client.spectrum(good), np.asarray(solver.spectrum(good)))
        assert not client.spectrum(np.zeros((1, 3))).any()
        assert client.metadata().version == 1
        assert [tuple(version) for version in client.status()] == [(1, "AVAILABLE", "OK", "")]
    with (
        connect(kind, port, "nobody") as client,
        pytest.raises(ServingError, match="Servable not found") as caught,
    ):
        client.fit(targets)
    assert caught.value.code.name == "NOT_FOUND"


def test_examples_in_docstrings(model):
    attempted = 0
    with client_of("grpc", model) as client:
        for name in MODULES:
            module = importlib.import_module(name)
            result = doctest.testmod(module, globs={**vars(module), "client": client})
            assert result.failed == 0
            attempted += result.attempted
    assert attempted >= 8
