"""The matrix of every parameterization against plain NumPy, its names, its two affine forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import toeplitz

from eigenfit.solver import (
    Affine,
    Banded,
    Hermitian,
    Nonlinear,
    Parameterization,
    Symmetric,
    Toeplitz,
    Tridiagonal,
)
from eigenfit.solver.parameterizations.affine.entries_form import EntriesForm
from eigenfit.solver.parameterizations.affine.forms import DenseForm
from tests.problems.free_entries import banded, hermitian
from tests.problems.given_matrices import random_hermitian
from tests.problems.three_by_three import matrix as three_by_three

REAL = random_hermitian(4, 5, seed=31, complex_entries=False)
COMPLEX = random_hermitian(4, 5, seed=32, complex_entries=True)

KINDS: dict[str, tuple[Callable[[], Parameterization], Callable[[np.ndarray], np.ndarray]]] = {
    "symmetric 1": (lambda: Symmetric(1), lambda x: banded(1, 0, x)),
    "symmetric 3": (lambda: Symmetric(3), three_by_three),
    "symmetric 6": (lambda: Symmetric(6), lambda x: banded(6, 5, x)),
    "banded 5 0": (lambda: Banded(5, 0), np.diag),
    "banded 5 2": (lambda: Banded(5, 2), lambda x: banded(5, 2, x)),
    "banded 12 3": (lambda: Banded(12, 3), lambda x: banded(12, 3, x)),
    "tridiagonal 1": (lambda: Tridiagonal(1), lambda x: banded(1, 0, x)),
    "tridiagonal 5": (
        lambda: Tridiagonal(5),
        lambda x: np.diag(x[:5]) + np.diag(x[5:], 1) + np.diag(x[5:], -1),
    ),
    "toeplitz 1": (lambda: Toeplitz(1), toeplitz),
    "toeplitz 6": (lambda: Toeplitz(6), toeplitz),
    "hermitian 1": (lambda: Hermitian(1), lambda x: hermitian(1, x)),
    "hermitian 2": (lambda: Hermitian(2), lambda x: hermitian(2, x)),
    "hermitian 5": (lambda: Hermitian(5), lambda x: hermitian(5, x)),
    "affine real": (
        lambda: Affine(REAL[0], REAL[1:]),
        lambda x: REAL[0] + np.tensordot(x, REAL[1:], 1),
    ),
    "affine without constant": (
        lambda: Affine(None, REAL[1:]),
        lambda x: np.tensordot(x, REAL[1:], 1),
    ),
    "affine complex": (
        lambda: Affine(COMPLEX[0], COMPLEX[1:]),
        lambda x: COMPLEX[0] + np.tensordot(x, COMPLEX[1:], 1),
    ),
    "affine real constant, complex basis": (
        lambda: Affine(REAL[0], COMPLEX[1:]),
        lambda x: REAL[0] + np.tensordot(x, COMPLEX[1:], 1),
    ),
    "affine complex constant, real basis": (
        lambda: Affine(COMPLEX[0], REAL[1:]),
        lambda x: COMPLEX[0] + np.tensordot(x, REAL[1:], 1),
    ),
    "affine, integer lists": (
        lambda: Affine([[0, 1], [1, 0]], [[[1, 0], [0, -1]]]),
        lambda x: np.array([[x[0], 1], [1, -x[0]]]),
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
@pytest.mark.parametrize("rows", [0, 1, 4])
def test_matrix(kind: str, dtype: tf.DType, rows: int, rng: np.random.Generator):
    make, reference = KINDS[kind]
    parameterization = make()
    size = parameterization.size
    points = rng.normal(size=(rows, parameterization.num_parameters))
    found = parameterization.matrix(tf.constant(points, dtype)).numpy()
    expected = np.array([reference(x) for x in points]).reshape(rows, size, size)
    if rows:
        assert np.iscomplexobj(found) == np.iscomplexobj(expected)
    assert found.real.dtype == dtype.as_numpy_dtype
    assert found.shape == (rows, size, size)
    error = 1e-14 if dtype == tf.float64 else 3e-6
    np.testing.assert_allclose(found, expected, rtol=error, atol=error)
    np.testing.assert_array_equal(found, found.swapaxes(1, 2).conj())


@each_kind
def test_derivatives_are_the_basis(kind: str, rng: np.random.Generator):
    """Of an affine map: the differences between unit vectors and zero."""
    make, reference = KINDS[kind]
    parameterization = make()
    count = parameterization.num_parameters
    zero = reference(np.zeros(count))
    expected = np.stack([reference(unit) - zero for unit in np.eye(count)])
    found = parameterization.derivatives(tf.constant(rng.normal(size=(3, count)))).numpy()
    np.testing.assert_allclose(
        np.broadcast_to(found, (3, *expected.shape))[1], expected, atol=1e-14
    )
    norms = np.linalg.norm(expected, axis=(1, 2))
    np.testing.assert_allclose(parameterization.parameter_scales, norms, rtol=1e-14)


@pytest.mark.parametrize(
    ("parameterization", "names"),
    [
        (Symmetric(3), "a00 a11 a22 a10 a21 a20"),
        (Banded(4, 1), "a00 a11 a22 a33 a10 a21 a32"),
        (Tridiagonal(3), "a00 a11 a22 a10 a21"),
        (Toeplitz(3), "r0 r1 r2"),
        (Hermitian(3), "a00 a11 a22 re10 re21 im10 im21 re20 im20"),
        (Affine(None, REAL), "x0 x1 x2 x3"),
        (Affine(None, REAL[:2], parameter_names=["J", "D"]), "J D"),
        (Toeplitz(2, parameter_names=("on site", "hopping")), "on site|hopping"),
        (Nonlinear(lambda x: x[:, :, None] * x[:, None, :], 2, 2), "x0 x1"),
    ],
)
def test_names(parameterization: Parameterization, names: str):
    expected = tuple(names.split("|" if "|" in names else " "))
    assert parameterization.parameter_names == expected
    assert len(expected) == parameterization.num_parameters


@pytest.mark.parametrize("make", [lambda: Symmetric(12), lambda: Hermitian(12)])
def test_names_differ_for_two_digit_indices(make: Callable[[], Parameterization]):
    names = make().parameter_names
    assert len(set(names)) == make().num_parameters
    assert names[11] == "a11_11"


def one_entry_each(complex_entries: bool) -> np.ndarray:
    """A basis with one free part of one entry each, scaled: both forms can hold it."""
    factors = [(0, 0, 2.0), (2, 2, -1.0), (3, 1, 0.5), (2, 0, 3.0)]
    if complex_entries:
        factors += [(3, 1, 2j), (1, 0, -1j)]
    basis = np.zeros((len(factors), 4, 4), complex if complex_entries else float)
    for matrix, (row, column, factor) in zip(basis, factors, strict=True):
        matrix[row, column], matrix[column, row] = factor, np.conj(factor)
    return basis


@pytest.mark.parametrize("complex_entries", [False, True])
def test_entries_form_and_dense_form_agree(complex_entries: bool, rng: np.random.Generator):
    basis = one_entry_each(complex_entries)
    constant = random_hermitian(1, 4, 33, complex_entries)[0]
    entry, dense = EntriesForm.of_one_each(constant, basis), DenseForm(constant, basis)
    assert entry is not None
    count = len(basis)
    x = rng.normal(size=(6, count))
    vectors = tf.linalg.eigh(dense.matrix(tf.constant(x)))[1]
    close: Any = {"rtol": 1e-13, "atol": 1e-13}
    np.testing.assert_allclose(entry.matrix(tf.constant(x)), dense.matrix(tf.constant(x)), **close)
    np.testing.assert_allclose(
        entry.slopes(tf.linalg.matrix_transpose(vectors)),
        dense.slopes(tf.linalg.matrix_transpose(vectors)),
        **close,
    )
    np.testing.assert_array_equal(entry.basis, basis)
    np.testing.assert_allclose(entry.norms, dense.norms, **close)
    np.testing.assert_allclose(entry.member(x[0]), dense.member(x[0]), **close)
    one = vectors[0].numpy()
    np.testing.assert_allclose(entry.expectations(one), dense.expectations(one), **close)
    overlaps = rng.normal(size=(count, 4))
    np.testing.assert_allclose(entry.project(overlaps), dense.project(overlaps), **close)


@pytest.mark.parametrize(
    "basis",
    [
        np.ones((1, 2, 2)),
        [np.diag([1.0, 1.0])],
        [[[0, 1 + 1j], [1 - 1j, 0]]],
        [np.diag([1.0, 0.0]), np.diag([2.0, 0.0])],
    ],
    ids=["full", "two entries", "both parts of one entry", "the same entry twice"],
)
def test_entries_form_refuses_what_it_cannot_hold(basis: object):
    basis = np.asarray(basis)
    assert EntriesForm.of_one_each(np.zeros((2, 2)), basis) is None
    found = Affine(None, basis).matrix(tf.constant([[3.0, 5.0][: len(basis)]], tf.float64))[0]
    expected = np.tensordot([3.0, 5.0][: len(basis)], basis, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
