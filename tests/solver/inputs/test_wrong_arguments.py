"""One clear ValueError for each wrong shape, dtype and combination, before anything runs."""

# Wrong types are the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Adam,
    Affine,
    Banded,
    GraphLaplacian,
    Hermitian,
    LevenbergMarquardt,
    Nonlinear,
    SpectralSolver,
    Spin,
    Symmetric,
    Toeplitz,
    Tridiagonal,
    embed,
    heisenberg,
)

ROW = [[1.0, 2.0, 3.0]]


@pytest.fixture(scope="module")
def solver() -> SpectralSolver:
    return SpectralSolver(Toeplitz(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.fit([1.0, 2.0, 3.0]), r"targets must have shape \[rows, 3\].*targets\[None"),
        (lambda s: s.fit([[1.0, 2.0]]), r"targets must have shape \[rows, 3\].*got \[1, 2\]"),
        (lambda s: s.fit([ROW]), r"targets must have shape \[rows, 3\].*got \[1, 1, 3\]"),
        (lambda s: s.fit(1.0), r"targets must have shape \[rows, 3\]"),
        (lambda s: s.fit([["a", "b", "c"]]), "targets must hold real numbers, got dtype"),
        (lambda s: s.fit(np.ones((1, 3), complex)), "must hold real numbers, got dtype complex"),
        (lambda s: s.fit(tf.ones((1, 3), tf.bool)), "must hold real numbers, got dtype bool"),
        (lambda s: s.fit([[1.0, 2.0], [3.0]]), "targets must be a regular array"),
        (lambda s: s.fit(ROW, initial=[[1.0]]), r"initial must have shape \[rows, 3\]"),
        (lambda s: s.fit(ROW, initial=ROW * 2), "same number of rows.*initial has 2"),
        (lambda s: s.fit(ROW, weights=[[1.0]]), r"weights must have shape \[rows, 3\]"),
        (lambda s: s.fit(ROW, weights=ROW * 3), "same number of rows.*weights has 3"),
        (lambda s: s.fit(ROW, tolerance=[[1.0]]), "tolerance must be one number, or one for each"),
        (lambda s: s.fit(ROW, tolerance=[1.0, 2.0]), "same number of rows.*tolerance has 2"),
        (lambda s: s.fit(ROW, tolerance="small"), "tolerance must hold real numbers"),
        (lambda s: s.fit(ROW, max_steps=1.5), "max_steps must hold whole numbers, got dtype float"),
        (lambda s: s.fit(ROW, max_steps=[1, 2]), "same number of rows.*max_steps has 2"),
        (lambda s: s.fit(ROW, max_steps=2**40), "max_steps must fit into int32"),
        (lambda s: s.fit(ROW, max_steps=-(2**63)), "max_steps must fit into int32"),
        (lambda s: s.fit([[1.0, "2", None]]), "got dtype object; pass numbers, and NaN where"),
        (
            lambda s: s.fit(tf.ragged.constant([[1.0], [2.0, 3.0]])),
            "targets must be a dense tensor",
        ),
        (lambda s: s.trace([1.0]), "targets must have shape"),
        (lambda s: s.spectrum([1.0, 2.0, 3.0]), r"parameters must have shape \[rows, 3\]"),
        (lambda s: s.matrix([[1.0]]), r"parameters must have shape \[rows, 3\].*got \[1, 1\]"),
        (lambda s: s.loss([[1.0]], ROW), "parameters must have shape"),
        (lambda s: s.loss(ROW, [[1.0]]), "targets must have shape"),
        (lambda s: s.loss(ROW, ROW * 2), "parameters has 1, targets has 2"),
        (lambda s: s.loss(ROW, ROW, [[1.0]]), "weights must have shape"),
    ],
)
def test_calls(solver, call, message):
    with pytest.raises(ValueError, match=message):
        call(solver)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpectralSolver(3), "parameterization must be a Parameterization.*got 3"),
        (lambda: SpectralSolver(Toeplitz), "parameterization must be a Parameterization"),
        (lambda: SpectralSolver(Toeplitz(2), "lm"), "method must be an instance.*got 'lm'"),
        (lambda: SpectralSolver(Toeplitz(2), Adam), "method must be an instance"),
        (lambda: SpectralSolver(Toeplitz(2), observation="all"), "observation must be an Obs"),
        (
            lambda: SpectralSolver(Toeplitz(2), dtype=tf.int32),
            "tf.float32, got int32",
        ),
        (lambda: SpectralSolver(Toeplitz(2), dtype="real"), "dtype"),
        (lambda: SpectralSolver(Toeplitz(2), tolerance=-1.0), "tolerance must be a number of at"),
        (lambda: SpectralSolver(Toeplitz(2), tolerance="x"), "tolerance must be a number of at"),
        (lambda: SpectralSolver(Toeplitz(2), max_steps=0), "max_steps must be an integer of at"),
        (
            lambda: SpectralSolver(Toeplitz(2), max_steps=2**31),
            "max_steps must be at most 2147483647",
        ),
        (
            lambda: SpectralSolver(Toeplitz(2), absolute_sigma="no"),
            "absolute_sigma must be True or",
        ),
        (lambda: SpectralSolver(Toeplitz(2), loss=np.array(["huber"])), "loss must be one of"),
        (lambda: GraphLaplacian([(0, 1)], n=3.0), "GraphLaplacian: n must be an integer"),
        (lambda: embed(Spin(0.5).z, 1.0, [Spin(0.5)] * 2), "site must be an integer from 0 to 1"),
        (
            lambda: heisenberg([Spin(0.5)] * 2, [(0, 0)]),
            r"two different sites from 0 to 1.*got \(0, 0",
        ),
        (lambda: heisenberg([Spin(0.5)] * 2, [(0, 2)]), "two different sites"),
        (lambda: heisenberg([Spin(0.5)] * 2, (0, 1)), "two different sites.*got 0"),
        (lambda: heisenberg([0.5, 0.5], [(0, 1)]), "spins must be Spin objects"),
        (lambda: SpectralSolver(Toeplitz(2), starts=0), "starts must be an integer of at least 1"),
        (lambda: SpectralSolver(Toeplitz(2), pool_rows=0.5), "pool_rows must be an integer"),
        (lambda: SpectralSolver(Toeplitz(2), initial=[1.0]), r"initial must be finite.*\[K, 2\]"),
        (lambda: SpectralSolver(Toeplitz(2), initial=[1.0, np.nan]), "initial must be finite"),
        (lambda: SpectralSolver(Toeplitz(2), initial=np.ones((3, 2)), starts=2), "holds 3 points"),
        (lambda: Symmetric(0), "Symmetric: n must be an integer of at least 1, got 0"),
        (lambda: Hermitian(1.5), "Hermitian: n must be an integer of at least 1, got 1.5"),
        (lambda: Toeplitz(True), "Toeplitz: n must be an integer of at least 1, got True"),
        (lambda: Tridiagonal("3"), "Tridiagonal: n must be an integer"),
        (lambda: Banded(3, 3), "bandwidth must be an integer from 0 to n - 1 = 2, got 3"),
        (lambda: Banded(3, -1), "bandwidth must be an integer from 0"),
        (lambda: Symmetric(2, ["a", "b"]), "parameter_names must be 3 different names.*got 2"),
        (lambda: Symmetric(2, ["a", "b", "a"]), "3 different names"),
        (lambda: Affine(None, np.eye(2)), r"basis must be numbers of shape \[p, n, n\]"),
        (lambda: Affine(None, np.ones((1, 2, 3))), r"basis must be numbers of shape \[p, n, n\]"),
        (lambda: Affine(None, np.zeros((0, 2, 2))), r"basis must have shape \[p, n, n\]"),
        (lambda: Affine(None, [[[0, 1], [2, 0]]]), "basis must be symmetric.*by up to 1"),
        (lambda: Affine(None, [[[0, 1j], [1j, 0]]]), "basis must be symmetric"),
        (lambda: Affine(None, [[[np.nan]]]), "basis must be finite"),
        (lambda: Affine(None, [np.eye(2), np.zeros((2, 2))]), r"basis\[1\] is the zero matrix"),
        (lambda: Affine(None, [1e150 * np.eye(2)]), "choose another unit"),
        (lambda: Affine(np.eye(3), [np.eye(2)]), "constant must have the size of the basis"),
        (lambda: Affine("x", [np.eye(2)]), "constant must be numbers of shape"),
        (lambda: Nonlinear(3, 2, 2), "function must be callable, got 3"),
        (lambda: Nonlinear(lambda x: x, 2, 2), r"must map parameters \[B, 2\] to matrices"),
        (lambda: Nonlinear(tf.linalg.diag, 2, 2, typical=0.0), "typical must be a positive"),
        (lambda: LevenbergMarquardt(initial_damping=0.0), "initial_damping must be a positive"),
        (lambda: LevenbergMarquardt(initial_damping="x"), "initial_damping must be a positive"),
        (lambda: Adam(learning_rate=-1.0), "learning_rate must be a positive number, got -1.0"),
        (lambda: Adam(beta_1=1.0), r"beta_1 must be in \[0, 1\), got 1.0"),
        (lambda: Adam(epsilon="x"), "epsilon must be a positive number, got 'x'"),
    ],
)
def test_constructors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_real_dtypes_are_taken(solver):
    """Integers, float32 and lists are numbers; the answer has the dtype of the solver."""
    expected = solver.fit(np.array([[1.0, 2.0, 4.0]])).parameters
    for targets in ([[1, 2, 4]], np.array([[1, 2, 4]], np.float32), tf.constant([[1, 2, 4]])):
        np.testing.assert_array_equal(solver.fit(targets).parameters, expected)


def test_what_is_masked_or_none_was_not_observed(solver):
    expected = solver.fit([[1.0, 2.0, np.nan]]).parameters
    masked = np.ma.masked_equal([[1.0, 2.0, -9999.0]], -9999.0)
    for targets in (masked, np.ma.masked_equal([[1, 2, -9]], -9), [[1, 2.0, None]]):
        np.testing.assert_array_equal(solver.fit(targets).parameters, expected)


def test_more_steps_than_integers_hold_are_as_many_as_they_hold(solver):
    fit = solver.fit([[1.0, 2.0, 4.0]], max_steps=tf.constant([2**32 + 1], tf.int64))
    assert fit.status.numpy().tolist() == [1]


def test_pythons_float_has_64_bits():
    assert SpectralSolver(Toeplitz(2), dtype=float).dtype == tf.float64
