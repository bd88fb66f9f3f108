"""The SavedModel without eigenfit: in a fresh process, reloaded there and in a TF1 session."""

import functools

import numpy as np
import pytest
import tensorflow as tf

INPUTS = {
    "serving_default": ["targets"],
    "fit": ["targets", "initial", "weights", "tolerance", "max_steps"],
    "spectrum": ["parameters"],
    "matrix": ["parameters"],
    "loss_and_gradient": ["parameters", "targets"],
    "covariance": ["parameters", "weights"],
    "predict": ["parameters", "targets", "weights"],
}


@pytest.fixture(scope="module")
def call(model, rows_for):
    """`call(kind, name, rows)`: name and inputs of a call, and the answer in this process."""

    @functools.cache
    def make(kind, name, rows):
        examples = rows_for(model(kind).solver, rows)
        inputs = {key: examples[key] for key in INPUTS[name]}
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        return name, inputs, model(kind).call(name, **tensors)

    return make


@pytest.fixture(scope="module")
def reloaded(call):
    """By kind, calls of the signatures; a session is asked for all of them."""
    return {
        "toeplitz": [call("toeplitz", "serving_default", 7)],
        "hermitian, float32": [call("hermitian, float32", "matrix", 7)],
    }


@pytest.fixture(scope="module")
def in_session(call):
    """A call of every signature, and of one with other numbers of rows."""
    some = [call("toeplitz", name, 7) for name in INPUTS]
    return [*some, *(call("toeplitz", "serving_default", rows) for rows in (0, 1, 4096))]


def assert_answers(answers, made):
    assert len(answers) == len(made)
    for answer, (name, inputs, expected) in zip(answers, made, strict=True):
        assert isinstance(answer, dict), answer
        rows = len(next(iter(inputs.values())))
        assert set(answer) == set(expected)
        for key, value in expected.items():
            label = f"{name}, {rows} rows, {key}"
            np.testing.assert_allclose(answer[key], value, rtol=1e-12, atol=0, err_msg=label)


TARGETS = np.array([[-2.0, -0.5, 0.0, 1.0, 3.0], [0.0, 1.0, 2.0, 4.0, np.nan]])


@pytest.fixture(scope="module")
def refused(model, rows_for):
    """Signature, inputs that it refuses, and fragments of the message."""

    def ones(*shape):
        return np.ones(shape)

    good = {key: rows_for(model("toeplitz").solver, 2)[key] for key in INPUTS["fit"]}
    point = {"parameters": ones(2, 5)}
    return [
        ("serving_default", {"targets": ones(2, 4)}, ["[2,4]", "[?,5]"]),
        ("serving_default", {"targets": ones(5)}, ["[5]", "[?,5]"]),
        ("serving_default", {"targets": ones(2, 5, 5)}, ["[2,5,5]", "[?,5]"]),
        ("fit", {**good, "initial": ones(2, 6)}, ["[2,6]", "[?,5]"]),
        ("fit", {**good, "weights": ones(2, 1)}, ["[2,1]", "[?,5]"]),
        ("fit", {**good, "tolerance": ones(2, 1)}, ["[2,1]", "[?]"]),
        ("fit", {**good, "max_steps": np.int32(3)}, ["[]", "[?]"]),
        ("fit", {**good, "initial": ones(3, 5)}, ["initial must have as many rows as targets"]),
        ("fit", {**good, "weights": ones(1, 5)}, ["weights must have as many rows as targets"]),
        ("fit", {**good, "tolerance": ones(1)}, ["tolerance must have as many rows as targets"]),
        (
            "fit",
            {**good, "max_steps": np.ones(1, np.int32)},
            ["max_steps must have as many rows as targets"],
        ),
        ("spectrum", {"parameters": ones(2, 4)}, ["[2,4]", "[?,5]"]),
        ("matrix", {"parameters": ones(2, 4)}, ["[2,4]", "[?,5]"]),
        ("loss_and_gradient", {**point, "targets": ones(2, 4)}, ["[2,4]", "[?,5]"]),
        (
            "loss_and_gradient",
            {**point, "targets": ones(1, 5)},
            ["targets must have as many rows as parameters"],
        ),
        ("covariance", {**point, "weights": ones(2, 4)}, ["[2,4]", "[?,5]"]),
        (
            "covariance",
            {**point, "weights": ones(1, 5)},
            ["weights must have as many rows as parameters"],
        ),
    ]


@pytest.fixture(scope="module")
def elsewhere(model, outer_dir, reloaded, in_session, refused, run_program):
    """The answers of one fresh process without eigenfit, reloaded and in a session."""
    calls = [
        *(
            (model(kind).version_dir, name, inputs, None)
            for kind, made in reloaded.items()
            for name, inputs, _ in made
        ),
        (outer_dir, "serving_default", {"targets": TARGETS}, "doubled"),
    ]
    asked = [(name, inputs) for name, inputs, _ in (*in_session, *refused)]
    return run_program("call_elsewhere.py", (calls, (model("toeplitz").version_dir, asked)))


def test_fresh_process_without_eigenfit(model, reloaded, elsewhere):
    """The answers are those of the process that wrote the model.

    So are answers and derivatives of a SavedModel that has the first inside.
    """
    watched = tf.constant(TARGETS)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        fit = model("toeplitz").solver.fit(watched)
    gradient = tape.gradient(fit.parameters, watched).numpy()
    assert np.abs(gradient[0]).min() > 1e-3
    *answers, outer = elsewhere[0]
    assert_answers(answers, [call for made in reloaded.values() for call in made])
    assert set(outer) == {"doubled", "status", "gradient by targets"}
    np.testing.assert_allclose(outer["doubled"], 2 * fit.parameters.numpy(), rtol=1e-12, atol=0)
    np.testing.assert_array_equal(outer["status"], fit.status)
    np.testing.assert_allclose(outer["gradient by targets"], 2 * gradient, rtol=1e-12, atol=0)


def test_session(in_session, refused, elsewhere):
    answers = elsewhere[1]
    assert_answers(answers[: len(in_session)], in_session)
    for answer, (name, inputs, fragments) in zip(answers[len(in_session) :], refused, strict=True):
        shapes = {key: value.shape for key, value in inputs.items()}
        assert isinstance(answer, tuple), (name, shapes)
        kind, message = answer
        assert kind == "InvalidArgumentError", (name, shapes, message)
        for fragment in fragments:
            assert fragment in message, (name, shapes, message)
