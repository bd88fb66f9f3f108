"""Exported solvers with bounds and priors, with matched levels, and with several solutions."""

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.export import export_saved_model
from eigenfit.export.signatures import signatures_of
from eigenfit.solver import Affine, Matched, SpectralSolver, Status

from ..solver.helpers import finite_differences

NAN, INF = np.nan, np.inf
BASIS = np.array(
    [
        [[1.0, 0.2, 0, 0], [0.2, 0, 0, 0.1], [0, 0, -1, 0], [0, 0.1, 0, 0]],
        [[0, 0, 0.3, 0], [0, 1, 0, 0.4], [0.3, 0, 0.5, 0], [0, 0.4, 0, -0.5]],
    ]
)
ZERO = np.diag([0.0, 3.0, 5.0, 9.0])
KNOWN = np.array([0.4, -0.6])
LEVELS = np.linalg.eigvalsh(ZERO + np.tensordot(KNOWN, BASIS, 1))
NOISE = 0.1 * np.random.default_rng(1).normal(size=(5, 4))
# The solver's own, through the graph that the model has, which takes bounds and priors.
OWN = {"bounds": (None, None), "priors": (None, None)}
FIT = ["targets", "initial", "weights", "tolerance", "max_steps"]

SOLVERS = {
    # One active bound, one prior, and a loss for which covariance needs targets.
    "known": lambda: SpectralSolver(
        Affine(ZERO, BASIS, parameter_names=["a", "b"]),
        starts=2,
        bounds={"a": (-1.0, 0.3)},
        priors={"b": (-0.5, 0.2)},
        loss="cauchy",
        f_scale=0.2,
    ),
    # Three values for four levels, and two answers.
    "matched": lambda: SpectralSolver(
        Affine(ZERO, BASIS), starts=4, observation=Matched(3), solutions=2, absolute_sigma=True
    ),
}


@dataclasses.dataclass(frozen=True)
class Exported:
    solver: SpectralSolver
    reloaded: Any

    def call(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        real = self.solver.dtype
        tensors = {
            name: tf.constant(value, tf.int32 if name == "max_steps" else real)
            for name, value in inputs.items()
        }
        outputs = self.reloaded.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @functools.cache
    def make(name: str) -> Exported:
        solver = SOLVERS[name]()
        version_dir = export_saved_model(
            solver, tmp_path_factory.mktemp(name), measure_latency=False
        )
        return Exported(solver, tf.saved_model.load(version_dir))

    return make


def neutral(targets: np.ndarray, count: int) -> dict[str, Any]:
    """Inputs of `fit` that all mean the default."""
    rows = len(targets)
    return {
        "targets": targets,
        "initial": np.full((rows, count), NAN),
        "weights": np.full(targets.shape, NAN),
        "tolerance": np.full(rows, NAN),
        "max_steps": np.zeros(rows, np.int32),
    }


def starts(rows: int) -> np.ndarray:
    """The first is not known: if all were, the live fit would build a graph of its own."""
    return np.array([[NAN, NAN], *[[0.1, -0.4]] * 4])[:rows]


def assert_same(got: dict[str, np.ndarray], live: Any) -> None:
    live = live if isinstance(live, dict) else live._asdict()
    assert set(got) == set(live)
    for name, expected in live.items():
        expected = np.asarray(expected)
        assert got[name].dtype == expected.dtype, name
        assert got[name].shape == expected.shape, name
        np.testing.assert_allclose(got[name], expected, rtol=1e-12, atol=1e-13, err_msg=name)


@pytest.mark.parametrize(
    ("name", "signature", "inputs"),
    [
        ("known", "fit", [*FIT, "lower", "upper", "prior_mean", "prior_sigma"]),
        ("known", "covariance", ["parameters", "weights", "targets"]),
        ("known", "predict", ["parameters", "targets", "weights"]),
        ("matched", "fit", FIT),
        ("matched", "covariance", ["parameters", "weights", "targets"]),
        ("matched", "assignment", ["parameters", "targets", "weights"]),
    ],
)
def test_names_of_inputs(name: str, signature: str, inputs: list[str]):
    """As documented in `signatures_of`, without writing anything."""
    found = signatures_of(SOLVERS[name]())
    assert [spec.name for spec in found[signature].inputs] == inputs
    assert ("assignment" in found) == (name == "matched")
    assert all(spec.shape[0] is None for spec in found[signature].inputs)


def test_names_of_one_kind_of_knowledge():
    structure = Affine(ZERO, BASIS)
    bounds = signatures_of(SpectralSolver(structure, bounds=(0, 1)))["fit"].inputs
    assert [spec.name for spec in bounds] == [*FIT, "lower", "upper"]
    priors = signatures_of(SpectralSolver(structure, priors=(0, 1)))["fit"].inputs
    assert [spec.name for spec in priors] == [*FIT, "prior_mean", "prior_sigma"]


def test_reloaded_inputs_have_these_names(exported: Any):
    loaded = exported("known").reloaded.signatures["fit"].structured_input_signature[1]
    assert set(loaded) == {*FIT, "lower", "upper", "prior_mean", "prior_sigma"}
    for name in ("lower", "upper", "prior_mean", "prior_sigma"):
        assert loaded[name].shape.as_list() == [None, 2]
        assert loaded[name].dtype == tf.float64


@pytest.mark.parametrize(
    ("name", "signature", "wrong", "first"),
    [
        *(("known", "fit", wrong, "targets") for wrong in ("lower", "upper")),
        *(("known", "fit", wrong, "targets") for wrong in ("prior_mean", "prior_sigma")),
        *(("known", "covariance", wrong, "parameters") for wrong in ("weights", "targets")),
        *(("matched", "covariance", wrong, "parameters") for wrong in ("weights", "targets")),
        *(("matched", "assignment", wrong, "parameters") for wrong in ("weights", "targets")),
    ],
)
def test_rows_that_disagree_are_refused(
    exported: Any, name: str, signature: str, wrong: str, first: str
):
    """One row, which could be broadcast, and one too many."""
    loaded = exported(name).reloaded.signatures[signature]
    specs = loaded.structured_input_signature[1]
    for rows in (1, 4):
        inputs = {
            key: tf.ones([rows if key == wrong else 3, *spec.shape[1:]], spec.dtype)
            for key, spec in specs.items()
        }
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            loaded(**inputs)
        assert f"{wrong} must have as many rows as {first}" in str(error.value)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_bounds_and_priors_of_rows(exported: Any, rows: int):
    """Five rows, each with knowledge of its own; NaN for that of the solver."""
    known = exported("known")
    targets = (LEVELS + NOISE)[:rows]
    inputs = neutral(targets, 2)
    inputs["weights"] = np.full(targets.shape, 2.0)
    inputs["initial"] = starts(rows)
    lower = np.array([[NAN, NAN], [-INF, -INF], [-1, -0.2], [1.0, 0.0], [NAN, NAN]])[:rows]
    upper = np.array([[NAN, NAN], [INF, INF], [1, 1], [0.0, 1.0], [0.2, NAN]])[:rows]
    mean = np.array([[NAN, NAN], [0.0, 0.0], [NAN, -0.6], [NAN, NAN], [0.4, NAN]])[:rows]
    sigma = np.array([[NAN, NAN], [INF, INF], [NAN, 0.05], [NAN, NAN], [0.1, 0.01]])[:rows]
    got = known.call("fit", **inputs, lower=lower, upper=upper, prior_mean=mean, prior_sigma=sigma)
    live = known.solver.fit(**inputs, bounds=(lower, upper), priors=(mean, sigma))
    assert_same(got, live)
    if rows == 5:
        status = [Status.STATIONARY] * 5
        status[3] = Status.INVALID_INPUT
        assert got["status"].tolist() == status
        assert got["parameters"][0, 0] == 0.3
        assert got["parameters"][1, 0] > 0.3
        assert got["parameters"][2, 1] == -0.2
        assert got["parameters"][4, 0] == 0.2
        assert abs(got["parameters"][4, 1] - -0.5) < 0.02
        np.testing.assert_array_equal(
            np.isnan(got["standard_errors"]),
            [[True, False], [False] * 2, [False, True], [True] * 2, [True, False]],
        )
        alone = known.call(
            "fit",
            **{name: value[4:] for name, value in inputs.items()},
            lower=lower[4:],
            upper=upper[4:],
            prior_mean=mean[4:],
            prior_sigma=sigma[4:],
        )
        for name, value in alone.items():
            np.testing.assert_array_equal(value, got[name][4:], err_msg=name)


def test_nan_means_the_knowledge_of_the_solver(exported: Any):
    known = exported("known")
    targets = LEVELS + NOISE
    inputs = neutral(targets, 2)
    nan = inputs["initial"]
    got = known.call("fit", **inputs, lower=nan, upper=nan, prior_mean=nan, prior_sigma=nan)
    served = known.call("serving_default", targets=targets)
    assert_same(served, known.solver.fit(targets, **OWN))
    for name, value in served.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    assert (served["parameters"][:, 0] <= 0.3).all()
    assert (served["parameters"][:, 0] == 0.3).any()


def test_covariance_of_the_exported_solver(exported: Any):
    """NaN at the bound, a bad row, and a level that was not observed."""
    known = exported("known")
    parameters = np.array([[0.3, -0.5], [0.1, -0.5], [NAN, 0.0], [0.1, -0.5]])
    targets = np.tile(LEVELS + 0.05, (4, 1))
    targets[3, 1] = NAN
    weights = np.full((4, 4), 2.0)
    got = known.call("covariance", parameters=parameters, weights=weights, targets=targets)
    assert_same(got, known.solver.covariance(parameters, weights, targets))
    assert got["rank"].tolist()[:2] == [1, 2]
    assert np.isnan(got["standard_errors"][0]).tolist() == [True, False]
    assert np.isnan(got["covariance"][2]).all()
    assert np.isfinite(got["covariance"][3]).all()
    # A level less is known less.
    assert (got["standard_errors"][3] > got["standard_errors"][1]).all()
    predicted = known.call("predict", parameters=parameters, weights=weights, targets=targets)
    assert_same(predicted, known.solver.predict(parameters, targets, weights))
    np.testing.assert_allclose(predicted["values"], known.solver.spectrum(parameters), rtol=1e-12)
    assert (predicted["standard_errors"][3] > predicted["standard_errors"][1]).all()
    assert (predicted["standard_errors"][0] < predicted["standard_errors"][1]).all()


def test_loss_and_gradient_count_priors_and_the_loss(exported: Any):
    known = exported("known")
    parameters, targets = np.array([[0.1, -0.3], [0.2, 0.1]]), (LEVELS + NOISE)[:2]
    got = known.call("loss_and_gradient", parameters=parameters, targets=targets)
    levels = np.stack([np.linalg.eigvalsh(ZERO + np.tensordot(x, BASIS, 1)) for x in parameters])
    z = ((targets - levels) / 0.2) ** 2
    expected = (0.04 * np.log1p(z)).sum(axis=1) + ((parameters[:, 1] + 0.5) / 0.2) ** 2
    np.testing.assert_allclose(got["loss"], expected, rtol=1e-12)
    for place in range(2):
        step = np.zeros(2)
        step[place] = 1e-5
        above, below = (
            known.call("loss_and_gradient", parameters=parameters + s, targets=targets)["loss"]
            for s in (step, -step)
        )
        np.testing.assert_allclose(got["gradient"][:, place], (above - below) / 2e-5, rtol=1e-6)


def test_gradients_after_reload(exported: Any):
    """By targets, weights and priors; the same as from the live solver."""
    known = exported("known")
    inputs = neutral(LEVELS + NOISE, 2)
    inputs["initial"] = starts(5)
    inputs["weights"] = np.random.default_rng(2).uniform(0.5, 2.0, size=(5, 4))
    inputs["tolerance"] = np.full(5, 1e-13)
    tensors = {
        name: tf.constant(value, tf.int32 if name == "max_steps" else tf.float64)
        for name, value in inputs.items()
    }
    nan = tf.constant(np.full((5, 2), NAN))
    watched = {
        "targets": tensors["targets"],
        "weights": tensors["weights"],
        "prior_mean": tf.constant(np.tile([0.2, -0.5], (5, 1))),
        "prior_sigma": tf.constant(np.tile([0.4, 0.2], (5, 1))),
    }
    upper = tf.constant([[0.2, INF]] * 2 + [[INF, INF]] * 3, tf.float64)
    factors = tf.constant([1.0, 2.0], tf.float64)

    def gradients(answer: Any) -> dict[str, np.ndarray]:
        with tf.GradientTape() as tape:
            tape.watch(watched)
            found = answer({**tensors, **watched})
            total = tf.reduce_sum(found["parameters"] * factors) + tf.reduce_sum(found["loss"])
        return {name: g.numpy() for name, g in tape.gradient(total, watched).items()}

    def live(inputs: dict[str, Any]) -> dict[str, Any]:
        basic = {name: inputs[name] for name in FIT}
        priors = (inputs["prior_mean"], inputs["prior_sigma"])
        return known.solver.fit(**basic, bounds=(nan, upper), priors=priors)._asdict()

    def reloaded(inputs: dict[str, Any]) -> dict[str, Any]:
        return known.reloaded.signatures["fit"](**inputs, lower=nan, upper=upper)

    got, expected = gradients(reloaded), gradients(live)
    for name, gradient in got.items():
        assert np.abs(gradient).max() > 1e-3
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_matched_levels(exported: Any):
    matched = exported("matched")
    chosen = np.array([[0, 1, 3], [1, 2, 3], [0, 2, 3]])
    targets = LEVELS[chosen] + NOISE[:3, :3]
    targets[2, 1] = NAN
    assert_same(matched.call("serving_default", targets=targets), matched.solver.fit(targets))
    inputs = {**neutral(targets, 2), "initial": np.tile(KNOWN, (3, 1))}
    both = matched.call("fit", **inputs)
    assert_same(both, matched.solver.fit(**inputs))
    got = {name: value[:, 0] for name, value in both.items()}
    weights = np.ones((3, 3))
    about = {"parameters": got["parameters"], "targets": targets, "weights": weights}
    found = matched.call("assignment", **about)["assignment"]
    np.testing.assert_array_equal(found, matched.solver.assignment(**about))
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 1, 3], [1, 2, 3], [0, -1, 3]]
    observed = ~np.isnan(targets)
    residuals = targets - np.take_along_axis(got["eigenvalues"], np.maximum(found, 0), axis=1)
    np.testing.assert_allclose(got["residuals"][observed], residuals[observed], atol=1e-12)
    weights = np.where(observed, 1.0, 0.0)
    got_covariance = matched.call("covariance", **{**about, "weights": weights})
    live = matched.solver.covariance(got["parameters"], weights, targets)
    assert_same(got_covariance, live)
    np.testing.assert_allclose(got_covariance["standard_errors"], got["standard_errors"], rtol=1e-6)
    predicted = matched.call("predict", **about)
    np.testing.assert_allclose(
        predicted["values"], np.where(observed, targets - got["residuals"], NAN), atol=1e-12
    )
    assert_same(predicted, matched.solver.predict(got["parameters"], targets, np.ones((3, 3))))
    zero = matched.call(
        "assignment", parameters=np.zeros((0, 2)), targets=targets[:0], weights=weights[:0]
    )
    assert zero["assignment"].shape == (0, 3)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_several_solutions(exported: Any, rows: int):
    matched = exported("matched")
    targets = np.array([LEVELS[[0, 1, 3]], [INF, 0.0, 1.0], LEVELS[[0, 2, 3]] + 0.1])[:rows]
    got = matched.call("serving_default", targets=targets)
    assert_same(got, matched.solver.fit(targets))
    assert got["parameters"].shape == (rows, 2, 2)
    assert got["status"].shape == (rows, 2)
    assert_same(matched.call("fit", **neutral(targets, 2)), got)
    if rows > 1:
        assert got["status"][1].tolist() == [Status.INVALID_INPUT, Status.NO_OTHER]
        assert (got["status"][[0, 2], 0] > 0).all()


def test_gradients_of_several_solutions_after_reload(exported: Any):
    """Of the second solution, against finite differences."""
    matched = exported("matched")
    targets = LEVELS[[0, 2, 3]] + 0.1
    watched = tf.constant(targets[None])
    with tf.GradientTape() as tape:
        tape.watch(watched)
        answer = matched.reloaded.signatures["serving_default"](targets=watched)
        total = tf.reduce_sum(answer["parameters"][0, 1])
    found = tape.gradient(total, watched)
    assert answer["status"][0].numpy().tolist() == [Status.STATIONARY] * 2

    def second(targets: np.ndarray) -> np.ndarray:
        return matched.call("serving_default", targets=targets[None])["parameters"][0, 1].sum()

    np.testing.assert_allclose(found[0], finite_differences(second, targets, 3e-3), rtol=1e-6)
