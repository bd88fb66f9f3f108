"""The default weights of a solver are those of its export and of the command."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.export import export_saved_model, load_solver_info
from eigenfit.solver import Affine, Levels, SpectralSolver

SIGMA = np.array([0.1, 0.2, 0.05])
# Absolute energies, and the same row in another order.
TARGETS = np.array([[5.0, 8.11, 11.21], [11.21, 5.0, 8.11], [5.0, np.nan, 11.21]])


@functools.cache
def solvers() -> tuple[SpectralSolver, SpectralSolver]:
    """With these sigmas, and without."""
    model = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones((3, 3))], parameter_names=["v"])
    options: dict[str, Any] = {
        "observation": Levels("lowest"),
        "absolute_sigma": True,
        "initial": [0.3],
    }
    return SpectralSolver(model, sigma=SIGMA, **options), SpectralSolver(model, **options)


@pytest.fixture(scope="module")
def version_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    return export_saved_model(
        solvers()[0], tmp_path_factory.mktemp("weighted"), measure_latency=False
    )


def test_every_signature_counts_them(version_dir: str):
    plain = solvers()[1]
    expected = plain.fit(TARGETS, weights=1 / SIGMA)
    signatures = tf.saved_model.load(version_dir).signatures
    served = signatures["serving_default"](targets=tf.constant(TARGETS))
    neutral = {
        "targets": tf.constant(TARGETS),
        "initial": tf.fill([3, 1], tf.constant(np.nan, tf.float64)),
        "weights": tf.fill([3, 3], tf.constant(np.nan, tf.float64)),
        "tolerance": tf.fill([3], tf.constant(np.nan, tf.float64)),
        "max_steps": tf.zeros([3], tf.int32),
    }
    fitted = signatures["fit"](**neutral)
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(served[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(fitted[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    x = served["parameters"]
    loss = signatures["loss_and_gradient"](parameters=x, targets=neutral["targets"])["loss"]
    np.testing.assert_allclose(loss, expected.loss, rtol=1e-9)
    weights = tf.where(tf.math.is_nan(neutral["targets"]), 0.0, neutral["weights"])
    found = signatures["covariance"](parameters=x, weights=weights)
    np.testing.assert_allclose(
        found["standard_errors"][::2], expected.standard_errors[::2], rtol=1e-9
    )


def test_the_description_names_them(version_dir: str):
    assert load_solver_info(version_dir)["weights"] == (1 / SIGMA).tolist()


def test_the_command_counts_them(version_dir: str, tmp_path: Path):
    np.save(tmp_path / "targets.npy", TARGETS)
    result = CliRunner().invoke(application, ["fit", version_dir, str(tmp_path / "targets.npy")])
    assert result.exit_code == 0, result.output
    header, *lines = [line.split(",") for line in result.output.strip().splitlines()]
    expected = solvers()[1].fit(TARGETS, weights=1 / SIGMA)
    for row, line in enumerate(lines):
        found = dict(zip(header, line, strict=True))
        assert float(found["v"]) == pytest.approx(float(expected.parameters[row, 0]), rel=1e-9)
        error = float(expected.standard_errors[row, 0])
        assert float(found["se_v"]) == pytest.approx(error, rel=1e-6)
