"""A problem file of every system: fitted, exported, served, and predicted from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.export import export_saved_model, saved_model
from eigenfit.export.signatures import Signature, signatures_of
from eigenfit.problem import Problem
from eigenfit.serving import GrpcClient
from eigenfit.serving.server import ServerOptions, start_server
from eigenfit.solver import SpectralSolver

# Without bounds: the fit of the file then has the graph of the exported one.
EXAMPLES = ("cerium", "h2coh", "beaded_string", "caesium", "polyacetylene")


@pytest.fixture
def two_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export only what is asked here: all signatures take twice the time, and have tests."""

    def some(solver: SpectralSolver) -> dict[str, Signature]:
        every = signatures_of(solver)
        return {name: every[name] for name in ("serving_default", "predict")}

    monkeypatch.setattr(saved_model, "signatures_of", some)


@pytest.mark.usefixtures("two_signatures")
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_server_fits_and_predicts_as_the_problem(tmp_path: Path, name: str):
    assert CliRunner().invoke(application, ["init", name, str(tmp_path)]).exit_code == 0
    problem = Problem.read(tmp_path / f"{name}.toml")
    solver, data = problem.solver(), problem.data
    live = problem.fit(solver=solver)
    assert (live.status.numpy() > 0).all()
    predicted = live.predict()
    export_saved_model(solver, tmp_path / "model", measure_latency=False)
    # Warm-up requests would prepare all signatures; two are asked here.
    options = ServerOptions(
        model_base_path=str(tmp_path / "model"), model_name=name, port=0, enable_model_warmup=False
    )
    at = {} if data.conditions is None else {"conditions": data.conditions}
    with (
        start_server(options) as server,
        GrpcClient(f"127.0.0.1:{server.port}", name) as client,
    ):
        answer = client.predict("serving_default", {"targets": data.targets} | at)
        weights = np.full(data.targets.shape, np.nan)  # those of the model
        sent = {"parameters": answer["parameters"], "targets": data.targets, "weights": weights}
        values = client.predict("predict", sent | at)
    np.testing.assert_array_equal(answer["status"], live.status)
    np.testing.assert_allclose(answer["parameters"], live.parameters, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(answer["standard_errors"], live.standard_errors, rtol=1e-6)
    expected = predicted.values.numpy()
    scale = np.nanmax(np.abs(expected))
    np.testing.assert_allclose(values["values"], expected, atol=1e-9 * scale)
    np.testing.assert_allclose(
        values["standard_errors"], predicted.standard_errors, rtol=1e-5, atol=1e-12 * scale
    )
