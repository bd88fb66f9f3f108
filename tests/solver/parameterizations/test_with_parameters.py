"""Matrices as functions of other parameters: x = g(y)."""

from __future__ import annotations

import functools
import itertools
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import curve_fit, least_squares

from eigenfit.solver import (
    Additive,
    Affine,
    Cause,
    Family,
    Generalized,
    Parameterization,
    SpectralSolver,
    Spin,
    Status,
    Symmetric,
    Tridiagonal,
)
from eigenfit.solver.parameterizations.weighted_levels import WeightedLevels

from ..helpers import (
    as_numpy,
    assert_rows_of_structure_are_independent,
    assert_same,
    finite_differences,
    finite_differences_of_rows,
    take,
)

SPIN = Spin(5 / 2)
AXIAL = SPIN.z @ SPIN.z - 35 / 12 * np.eye(6)
RHOMBIC = np.real(SPIN.x @ SPIN.x - SPIN.y @ SPIN.y)
ZEEMAN = SPIN.z + 0.4 * SPIN.x
FIELDS = (0.3, 0.8)


def ratio(D: tf.Tensor, rho: tf.Tensor) -> dict[str, tf.Tensor]:  # the field's names
    return {"E": rho * D}


def spin_family() -> Family:
    """A zero-field splitting in two fields."""
    return Family([Affine(None, [AXIAL, RHOMBIC, b * ZEEMAN], ["D", "E", "g"]) for b in FIELDS])


def spin_levels(D: float, rho: float, g: float) -> np.ndarray:
    """The same by NumPy."""
    each = [D * AXIAL + rho * D * RHOMBIC + g * b * ZEEMAN for b in FIELDS]
    return np.concatenate([np.linalg.eigvalsh(matrix) for matrix in each])


def masses() -> Generalized:
    springs = Affine(None, [[[2.0, -1.0], [-1.0, 1.0]]], ["k"])
    return Generalized(springs, Affine(None, [np.diag([1, 0]), np.diag([0, 1])], ["m1", "m2"]))


def log_masses(k: tf.Tensor, total: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"m1": tf.exp(total), "m2": tf.exp(total) * (1.0 + k * k)}


def polar(y: tf.Tensor) -> tf.Tensor:
    """`[B, 2] -> [B, 3]`."""
    radius, angle = y[:, 0], y[:, 1]
    parts = [radius * tf.cos(angle), radius * tf.sin(angle), radius * radius]
    return tf.stack(parts, axis=1)


def phases(flux: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"a": tf.cos(flux), "b": tf.sin(flux)}


def ring() -> Affine:
    hop = np.roll(np.eye(5), 1, axis=1)
    hop[0, 1] *= 1.3
    return Affine(
        np.diag([0.0, 0.3, 0.1, 0.8, 0.5]),
        [hop + hop.T, 1j * (hop - hop.T)],
        parameter_names=["a", "b"],
    )


KINDS: dict[str, tuple[Callable[[], Parameterization], list[float]]] = {
    "a family": (lambda: spin_family().with_parameters(["D", "rho"], ratio), [1.3, 0.2, 0.7]),
    "members of a family": (
        lambda: Family([one.with_parameters(["D", "rho"], ratio) for one in spin_family().members]),
        [1.3, 0.2, 0.7],
    ),
    "stiffness and mass": (
        lambda: masses().with_parameters(["k", "total"], log_masses),
        [1.2, 0.3],
    ),
    "fewer parameters": (lambda: Symmetric(2).with_parameters(["r", "phi"], polar), [1.1, 0.6]),
    "complex": (lambda: ring().with_parameters(["flux"], phases), [0.7]),
    "twice, tied and fixed": (
        lambda: (
            Tridiagonal(3)
            .with_fixed({"a11": 0.3})
            .with_parameters(["log"], lambda log: {"a10": tf.exp(log)})
            .with_parameters(["a00", "c"], lambda c: {"a21": 1.0 / c, "a22": 2.0 + c})
            .with_tied({"a00": ("log", -0.5)})
        ),
        [0.9, 0.4],
    ),
    "a part of a sum": (
        lambda: (
            2.0 * ring().with_parameters(["flux"], phases)
            + Affine(np.ones([5, 5]), [np.diag([1.0, 0.0, 2.0, 0.0, 0.0])], ["c"])
        ),
        [0.7, 0.4],
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_derivatives_of_the_levels(kind: str):
    """First and second ones against central differences of NumPy's eigenvalues."""
    make, point = KINDS[kind]
    structure, y = make(), np.array(point)
    counts = np.cumsum(structure.level_counts)[:-1]

    def levels(x: np.ndarray) -> np.ndarray:
        """`[k, p] -> [k, n]`."""
        whole = structure.matrix(tf.constant(x)).numpy()
        first = [0, *counts, structure.size]
        spans = [slice(a, b) for a, b in itertools.pairwise(first)]
        return np.concatenate([np.linalg.eigvalsh(whole[:, s, s]) for s in spans], axis=1)

    rows = tf.constant(y[None])
    values, vectors, finite = structure.eigensystem(rows)
    assert finite.numpy().all()
    expected = levels(y[None])
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(structure.spectrum(rows), expected, rtol=1e-12, atol=1e-13)
    slopes = structure.level_jacobian(rows, vectors).numpy()[0]
    expected = finite_differences_of_rows(levels, y)
    np.testing.assert_allclose(slopes, expected, rtol=1e-8, atol=1e-9)
    weights = np.sin(1.0 + np.arange(structure.size))
    second = structure.level_curvature(
        rows, vectors, WeightedLevels(values, tf.constant(weights[None]))
    ).numpy()

    def slope_of_sum(x: np.ndarray) -> np.ndarray:
        return finite_differences_of_rows(lambda z: levels(z) @ weights, x)

    expected = finite_differences(slope_of_sum, y)
    np.testing.assert_allclose(second[0], expected, rtol=1e-6, atol=1e-6)


@each_kind
def test_derivatives_of_the_matrix(kind: str):
    make, point = KINDS[kind]
    structure, y = make(), np.array(point)

    def matrix(x: np.ndarray) -> np.ndarray:
        return structure.matrix(tf.constant(x)).numpy()

    found = structure.derivatives(tf.constant(y[None])).numpy()[0]
    expected = np.moveaxis(finite_differences_of_rows(matrix, y), -1, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("a family", np.float64),
        ("members of a family", np.float64),
        ("members of a family", np.float32),
        ("complex", np.float32),
    ],
)
def test_rows_are_independent(kind: str, dtype: type):
    make, point = KINDS[kind]
    spread = np.random.default_rng(4).normal(size=(37, len(point)))
    assert_rows_of_structure_are_independent(make(), (point + 0.3 * spread).astype(dtype))


def test_graph_does_not_grow_with_members():
    def nodes(count: int) -> int:
        fields = np.linspace(0.1, 2.0, count)
        pair = Affine(None, [AXIAL, RHOMBIC], ["D", "E"])
        members = [pair + Affine(b * ZEEMAN, [np.eye(6)], ["c"]) for b in fields]
        family = Family([one.with_parameters(["D", "rho"], ratio) for one in members])

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float64)], autograph=False)
        def slopes(rows: tf.Tensor) -> tf.Tensor:
            return family.level_jacobian(rows, family.eigensystem(rows)[1])

        graph = slopes.get_concrete_function().graph.as_graph_def()
        inner = sum(len(function.node_def) for function in graph.library.function)
        return len(graph.node) + inner

    assert nodes(40) <= nodes(4)


def test_names_and_their_order():
    assert spin_family().with_parameters(["rho", "D"], ratio).parameter_names == ("rho", "D", "g")
    behind = spin_family().with_parameters(["log"], lambda log: {"E": tf.exp(log)})
    assert behind.parameter_names == ("log", "D", "g")
    other_unit = spin_family().with_parameters(["E"], lambda E: {"E": E / 29979.2458})
    assert other_unit.parameter_names == ("E", "D", "g")
    expected = spin_levels(1.0, 0.25, 0.5)
    got = other_unit.spectrum(tf.constant([[0.25 * 29979.2458, 1.0, 0.5]], tf.float64))
    np.testing.assert_allclose(got[0], expected, atol=1e-12)
    odd = spin_family().with_parameters(["log D"], lambda **y: {"D": tf.exp(y["log D"]), "E": 0.25})
    assert odd.parameter_names == ("log D", "g")
    got = odd.spectrum(tf.constant([[0.0, 0.5]], tf.float64))
    np.testing.assert_allclose(got[0], expected, atol=1e-12)


def test_a_structure_can_be_pickled():
    copied = pickle.loads(pickle.dumps(spin_family().with_parameters(["D", "rho"], ratio)))
    got = copied.spectrum(tf.constant([[1.0, 0.25, 0.5]], tf.float64))
    np.testing.assert_allclose(got[0], spin_levels(1.0, 0.25, 0.5), atol=1e-12)


@functools.cache
def solver() -> SpectralSolver:
    structure = spin_family().with_parameters(["D", "rho"], ratio)
    return SpectralSolver(structure, bounds={"rho": (0.0, 1 / 3)}, starts=16)


TRUTH = np.array([[2.0, 0.1, 1.5], [-3e5, 0.3, 2e5], [4e-3, 0.25, 1e-2], [5.0, 0.36, 4.0]])


@functools.cache
def measured() -> np.ndarray:
    """Levels with errors; those of the last row prefer rho above 1/3."""
    levels = np.stack([spin_levels(*row) for row in TRUTH])
    noise = np.random.default_rng(11).normal(size=levels.shape)
    return levels + 0.01 * np.abs(TRUTH[:, :1]) * noise


def test_ratio_with_bounds_is_that_of_scipy():
    """The lmfit idiom `E = rho * D` with 0 <= rho <= 1/3, from cold starts."""
    fit = solver().fit(measured())
    assert (fit.status.numpy() == Status.STATIONARY).all()
    for row, (truth, levels) in enumerate(zip(TRUTH, measured(), strict=True)):
        unit = np.abs(truth[0])
        best = least_squares(
            lambda y, unit=unit, levels=levels: (
                (
                    spin_levels(y[0] * unit, y[1], y[2] * unit)
                    - np.sort(levels.reshape(2, 6)).ravel()
                )
                / unit
            ),
            [truth[0] / unit, 0.2, truth[2] / unit],
            bounds=([-np.inf, 0.0, -np.inf], [np.inf, 1 / 3, np.inf]),
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        found = fit.parameters.numpy()[row] / [unit, 1.0, unit]
        # A field along -z has the same levels.
        np.testing.assert_allclose(np.abs(found), np.abs(best.x), rtol=1e-6)
        np.testing.assert_allclose(fit.loss[row] / unit**2, 2 * best.cost, rtol=1e-9)
        assert np.sign(found[0]) == np.sign(truth[0])
    assert np.isnan(fit.standard_errors[3, 1])
    assert fit.parameters[3, 1] == 1 / 3


@pytest.mark.usefixtures("eagerly")
def test_standard_errors_are_those_of_curve_fit():
    levels = np.sort(measured()[0].reshape(2, 6)).ravel()
    start = TRUTH[0]
    for sigma in (None, np.full(12, 0.02)):
        absolute = sigma is not None
        structure = solver().parameterization
        free = SpectralSolver(structure, absolute_sigma=True, sigma=sigma) if absolute else solver()
        fit = free.fit([levels], initial=dict(zip(("D", "rho", "g"), start, strict=True)))
        best, expected = curve_fit(
            lambda _, D, rho, g: spin_levels(D, rho, g),
            np.arange(12),
            levels,
            start,
            sigma=sigma,
            absolute_sigma=absolute,
            xtol=1e-14,
            ftol=1e-14,
        )
        np.testing.assert_allclose(fit.parameters[0], best, rtol=1e-6)
        np.testing.assert_allclose(fit.covariance().covariance[0], expected, rtol=1e-4)


def test_bad_rows_and_rows_alone():
    levels = np.concatenate([measured(), measured()[:3]])
    levels[4, 2] = np.inf
    levels[5] = np.nan
    levels[6, ::2] = np.nan
    fit = as_numpy(solver().fit(levels))
    assert fit.status[4:6].tolist() == [Status.INVALID_INPUT] * 2
    assert fit.cause[4:6].tolist() == [Cause.TARGET, Cause.NO_LEVEL]
    for row in (0, 3, 6):
        assert_same(as_numpy(solver().fit(levels[row : row + 1])), take(fit, [row]))
    assert solver().fit(np.zeros([0, 12])).parameters.shape == (0, 3)


def exponentials(log0: tf.Tensor, log1: tf.Tensor, log2: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"d0": tf.exp(log0), "d1": tf.exp(log1), "d2": tf.exp(log2)}


COUPLINGS = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.3], [0.5, 0.3, 0.0]])


@functools.cache
def log_solver() -> SpectralSolver:
    names = ["log0", "log1", "log2"]
    return SpectralSolver(Additive(COUPLINGS).with_parameters(names, exponentials), starts=16)


def test_logarithms_from_cold_starts():
    """Positive parameters of 1 to 1e5, without bounds."""
    truth = np.random.default_rng(3).uniform(0.0, 12.0, size=(100, 3))
    levels = np.linalg.eigvalsh(COUPLINGS + np.exp(truth)[:, :, None] * np.eye(3))
    fit = log_solver().fit(levels)
    assert np.mean(fit.status == Status.CONVERGED) >= 0.98
    assert np.mean(fit.starts) < 2
    found = np.linalg.eigvalsh(COUPLINGS + np.exp(fit.parameters)[:, :, None] * np.eye(3))
    done = fit.status.numpy() == Status.CONVERGED
    np.testing.assert_allclose(found[done], levels[done], rtol=1e-9, atol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_a_start_where_the_function_is_not_finite():
    """exp(1000) is infinite; sqrt has no derivative at 0."""
    fit = log_solver().fit([[1.0, 2.0, 4.0]] * 2, initial=[[1000.0, 0.0, 0.0], [0.1, 0.2, 0.3]])
    assert fit.status[0] == Status.NON_FINITE
    assert fit.status[1] > 0
    assert np.isnan(fit.parameters[0]).all()
    root = Additive(COUPLINGS).with_parameters(["s"], lambda s: {"d0": tf.sqrt(s)})
    slopes = root.level_jacobian(tf.zeros([1, 3]), tf.eye(3)[None])
    assert not np.isfinite(slopes).all()
    fit = SpectralSolver(root).fit([[1.0, 2.0, 4.0]], initial=[[0.0, 1.0, 1.0]])
    assert fit.status[0] == Status.NON_FINITE


@pytest.mark.usefixtures("eagerly")
def test_single_precision():
    structure = spin_family().with_parameters(["D", "rho"], ratio)
    single = SpectralSolver(structure, bounds={"rho": (0.0, 1 / 3)}, dtype=tf.float32)
    levels = np.stack([spin_levels(*row) for row in TRUTH[[0, 2]]])
    fit = single.fit(levels.astype(np.float32), initial=0.9 * TRUTH[[0, 2]])
    assert (fit.status.numpy() == Status.CONVERGED).all()
    np.testing.assert_allclose(np.abs(fit.parameters), TRUTH[[0, 2]], rtol=1e-3)


@pytest.mark.parametrize(
    ("names", "function", "message"),
    [
        ("D", ratio, "names must be a list of the new parameters"),
        ([], ratio, "names must be a list of the new parameters"),
        (["D", "D"], ratio, "2 different names"),
        (["D", "rho"], 3.0, "function must be a function of TensorFlow operations"),
        (["D", "rho"], lambda D, sigma: {"E": D * sigma}, r"got the arguments \(D, sigma\)"),
        (["rho"], lambda D, rho: {"E": D * rho}, r"arguments \(D, rho\)\. Put D into names"),
        (["D", "rho"], lambda D, rho: {"F": D * rho}, "no parameter 'F'; the parameters are D,"),
        (["D", "rho"], lambda D, rho: {}, "empty dict"),
        (["D", "rho"], lambda D, rho: {"E": np.ones(3)}, "use TensorFlow operations"),
        (["D", "rho"], lambda D, rho: {"E": (rho * D)[:1]}, "one entry for each row"),
        (["D", "rho"], lambda y: {"E": y}, r"of shape \[rows\], for 'E'"),
        (["D", "rho"], lambda y: y, r"\[rows, 3\], got shape \[6, 2\]"),
        (["D", "rho"], lambda D, rho: {"E": tf.cast(rho * D, tf.float16)}, "got float16 for 'E'"),
        (["D", "rho"], lambda D, rho: {"E": tf.round(rho)}, "no derivative by 'rho'"),
        (["D", "rho"], lambda D: {"E": 0.1 * D}, "'rho' has no effect"),
        (["D", "rho"], lambda D, rho: {"E": rho @ D}, "with float64 it raised"),
    ],
)  # fmt: skip
def test_wrong_arguments(names: list[str], function: Callable, message: str):
    with pytest.raises(ValueError, match=message):
        spin_family().with_parameters(names, function)


def test_wrong_typical():
    with pytest.raises(
        ValueError, match="typical must be a positive number, or one for each of the 2"
    ):
        spin_family().with_parameters(["D", "rho"], ratio, typical=[1.0, -1.0])
