"""The SavedModel without eigenfit: fresh processes, a TF1 session, the command-line tool."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

CALLS = [("serving_default", rows) for rows in (0, 1, 7, 4096)]
CALLS += [("fit", 7), ("spectrum", 7), ("matrix", 7), ("loss_and_gradient", 7), ("covariance", 7)]
CALLS += [("predict", 7)]
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
def calls(model, rows_for):
    """The inputs of every call, and the answers in this process."""

    @functools.cache
    def make(kind):
        made = []
        for name, rows in CALLS:
            examples = rows_for(model(kind).solver, rows)
            inputs = {key: examples[key] for key in INPUTS[name]}
            tensors = {key: tf.constant(value) for key, value in inputs.items()}
            made.append((name, inputs, model(kind).call(name, **tensors)))
        return made

    return make


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
def elsewhere(model, outer_dir, calls, refused, run_program):
    """The answers of one fresh process without eigenfit, reloaded and in a session."""
    inner_dir, inputs = model("toeplitz").version_dir, {"targets": TARGETS}
    reloaded = [
        *(
            (model(kind).version_dir, name, inputs, None)
            for kind in ("toeplitz", "hermitian")
            for name, inputs, _ in calls(kind)
        ),
        (inner_dir, "serving_default", inputs, "parameters"),
        (outer_dir, "serving_default", inputs, "doubled"),
    ]
    in_session = [(name, inputs) for name, inputs, _ in (*calls("toeplitz"), *refused)]
    return run_program("call_elsewhere.py", (reloaded, (inner_dir, in_session)))


def test_fresh_process_without_eigenfit(model, calls, elsewhere):
    """The answers, and a derivative of one, are those of the process that wrote the model.

    Also through a SavedModel that has the first inside.
    """
    watched = tf.constant(TARGETS)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        fit = model("toeplitz").solver.fit(watched)
    gradient = tape.gradient(fit.parameters, watched).numpy()
    assert np.abs(gradient[0]).min() > 1e-3
    *answers, inner, outer = elsewhere[0]
    assert_answers(answers, [*calls("toeplitz"), *calls("hermitian")])
    np.testing.assert_allclose(inner["gradient by targets"], gradient, rtol=1e-12, atol=0)
    assert set(outer) == {"doubled", "status", "gradient by targets"}
    np.testing.assert_allclose(outer["doubled"], 2 * fit.parameters.numpy(), rtol=1e-12, atol=0)
    np.testing.assert_array_equal(outer["status"], fit.status)
    np.testing.assert_allclose(outer["gradient by targets"], 2 * gradient, rtol=1e-12, atol=0)


def test_session(calls, refused, elsewhere):
    made, answers = calls("toeplitz"), elsewhere[1]
    assert_answers(answers[: len(made)], made)
    for answer, (name, inputs, fragments) in zip(answers[len(made) :], refused, strict=True):
        shapes = {key: value.shape for key, value in inputs.items()}
        assert isinstance(answer, tuple), (name, shapes)
        kind, message = answer
        assert kind == "InvalidArgumentError", (name, shapes, message)
        for fragment in fragments:
            assert fragment in message, (name, shapes, message)


def run_saved_model_cli(*arguments):
    beside_python = Path(sys.executable).parent / "saved_model_cli"
    module = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    command = [beside_python] if beside_python.exists() else module
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=True,
    ).stdout


def test_saved_model_cli_runs_a_fit(model, rows_for, tmp_path):
    toeplitz = model("toeplitz")
    targets = rows_for(toeplitz.solver, 3)["targets"]
    np.save(tmp_path / "targets.npy", targets)
    where = ["--dir", toeplitz.version_dir, "--tag_set", "serve"]
    what = ["--signature_def", "serving_default", "--inputs", f"targets={tmp_path}/targets.npy"]
    run_saved_model_cli("run", *where, *what, "--outdir", str(tmp_path))
    for name, value in toeplitz.call("serving_default", targets=tf.constant(targets)).items():
        written = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(written, value, rtol=1e-12, atol=0, err_msg=name)
