"""The exported model of a sweep, at other conditions than those of the export."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from eigenfit.export import load_solver_info
from eigenfit.solver import SpectralSolver, Status
from tests.shared_export import shared_sweep

LIMIT = 4
KNOWN = np.array([[1.0, 0.5], [0.7, -0.4], [1.3, 0.9]])  # gap, moment
BIAS = np.array([[0.0, 1.0, 2.0, 3.5], [0.5, 2.0, np.nan, np.nan], [-1.0, 0.2, 4.0, np.nan]])


def by_hand(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The levels of `gap sigma_x + moment bias sigma_z`: `[B, 2 K]`."""
    upper = np.hypot(x[:, :1], x[:, 1:] * bias)
    return np.stack([-upper, upper], axis=2).reshape(len(x), -1)


class Exported(NamedTuple):
    """A sweep with bounds, and its model."""

    solver: SpectralSolver
    version_dir: str
    reloaded: Any

    def call(self, signature: str, **inputs: Any) -> dict[str, tf.Tensor]:
        # Eagerly, as a client does; integers stay integers.
        tensors = {
            name: value if tf.is_tensor(value) else tf.constant(value)
            for name, value in inputs.items()
        }
        return self.reloaded.signatures[signature](**tensors)


@pytest.fixture(scope="module")
def qubit(tmp_path_factory) -> Exported:
    solver, version_dir = shared_sweep(tmp_path_factory)
    return Exported(solver, str(version_dir), tf.saved_model.load(str(version_dir)))


def test_every_signature_takes_the_conditions(qubit):
    info = load_solver_info(qubit.version_dir)
    assert info["condition_names"] == ["bias"]
    assert len(info["signatures"]) == 7
    for inputs in info["signatures"].values():
        assert list(inputs)[-1] == "conditions"
        assert inputs["conditions"] == {"shape": [None, LIMIT, 1], "dtype": "float64"}


def test_a_model_with_bounds_holds_the_graph_of_a_fit_once(qubit):
    """Though `serving_default` takes no bounds and `fit` does."""
    stored = Path(qubit.version_dir, "saved_model.pb").read_bytes()
    functions = saved_model_pb2.SavedModel.FromString(stored).meta_graphs[0].graph_def.library
    loops = [f for f in functions.function if f.signature.name.startswith("while_body_")]
    assert len(loops) == 1


def test_fits_at_other_conditions(qubit):
    targets = by_hand(KNOWN, BIAS)
    fit = qubit.call("serving_default", targets=targets, conditions=BIAS[:, :, None])
    np.testing.assert_array_equal(fit["status"], [Status.CONVERGED] * 3)
    # The sign of the moment is free, and the start has it positive.
    np.testing.assert_allclose(np.abs(fit["parameters"]), np.abs(KNOWN), rtol=1e-8)
    np.testing.assert_allclose(fit["eigenvalues"], targets, atol=1e-8)
    live = qubit.solver.fit(targets, conditions=BIAS)
    for name, field in live._asdict().items():
        np.testing.assert_array_equal(fit[name], field, err_msg=name)
    nan = np.full((3, 2), np.nan)
    full = qubit.call(
        "fit",
        targets=targets + 0.1 * np.array([1, -1, 0, 1, 0, 1, 1, 0]),
        initial=KNOWN,
        weights=np.full((3, 8), np.nan),
        tolerance=nan[:, 0],
        max_steps=np.zeros(3, np.int32),
        lower=np.array([[1.1, np.nan]] * 3),
        upper=nan,
        conditions=BIAS[:, :, None],
    )
    assert (full["status"].numpy() > 0).all()
    assert (full["parameters"].numpy()[:, 0] >= 1.1).all()


def test_the_other_signatures(qubit):
    at = {"parameters": KNOWN, "conditions": BIAS[:, :, None]}
    levels = qubit.call("spectrum", **at)["eigenvalues"]
    np.testing.assert_allclose(levels, by_hand(KNOWN, BIAS), atol=1e-12)
    matrices = qubit.call("matrix", **at)["matrix"].numpy()
    assert matrices.shape == (3, LIMIT, 2, 2)
    np.testing.assert_allclose(matrices[0, 3], [[1.75, 1.0], [1.0, -1.75]])
    assert np.isnan(matrices[1, 2:]).all()
    shifted = by_hand(KNOWN, BIAS) + 0.1
    found = qubit.call("loss_and_gradient", targets=shifted, **at)
    np.testing.assert_allclose(found["loss"], 0.01 * np.sum(~np.isnan(shifted), axis=1))
    # The levels of a pair move apart, so equal shifts of both have no slope.
    np.testing.assert_allclose(found["gradient"], 0.0, atol=1e-12)
    covariance = qubit.call("covariance", weights=np.full((3, 8), 10.0), **at)
    upper = np.hypot(KNOWN[:, :1], KNOWN[:, 1:] * BIAS)
    slopes = np.stack([KNOWN[:, :1] / upper, KNOWN[:, 1:] * BIAS**2 / upper], axis=2)
    for row, slope in enumerate(slopes):
        seen = slope[~np.isnan(slope[:, 0])]
        expected = np.linalg.inv(2 * 100.0 * seen.T @ seen)
        np.testing.assert_allclose(covariance["covariance"][row], expected, rtol=1e-9)


def test_the_answer_differentiates_by_the_conditions_after_reload(qubit):
    targets = by_hand(KNOWN, BIAS) + 0.05 * np.array([1, -1, 0, 2, -1, 1, 1, 0])
    watched = tf.constant(BIAS[:, :, None])

    def gap(conditions: Any) -> tf.Tensor:
        fit = qubit.call("serving_default", targets=targets, conditions=conditions)
        return fit["parameters"][:, 0]

    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = gap(watched)
    got = tape.gradient(value, watched).numpy()
    step = 1e-4
    for place in range(LIMIT):
        change = np.zeros((1, LIMIT, 1))
        change[0, place] = step
        slope = (gap(watched + change) - gap(watched - change)).numpy() / (2 * step)
        np.testing.assert_allclose(got[:, place, 0], slope, atol=1e-6)
    assert (got[1, 2:] == 0).all()  # conditions that the row does not have
    assert np.abs(got).max() > 0.01


@pytest.mark.parametrize("shape", [(3, LIMIT - 1, 1), (3, LIMIT, 2), (2, LIMIT, 1)])
def test_conditions_of_another_shape_are_refused(qubit, shape):
    with pytest.raises(tf.errors.InvalidArgumentError):
        qubit.call("spectrum", parameters=KNOWN, conditions=np.zeros(shape))
