"""A model with derived parameters and default weights, against NumPy and SciPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.export import export_saved_model, load_solver_info
from eigenfit.solver import Affine, SpectralSolver, Spin

from ..solver.helpers import finite_differences

SPIN = Spin(5 / 2)
AXIAL = SPIN.z @ SPIN.z - 35 / 12 * np.eye(6)
RHOMBIC = np.real(SPIN.x @ SPIN.x - SPIN.y @ SPIN.y)
FIELD = 0.4 * SPIN.z + 0.3 * SPIN.x
TRUTH = np.array([2.0, 0.2, 1.5])
SIGMA = 0.05 * np.array([1.0, 2.0, 0.5, 1.0, 1.5, 1.0])
NAN = np.nan


# The solver's own, through the graph that the model has, which takes bounds.
OWN = (None, None)


def levels_of(y: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(y[0] * AXIAL + y[0] * y[1] * RHOMBIC + y[2] * FIELD)


def make_solver() -> SpectralSolver:
    structure = Affine(None, [AXIAL, RHOMBIC, FIELD], ["D", "E", "g"]).with_parameters(
        ["D", "rho"], lambda D, rho: {"E": rho * D}
    )
    return SpectralSolver(structure, bounds={"rho": (0.0, 1 / 3)}, sigma=SIGMA, starts=8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpectralSolver, str, Any]:
    solver = make_solver()
    version_dir = export_saved_model(
        solver, tmp_path_factory.mktemp("predict"), measure_latency=False
    )
    return solver, version_dir, tf.saved_model.load(version_dir)


def measured() -> np.ndarray:
    """Complete; two levels missing; infinite; none; three levels."""
    rows = np.tile(levels_of(TRUTH), (5, 1))
    rows += SIGMA * np.random.default_rng(2).normal(size=rows.shape)
    rows[1, [2, 4]], rows[2, 0], rows[3], rows[4, 3:] = NAN, np.inf, NAN, NAN
    return rows


def scipy_prediction(levels: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    seen = ~np.isnan(levels)

    def residuals(y: np.ndarray) -> np.ndarray:
        return ((levels_of(y) - levels) * weights)[seen]

    best = least_squares(residuals, TRUTH, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    jacobian = finite_differences(residuals, best.x)
    variance = 2 * best.cost / (seen.sum() - 3)
    slopes = finite_differences(levels_of, best.x)
    full = variance * np.linalg.inv(jacobian.T @ jacobian)
    return levels_of(best.x), np.sqrt(np.diag(slopes @ full @ slopes.T))


def test_against_scipy(exported: Any):
    reloaded = exported[2]
    levels, nan = measured(), np.full((5, 6), NAN)
    fit = reloaded.signatures["serving_default"](targets=tf.constant(levels))
    given = np.where(np.arange(6) == 1, 3.0, nan)  # one weight; NaN for the default
    weights = np.where(np.isnan(given), 1 / SIGMA, given)
    fit_inputs = {
        "targets": tf.constant(levels),
        "initial": tf.constant(np.full((5, 3), NAN)),
        "weights": tf.constant(given),
        "tolerance": tf.constant(nan[:, 0]),
        "max_steps": tf.zeros([5], tf.int32),
    }
    bounds = {"lower": tf.constant(nan[:, :3]), "upper": tf.constant(nan[:, :3])}
    weighted = reloaded.signatures["fit"](**fit_inputs, **bounds)
    for answer, sent, used in ((fit, nan, np.tile(1 / SIGMA, (5, 1))), (weighted, given, weights)):
        found = reloaded.signatures["predict"](
            parameters=answer["parameters"], targets=tf.constant(levels), weights=tf.constant(sent)
        )
        assert set(found) == {"standard_errors", "values"}
        values, errors = found["values"].numpy(), found["standard_errors"].numpy()
        for row in (0, 1):
            expected = scipy_prediction(levels[row], used[row])
            np.testing.assert_allclose(values[row], expected[0], rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(errors[row], expected[1], rtol=1e-3)
        assert np.isnan(values[2:4]).all()
        assert np.isnan(errors[2:4]).all()
        assert np.isfinite(values[4]).all()
        assert np.isinf(errors[4]).all()  # as many levels as parameters: the scale is not known


def test_is_that_of_the_live_fit_row_by_row(exported: Any):
    solver, _, reloaded = exported
    levels = measured()
    fit = solver.fit(levels, bounds=OWN)
    expected = fit.predict()
    inputs = {"parameters": fit.parameters, "targets": tf.constant(levels)}
    inputs["weights"] = tf.constant(np.full((5, 6), NAN))
    together = reloaded.signatures["predict"](**inputs)
    np.testing.assert_allclose(together["values"], expected.values, rtol=1e-12)
    np.testing.assert_allclose(together["standard_errors"], expected.standard_errors, rtol=1e-6)
    for rows in ([0], [4], [1, 2], [0] * 7, []):
        part = {name: tf.gather(value, np.array(rows, int)) for name, value in inputs.items()}
        found = reloaded.signatures["predict"](**part)
        for name, value in found.items():
            np.testing.assert_array_equal(value, together[name].numpy()[rows], err_msg=name)


def test_loss_and_covariance_count_the_default_weights(exported: Any):
    """One of two rows in another order: a weight stays with its column."""
    solver, _, reloaded = exported
    levels = measured()[[0, 0]]
    levels[1] = levels[1, ::-1]
    served = reloaded.signatures["serving_default"](targets=tf.constant(levels))
    expected = solver.fit(levels, weights=1 / SIGMA, bounds=OWN)
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(served[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    assert abs(served["loss"][0] - served["loss"][1]) > 0.01
    x = served["parameters"]
    found = reloaded.signatures["loss_and_gradient"](parameters=x, targets=tf.constant(levels))
    by_hand = [
        np.sum(((levels_of(y) - np.sort(row)) / sigma) ** 2)
        for y, row, sigma in zip(x.numpy(), levels, (SIGMA, SIGMA[::-1]), strict=True)
    ]
    np.testing.assert_allclose(found["loss"], by_hand, rtol=1e-9)
    neutral = tf.constant(np.full((1, 6), NAN))
    errors = reloaded.signatures["covariance"](parameters=x[:1], weights=neutral)["standard_errors"]
    jacobian = finite_differences(levels_of, x[0].numpy()) / SIGMA[:, None]
    right = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))
    np.testing.assert_allclose(errors[0], right, rtol=1e-6)


def test_the_command_counts_the_default_weights(exported: Any, tmp_path: Path):
    levels = measured()[[0, 1, 4]]
    np.save(tmp_path / "targets.npy", levels)
    result = CliRunner().invoke(application, ["fit", exported[1], str(tmp_path / "targets.npy")])
    assert result.exit_code == 0, result.output
    header, *lines = [line.split(",") for line in result.output.strip().splitlines()]
    served = exported[2].signatures["serving_default"](targets=tf.constant(levels))
    names = load_solver_info(exported[1])["parameter_names"]
    for row, line in enumerate(lines):
        found = dict(zip(header, line, strict=True))
        values = [float(found[name]) for name in names]
        np.testing.assert_allclose(values, served["parameters"][row], rtol=1e-9)
        errors = [float(found[f"se_{name}"]) for name in names]
        np.testing.assert_allclose(errors, served["standard_errors"][row], rtol=1e-6)


def test_derivatives_are_not_provided(exported: Any):
    reloaded = exported[2]
    levels = tf.constant(measured()[:1])
    parameters = tf.constant(TRUTH[None])
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        found = reloaded.signatures["predict"](
            parameters=parameters, targets=levels, weights=tf.ones([1, 6], tf.float64)
        )
        value = found["values"][:, 0]
    assert np.isnan(tape.gradient(value, parameters)).all()


def test_wrong_shapes_are_refused(exported: Any):
    predict = exported[2].signatures["predict"]
    good = {name: tf.ones([2, 6], tf.float64) for name in ("targets", "weights")}
    with pytest.raises(tf.errors.InvalidArgumentError, match="weights must have as many rows as"):
        predict(parameters=tf.ones([2, 3], tf.float64), **{**good, "weights": good["weights"][:1]})
    with pytest.raises(tf.errors.InvalidArgumentError):
        predict(parameters=tf.ones([2, 2], tf.float64), **good)


def test_the_description_has_the_new_parameters_and_the_weights(exported: Any):
    info = load_solver_info(exported[1])
    assert info["weights"] == (1 / SIGMA).tolist()
    assert info["parameter_names"] == ["D", "rho", "g"]
    assert list(info["signatures"]["predict"]) == ["parameters", "targets", "weights"]
    assert Path(exported[1], "assets.extra/validation.json").exists()
