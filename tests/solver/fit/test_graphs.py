"""The fit inside other graphs: unknown and zero rows, tf.function, tf.data, threads, no state."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.autograph.impl import api

from eigenfit.solver import FitResult, GaussNewton, SpectralSolver, Status, Toeplitz, Trace

from ..helpers import as_numpy, assert_same, take

SIZE = 4


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(Toeplitz(SIZE), starts=3)


@functools.cache
def targets() -> np.ndarray:
    return np.sort(np.random.default_rng(9).normal(size=(50, SIZE)), axis=1)


@functools.cache
def expected() -> FitResult:
    return as_numpy(solver().fit(targets()))


def test_zero_rows():
    assert expected().loss.shape == (50,)  # builds the graph, which rows without a start share
    fit = as_numpy(solver().fit(np.zeros((0, SIZE))))
    shapes = [np.asarray(field).shape for field in fit]
    assert shapes == [(0, 4), (0, 4), (0, 4), (0,), (0,), (0, 4), *[(0,)] * 5]
    assert fit.status.dtype == np.int32
    also = as_numpy(
        solver().fit(
            np.zeros((0, SIZE)),
            weights=np.zeros((0, SIZE)),
            tolerance=np.zeros(0),
            max_steps=np.zeros(0, int),
        )
    )
    assert [np.asarray(field).shape for field in also] == shapes


def test_zero_rows_build_no_graph_of_their_own():
    assert expected().loss.shape == (50,)
    own = SpectralSolver(Toeplitz(SIZE), starts=3)
    own._compiled.fit.update(solver()._compiled.fit)
    nothing = np.zeros((0, SIZE))
    assert own.fit(nothing).loss.shape == own.fit(nothing, nothing).loss.shape == (0,)
    assert len(own._compiled.fit) == 1
    assert not own._compiled.fit_given


def test_zero_rows_of_everything_else():
    nothing = np.zeros((0, SIZE))
    assert solver().spectrum(nothing).shape == (0, SIZE)
    assert solver().matrix(nothing).shape == (0, SIZE, SIZE)
    assert solver().loss(nothing, nothing).shape == (0,)


def test_only_bad_rows():
    fit = solver().fit(np.full((3, SIZE), np.nan))
    assert fit.status.numpy().tolist() == [Status.INVALID_INPUT] * 3


def test_unknown_number_of_rows():
    @tf.function(input_signature=[tf.TensorSpec([None, SIZE], tf.float64)], autograph=False)
    def embedded(levels: tf.Tensor) -> FitResult:
        return solver().fit(levels)

    for rows in (0, 1, 7, 50):
        assert_same(as_numpy(embedded(targets()[:rows])), take(expected(), slice(rows)))


def test_autograph_of_a_caller_leaves_the_solver_as_it_is(monkeypatch: pytest.MonkeyPatch):
    """TensorFlow took 2.5 s to rewrite a fit, once in each process."""
    rewritten: list[str] = []
    rewrite = api._convert_actual

    def note(function: Any, *rest: Any) -> Any:
        rewritten.append(function.__qualname__)
        return rewrite(function, *rest)

    monkeypatch.setattr(api, "_convert_actual", note)

    @tf.function
    def embedded(x: tf.Tensor, levels: tf.Tensor) -> Any:
        if tf.reduce_any(levels > 1e3):  # what AutoGraph is for
            levels = levels / 1e3
        return solver().fit(levels), solver().spectrum(x), solver().matrix(x)

    fit = FitResult(*embedded(targets()[:5], 2e3 * targets()[:5])[0])
    assert fit.loss.shape == (5,)
    assert [name for name in rewritten if "embedded" not in name] == []
    assert rewritten


def test_inside_another_function_with_work_around_it():
    """A caller that scales its data, fits, and goes on computing with the answer."""

    @tf.function(autograph=False)
    def embedded(levels: tf.Tensor) -> tf.Tensor:
        fit = solver().fit(2.0 * levels)
        return tf.linalg.trace(solver().matrix(fit.parameters)) / 2.0

    np.testing.assert_allclose(embedded(targets()), targets().sum(axis=1), rtol=0, atol=1e-8)


def test_all_methods_give_the_same_inside_a_function():
    x = np.random.default_rng(10).normal(size=(5, SIZE))

    @tf.function(autograph=False)
    def embedded(x: tf.Tensor, levels: tf.Tensor) -> Any:
        trace = solver().trace(levels)
        return solver().spectrum(x), solver().matrix(x), solver().loss(x, levels), trace

    spectrum, matrix, loss, trace = embedded(x, targets()[:5])
    np.testing.assert_array_equal(spectrum, solver().spectrum(x))
    np.testing.assert_array_equal(matrix, solver().matrix(x))
    np.testing.assert_array_equal(loss, solver().loss(x, targets()[:5]))
    assert_same(as_numpy(Trace(*trace)), as_numpy(solver().trace(targets()[:5])))


def test_in_a_tf_data_map():
    """Batches of 16 and a last one of 2."""
    dataset = tf.data.Dataset.from_tensor_slices(targets()).batch(16)
    dataset = dataset.map(lambda levels: solver().fit(levels), num_parallel_calls=2)
    parts = [as_numpy(FitResult(*part)) for part in dataset]
    columns: Any = [np.concatenate(column) for column in zip(*parts, strict=True)]
    joined = FitResult(*columns)
    assert_same(joined, expected())


def test_concurrent_calls_cannot_see_each_other():
    """Threads that start together, also with the very first call, which traces the graph."""
    # The method with the smallest graph, as each thread prepares it for itself.
    fresh = SpectralSolver(Toeplitz(SIZE), GaussNewton(), starts=3)
    slices = [slice(start, start + 1 + start % 9) for start in range(40)]

    def call(rows: slice) -> FitResult:
        return as_numpy(fresh.fit(targets()[rows]))

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(call, slices))
    together = as_numpy(fresh.fit(targets()))
    for rows, answer in zip(slices, answers, strict=True):
        assert_same(answer, take(together, rows))


def test_a_fit_writes_no_variable():
    assert solver().variables == ()
    concrete = tf.function(solver().fit, autograph=False).get_concrete_function(
        tf.TensorSpec([None, SIZE], tf.float64)
    )
    assert concrete.variables == ()
    library = concrete.graph.as_graph_def().library.function
    operations = {node.op for function in library for node in function.node_def}
    assert "While" in operations or "StatelessWhile" in operations
    stateful = {"VarHandleOp", "AssignVariableOp", "PyFunc", "EagerPyFunc", "RandomStandardNormal"}
    assert not operations & stateful


KINDS = ("float64", "float32", "int32", "list")


@pytest.mark.parametrize("given", KINDS)
def test_shapes_and_dtypes_of_the_result(given: str):
    assert_shapes_and_dtypes(solver(), given)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("given", KINDS)
def test_shapes_and_dtypes_of_the_result_in_single_precision(given: str):
    single = SpectralSolver(Toeplitz(SIZE), dtype=tf.float32, starts=1, max_steps=2)
    assert_shapes_and_dtypes(single, given)


def assert_shapes_and_dtypes(of: SpectralSolver, given: str) -> None:
    levels = [[1, 2, 4, 5], [0, 3, 3, 4]]
    fit = of.fit(levels if given == "list" else np.array(levels, given))
    assert isinstance(fit, FitResult)
    shapes = {name: tuple(field.shape) for name, field in zip(fit._fields, fit, strict=True)}
    assert shapes == {
        "parameters": (2, 4),
        "eigenvalues": (2, 4),
        "residuals": (2, 4),
        "loss": (2,),
        "gradient_norm": (2,),
        "standard_errors": (2, 4),
        "steps": (2,),
        **dict.fromkeys(("status", "cause", "starts", "agreeing"), (2,)),
    }
    dtypes = [field.dtype for field in fit]
    assert dtypes == [of.dtype] * 6 + [tf.int32] * 5
    assert (np.diff(fit.eigenvalues, axis=1) >= 0).all()


def test_the_functions_of_a_solver_are_not_taken_for_one_that_is_traced_again(caplog):
    """TensorFlow warns where functions of the same code are traced five times in ten calls."""
    other, values = SpectralSolver(Toeplitz(2)), np.array([[1.0, 2.0]])
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        for _ in range(2):
            other.spectrum(values)
            other.matrix(values)
            other.loss(values, values)
            other.loss(values, values, sides="=")
            other.assignment(values, values)
            other = SpectralSolver(Toeplitz(2))
    finally:
        logger.removeHandler(caplog.handler)
    assert "retracing" not in caplog.text
