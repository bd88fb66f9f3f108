"""What the signatures offer and answer, in the process that wrote them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from eigenfit.export.signatures import signatures_of
from eigenfit.solver import Adam, SpectralSolver, Status, Toeplitz

KINDS = ["toeplitz", "hermitian, float32", "nonlinear"]
FIT_INPUTS = ["targets", "initial", "weights", "tolerance", "max_steps"]
INPUTS = {
    "serving_default": ["targets"],
    "fit": FIT_INPUTS,
    "spectrum": ["parameters"],
    "matrix": ["parameters"],
    "loss_and_gradient": ["parameters", "targets"],
    "covariance": ["parameters", "weights"],
    "predict": ["parameters", "targets", "weights"],
}


def fit_outputs(solver):
    count, size = solver.parameterization.num_parameters, solver.parameterization.size
    real = solver.dtype
    return {
        "parameters": ([None, count], real),
        "eigenvalues": ([None, size], real),
        "residuals": ([None, solver.num_targets], real),
        "loss": ([None], real),
        "gradient_norm": ([None], real),
        "standard_errors": ([None, count], real),
        "steps": ([None], tf.int32),
        **dict.fromkeys(("status", "cause", "starts", "agreeing"), ([None], tf.int32)),
    }


def expected_outputs(solver, matrix_dtype):
    count, size = solver.parameterization.num_parameters, solver.parameterization.size
    real = solver.dtype
    return {
        "serving_default": fit_outputs(solver),
        "fit": fit_outputs(solver),
        "spectrum": {"eigenvalues": ([None, size], real)},
        "matrix": {"matrix": ([None, size, size], matrix_dtype)},
        "loss_and_gradient": {
            "loss": ([None], real),
            "gradient": ([None, count], real),
            "eigenvalues": ([None, size], real),
        },
        "covariance": {
            "covariance": ([None, count, count], real),
            "standard_errors": ([None, count], real),
            "correlation": ([None, count, count], real),
            "rank": ([None], tf.int32),
            "condition_number": ([None], real),
        },
        "predict": dict.fromkeys(("values", "standard_errors"), ([None, solver.num_targets], real)),
    }


def expected_inputs(solver):
    count, real = solver.parameterization.num_parameters, solver.dtype
    return {
        "targets": ([None, solver.num_targets], real),
        "weights": ([None, solver.num_targets], real),
        "initial": ([None, count], real),
        "parameters": ([None, count], real),
        "tolerance": ([None], real),
        "max_steps": ([None], tf.int32),
    }


def live_answer(solver, name, inputs):
    """The answer from the methods of the solver."""
    if name in ("serving_default", "fit"):
        return solver.fit(**inputs)._asdict()
    if name == "spectrum":
        return {"eigenvalues": solver.spectrum(**inputs)}
    if name == "matrix":
        return {"matrix": solver.matrix(**inputs)}
    if name in ("covariance", "predict"):
        return getattr(solver, name)(**inputs)._asdict()
    parameters = tf.constant(inputs["parameters"])
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss = solver.loss(parameters, inputs["targets"])
    return {
        "loss": loss,
        "gradient": tape.gradient(loss, parameters),
        "eigenvalues": solver.spectrum(parameters),
    }


def assert_same(got, live):
    assert set(got) == set(live)
    for name, expected in live.items():
        expected = np.asarray(expected)
        assert got[name].dtype == expected.dtype, name
        epsilon = 0 if expected.dtype.kind in "iu" else np.finfo(expected.dtype).eps
        tolerance = max(1e-12, 2 * epsilon) if epsilon else 0
        np.testing.assert_allclose(got[name], expected, rtol=tolerance, atol=0, err_msg=name)


def read_meta_graph(version_dir):
    stored = Path(version_dir, "saved_model.pb").read_bytes()
    (meta_graph,) = saved_model_pb2.SavedModel.FromString(stored).meta_graphs
    return meta_graph


@pytest.mark.parametrize("kind", KINDS)
def test_names_shapes_and_dtypes(model, kind):
    solver = model(kind).solver
    matrix_dtype = tf.complex64 if kind == "hermitian, float32" else tf.float64

    def described(infos):
        return {
            name: (
                [size if size >= 0 else None for size in (d.size for d in info.tensor_shape.dim)],
                tf.as_dtype(info.dtype),
            )
            for name, info in infos.items()
        }

    signatures = read_meta_graph(model(kind).version_dir).signature_def
    assert set(signatures) - {"__saved_model_init_op"} == set(INPUTS)
    outputs, inputs = expected_outputs(solver, matrix_dtype), expected_inputs(solver)
    for name, input_names in INPUTS.items():
        assert described(signatures[name].inputs) == {key: inputs[key] for key in input_names}
        assert described(signatures[name].outputs) == outputs[name]


@pytest.mark.parametrize("rows", [0, 1, 7, 4096])
@pytest.mark.parametrize("name", list(INPUTS))
def test_equals_the_live_solver(model, rows_for, name, rows):
    toeplitz = model("toeplitz")
    examples = rows_for(toeplitz.solver, rows)
    inputs = {key: examples[key] for key in INPUTS[name]}
    got = toeplitz.call(name, **{key: tf.constant(value) for key, value in inputs.items()})
    assert_same(got, live_answer(toeplitz.solver, name, inputs))
    if name == "serving_default" and rows == 4096:
        assert np.mean(got["status"] == 1) > 0.9


@pytest.mark.parametrize("name", list(INPUTS))
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "toeplitz"])
def test_equals_the_live_solver_of_every_kind(model, rows_for, kind, name):
    for rows in (1, 9):
        examples = rows_for(model(kind).solver, rows)
        inputs = {key: examples[key] for key in INPUTS[name]}
        got = model(kind).call(name, **{key: tf.constant(v) for key, v in inputs.items()})
        assert_same(got, live_answer(model(kind).solver, name, inputs))


def test_bad_rows_are_data(model):
    targets = np.tile([-1.0, -0.5, 0.0, 0.5, 1.0], (4, 1))
    targets[1], targets[2, 0], targets[3, 1] = np.nan, np.inf, 1e300
    got = model("toeplitz").call("serving_default", targets=tf.constant(targets))
    alone = model("toeplitz").call("serving_default", targets=tf.constant(targets[:1]))
    assert got["status"][1:].tolist() == [-1, -1, -1]
    for name, value in alone.items():
        np.testing.assert_array_equal(got[name][:1], value, err_msg=name)


def test_neutral_values_mean_the_defaults(model, rows_for):
    toeplitz = model("toeplitz")
    targets = tf.constant(rows_for(toeplitz.solver, 5)["targets"])
    nan = tf.fill(targets.shape, tf.constant(np.nan, tf.float64))
    got = toeplitz.call(
        "fit",
        targets=targets,
        initial=nan,
        weights=nan,
        tolerance=nan[:, 0],
        max_steps=tf.zeros([5], tf.int32),
    )
    assert_same(got, toeplitz.call("serving_default", targets=targets))


@pytest.mark.usefixtures("eagerly")
def test_a_request_cannot_ask_for_more_steps_than_the_solver_has():
    solver = SpectralSolver(Toeplitz(3), Adam(), max_steps=5)
    targets = tf.constant([[0.0, 1.0, 5.0]] * 4, tf.float64)
    far = tf.constant([[50.0, 40.0, -30.0]] * 4, tf.float64)  # thousands of steps away
    nan = tf.fill([4, 3], tf.constant(np.nan, tf.float64))
    asked = [0, 3, 6, 400]
    got = signatures_of(solver)["fit"].compute(
        targets, far, nan, tf.zeros([4], tf.float64), tf.constant(asked, tf.int32)
    )
    assert got["steps"].numpy().tolist() == [5, 3, 5, 5]
    assert got["status"].numpy().tolist() == [Status.MAX_STEPS] * 4
    longer = solver.fit(targets[:1], far[:1], tolerance=0.0, max_steps=6)
    assert longer.steps.numpy().tolist() == [6]


def test_negative_steps_and_tolerance_are_invalid_input(model):
    toeplitz = model("toeplitz")
    nan = tf.fill([2, 5], tf.constant(np.nan, tf.float64))
    got = toeplitz.call(
        "fit",
        targets=tf.zeros([2, 5], tf.float64),
        initial=nan,
        weights=nan,
        tolerance=tf.constant([-1.0, np.nan], tf.float64),
        max_steps=tf.constant([0, -1], tf.int32),
    )
    assert got["status"].tolist() == [-1, -1]


@pytest.mark.parametrize("kind", ["toeplitz", "nonlinear"])
def test_graph_is_plain(model, kind):
    loaded = read_meta_graph(model(kind).version_dir)
    functions = loaded.graph_def.library.function
    assert loaded.graph_def.library.registered_gradients
    nodes = [*loaded.graph_def.node]
    for function in functions:
        nodes += function.node_def
    assert "SelfAdjointEigV2" in {node.op for node in nodes}
    forbidden = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "XlaLaunch", "XlaLaunchV2"}
    variables = {"VarHandleOp", "ReadVariableOp", "AssignVariableOp", "VariableV2"}
    assert not forbidden & {node.op for node in nodes}
    assert not variables & {node.op for node in nodes}
    for holder in (*nodes, *functions):
        assert not holder.attr["_XlaMustCompile"].b


def test_nothing_but_signatures_is_saved(model):
    reloaded = model("toeplitz").reloaded
    assert not getattr(reloaded, "variables", ())
    assert set(reloaded.signatures) == set(INPUTS)
