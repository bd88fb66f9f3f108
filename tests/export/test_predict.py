"""The signature `predict` of a model with derived parameters, against NumPy and SciPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.export import export_saved_model, load_solver_info
from eigenfit.solver import Affine, SpectralSolver, Spin

from ..solver.helpers import finite_differences

SPIN = Spin(5 / 2)
AXIAL = SPIN.z @ SPIN.z - 35 / 12 * np.eye(6)
RHOMBIC = np.real(SPIN.x @ SPIN.x - SPIN.y @ SPIN.y)
FIELD = 0.4 * SPIN.z + 0.3 * SPIN.x
TRUTH = np.array([2.0, 0.2, 1.5])
NAN = np.nan


def levels_of(y: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(y[0] * AXIAL + y[0] * y[1] * RHOMBIC + y[2] * FIELD)


def make_solver() -> SpectralSolver:
    structure = Affine(None, [AXIAL, RHOMBIC, FIELD], ["D", "E", "g"]).with_parameters(
        ["D", "rho"], lambda D, rho: {"E": rho * D}
    )
    return SpectralSolver(structure, bounds={"rho": (0.0, 1 / 3)}, sigma=0.05, starts=8)


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
    rows += 0.05 * np.random.default_rng(2).normal(size=rows.shape)
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
    given = np.where(np.arange(6) == 1, 3.0, nan)  # one weight; NaN for the default of 1 / 0.05
    weights = np.where(np.isnan(given), 20.0, given)
    fit_inputs = {
        "targets": tf.constant(levels),
        "initial": tf.constant(np.full((5, 3), NAN)),
        "weights": tf.constant(given),
        "tolerance": tf.constant(nan[:, 0]),
        "max_steps": tf.zeros([5], tf.int32),
    }
    bounds = {"lower": tf.constant(nan[:, :3]), "upper": tf.constant(nan[:, :3])}
    weighted = reloaded.signatures["fit"](**fit_inputs, **bounds)
    for answer, sent, used in ((fit, nan, np.full((5, 6), 20.0)), (weighted, given, weights)):
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
    fit = solver.fit(levels)
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


def test_the_description_names_the_new_parameters(exported: Any):
    info = load_solver_info(exported[1])
    assert info["parameter_names"] == ["D", "rho", "g"]
    assert list(info["signatures"]["predict"]) == ["parameters", "targets", "weights"]
    assert Path(exported[1], "assets.extra/validation.json").exists()
