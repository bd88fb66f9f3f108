"""What callers may pass: forms of bounds, weights and sigma, names, data frames."""

# Wrong types are the point of some tests.
# pyright: reportArgumentType=false

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sparse
import tensorflow as tf

from eigenfit.solver import Affine, Cause, Family, FitResult, SpectralSolver

from ..helpers import as_numpy, assert_same, take

eagerly = pytest.mark.usefixtures("eagerly")

INF, NAN = np.inf, np.nan
CONSTANT = np.diag([0.0, 3.0, 6.0])
BASIS = np.array([np.ones((3, 3)), np.diag([1.0, -1.0, 0.5])])
NAMES = ["a", "b"]
ROWS = np.array([[0.31, 3.42, 6.52], [0.4, 3.1, 6.9]])
START = [[0.3, 0.1]] * 2


def structure() -> Affine:
    return Affine(CONSTANT, BASIS, parameter_names=NAMES)


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(structure(), starts=1)


def fit(**options: Any) -> Any:
    return as_numpy(solver().fit(ROWS, START, **options))


BOUNDS: list[tuple[Any, list[float], list[float]]] = [
    ([(-20, 0), (-5, 0)], [-20.0, -5.0], [0.0, 0.0]),
    ([(None, 0), (-5, None)], [-INF, -5.0], [0.0, INF]),
    (([-20, -5], [0, 0]), [-20.0, -5.0], [0.0, 0.0]),
    ((np.array([-20, -5]), 0), [-20.0, -5.0], [0.0, 0.0]),
    ((None, 0), [-INF, -INF], [0.0, 0.0]),
    ((-1, [None, 0]), [-1.0, -1.0], [INF, 0.0]),
    ({"b": (None, 0)}, [-INF, -INF], [INF, 0.0]),
    ({"b": [-5, None], "a": (0, 1)}, [0.0, -5.0], [1.0, INF]),
]


@pytest.mark.parametrize(("form", "lower", "upper"), BOUNDS)
def test_forms_of_bounds(form: Any, lower: list[float], upper: list[float]):
    described = SpectralSolver(structure(), starts=1, bounds=form).describe()["bounds"]
    assert described == dict(zip(NAMES, map(list, zip(lower, upper, strict=True)), strict=True))
    expected = fit(bounds=(np.array([lower] * 2), np.array([upper] * 2)))
    assert_same(fit(bounds=form), expected)


@pytest.mark.parametrize(
    "form",
    [
        [[-20, 0], [-5, 0]],  # pairs, or lower and upper?
        ((-20, 0), (-5, 0)),
        [(-20, 0)],
        [(-20, 0), (-5, 0), (0, 1)],
        [np.zeros(2), np.ones(2)],
        np.array([[-20.0, 0.0], [-5.0, 0.0]]),
        [-20, 0],
        (0, 1, 2),
        (["a", 0], 1),
        ({}, 1),
        (True, False),
        {"a": 3},
        {"a": (0, 1, 2)},
        {"a": "01"},
        3.0,
    ],
)
def test_other_forms_of_bounds_and_priors_are_refused(form: Any):
    with pytest.raises(ValueError, match=r"SpectralSolver: bounds must be \(lower, upper\)"):
        SpectralSolver(structure(), bounds=form)
    with pytest.raises(ValueError, match=r"SpectralSolver: priors must be \(mean, sigma\)"):
        SpectralSolver(structure(), priors=form)
    with pytest.raises(ValueError, match=r"fit: bounds must be \(lower, upper\)"):
        solver().fit(ROWS, bounds=form)


@eagerly
def test_priors_in_the_same_forms():
    expected = fit(priors=([0.5, 0.1], [0.01, 0.02]))
    assert_same(fit(priors=[(0.5, 0.01), (0.1, 0.02)]), expected)
    assert_same(fit(priors={"b": (0.1, 0.02), "a": (0.5, 0.01)}), expected)
    with pytest.raises(ValueError, match="prior of 'a' must be a finite mean"):
        SpectralSolver(structure(), priors={"a": (None, 1.0)})


@eagerly
def test_bounds_and_priors_by_name_row_by_row():
    expected = fit(bounds=([[-INF, -INF], [0.5, -INF]], [[0.2, INF], [0.9, INF]]))
    found = fit(bounds={"a": ([None, 0.5], tf.constant([0.2, 0.9], tf.float64))})
    assert_same(found, expected)
    assert found.parameters[:, 0].tolist() == [0.2, 0.5]
    expected = fit(priors=([[0.5, 0.0], [0.1, 0.0]], [[0.01, INF], [0.01, INF]]))
    assert_same(fit(priors={"a": ([0.5, 0.1], 0.01)}), expected)
    with pytest.raises(ValueError, match="same number of rows"):
        fit(bounds={"a": ([0.0, 0.1, 0.2], 1.0)})
    with pytest.raises(ValueError, match="no parameter 'x'"):
        fit(bounds={"x": ([0.0, 0.1], 1.0)})
    with pytest.raises(ValueError, match=r"bounds must be \(lower, upper\) for each name"):
        fit(bounds={"a": ([0.0, 0.1],)})


@eagerly
def test_names_left_out_keep_the_bounds_of_the_solver():
    bounded = SpectralSolver(structure(), starts=1, bounds={"a": (0.0, 0.2)})
    found = as_numpy(bounded.fit(ROWS, START, bounds={"b": (None, 0.0)}))
    assert found.parameters[0].tolist() == [0.2, pytest.approx(found.parameters[0, 1])]
    assert (found.parameters[:, 0] == 0.2).all()
    assert (found.parameters[:, 1] <= 0).all()


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        ({"weights": 10.0}, [10.0] * 3),
        ({"weights": [10, 5, 1]}, [10.0, 5, 1]),
        ({"weights": (None, 5, NAN)}, [1.0, 5, 1]),
        ({"weights": pd.Series([10, 5, None])}, [10.0, 5, 1]),
        ({"weights": tf.constant([10.0, 5, 0])}, [10.0, 5, 0]),
        ({"sigma": 0.1}, [10.0] * 3),
        ({"sigma": [0.1, 0.2, None]}, [10.0, 5, 1]),
        ({"sigma": [[0.1, 0.2, NAN]] * 2}, [10.0, 5, 1]),
        ({"sigma": tf.constant([[0.125, INF, 0.5]] * 2, tf.float64)}, [8.0, 0, 2]),
    ],
)
def test_weights_and_sigma_for_all_rows(given: dict[str, Any], weights: list[float]):
    every = np.array([weights] * 2)
    assert_same(fit(**given), fit(weights=every), rtol=1e-9)
    x = START
    np.testing.assert_allclose(
        solver().loss(x, ROWS, **given), solver().loss(x, ROWS, every), rtol=1e-12
    )
    for data in ({}, {"targets": ROWS}):
        found, expected = (solver().covariance(x, **data, **w) for w in (given, {"weights": every}))
        assert_same(found, expected, rtol=1e-9)
    np.testing.assert_array_equal(
        solver().assignment(x, ROWS, **given), solver().assignment(x, ROWS, every)
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sigma": 0.0}, "sigma must be positive, got 0.0; to leave a level out"),
        ({"sigma": [0.1, -0.1, 0.1]}, "sigma must be positive"),
        ({"sigma": [0.1, 0.1]}, r"sigma must be a number or \[3\]"),
        ({"sigma": "small"}, "sigma must be real numbers"),
        ({"sigma": 0.1, "weights": 10.0}, "sigma and weights = 1 / sigma say the same"),
        ({"weights": [1.0, 2.0]}, r"weights must be a number, \[3\] \(levels\) or \[rows, 3\]"),
        ({"weights": [[1.0] * 3] * 3}, "same number of rows"),
    ],
)
def test_wrong_weights_and_sigma(given: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        solver().fit(ROWS, **given)


def test_a_row_with_an_impossible_sigma_harms_no_other():
    sigma = np.full((2, 3), 0.1)
    sigma[0, 1] = -0.1
    for bad in (0.0, -0.1):
        sigma[0, 1] = bad
        found = fit(sigma=sigma)
        assert found.cause.tolist() == [Cause.WEIGHT, 0]
        assert_same(take(found, [1]), take(fit(sigma=0.1), [1]))


@eagerly
def test_initial_and_results_by_name():
    """Whatever the order of the parameters is, as in a family whose first member lacks one."""
    field = Affine(CONSTANT, BASIS[:1], parameter_names=["a"])
    both = Affine(CONSTANT, BASIS, parameter_names=["b", "a"])
    family = Family([field, both])
    assert family.parameter_names == ("a", "b")
    of_family = SpectralSolver(family, starts=1)
    targets = of_family.spectrum({"b": -0.4, "a": [0.3, 0.5]})
    expected = of_family.fit(targets, initial=[[0.31, -0.41], [0.52, -0.41]])
    found = of_family.fit(targets, initial={"b": -0.41, "a": [0.31, 0.52]})
    assert_same(found, expected)
    named = found.by_name()
    assert list(named) == ["a", "b"]
    np.testing.assert_allclose(named["a"], [0.3, 0.5], atol=1e-9)
    np.testing.assert_array_equal(
        found.by_name("standard_errors")["b"], found.standard_errors[:, 1]
    )
    np.testing.assert_array_equal(of_family.spectrum(named), found.eigenvalues)
    np.testing.assert_array_equal(of_family.matrix(named), of_family.matrix(found.parameters))
    np.testing.assert_array_equal(of_family.loss(named, targets), of_family.loss(found[0], targets))
    assert_same(of_family.covariance(named, 1.0), of_family.covariance(found.parameters, 1.0))
    # A name that is missing is left to the solver, as NaN is.
    one = of_family.fit(targets, initial={"a": [0.31, 0.52]})
    assert_same(one, of_family.fit(targets, initial=[[0.31, NAN], [0.52, NAN]]))
    trace = of_family.trace(targets, initial={"b": -0.41, "a": [0.31, 0.52]})
    np.testing.assert_array_equal(trace.parameters[:, 0], [[0.31, -0.41], [0.52, -0.41]])
    own = SpectralSolver(family, initial={"b": [0.0, 1.0, 2.0], "a": 7.0})
    assert own.describe()["starts"] == 3
    np.testing.assert_array_equal(own._settings.initial, [[7.0, 0.0], [7.0, 1.0], [7.0, 2.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.fit(ROWS, initial={"x": 1.0}), "initial: there is no parameter 'x'.*are a, b"),
        (lambda s: s.fit(ROWS, initial={"a": [1.0] * 3}), "same number of rows"),
        (lambda s: s.fit(ROWS, initial={"a": "x"}), "initial: a must hold real numbers"),
        (lambda s: s.spectrum({"a": 1.0}), "parameters: 'b' is missing; give all of a, b"),
        (lambda s: s.spectrum({"a": [1.0] * 2, "b": [1.0] * 3}), "same number of rows"),
        (
            lambda s: s.covariance(s.fit(ROWS, START)),
            r"parameters must be numbers, got a FitResult; .*fit.cov",
        ),
        (lambda s: s.spectrum(s.fit(ROWS, START)), "pass fit.parameters"),
        (
            lambda s: s.fit(ROWS, initial=s.fit(ROWS, START)),
            "initial must be numbers, got a FitResult",
        ),
        (lambda s: s.fit(ROWS, START).by_name("loss"), "by_name: field must be"),
        (lambda s: FitResult(*s.fit(ROWS, START)).by_name(), "this result comes out of"),
        (lambda s: SpectralSolver(structure(), initial={"a": 1.0}), "'b' is missing"),
        (lambda s: SpectralSolver(structure(), initial={"c": 1.0}), "no parameter 'c'"),
        (
            lambda s: SpectralSolver(structure(), initial={"a": NAN, "b": 1}),
            "initial must be finite",
        ),
        (
            lambda s: SpectralSolver(structure(), initial={"a": [1, 2], "b": [1, 2, 3]}),
            r"one number for each name, or K for each, got shapes \[2\], \[3\]",
        ),
    ],
)
def test_wrong_names(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call(solver())


def test_data_frames_with_gaps():
    """Nullable columns: NA is a level that was not observed. Parameters go by column name."""
    frame = pd.DataFrame(ROWS, columns=["E0", "E1", "E2"]).convert_dtypes()
    frame.loc[1, "E1"] = pd.NA
    gaps = ROWS.copy()
    gaps[1, 1] = NAN
    expected = as_numpy(solver().fit(gaps, START, weights=[2.0, 1.0, 1.0]))
    weights = pd.Series([2, pd.NA, 1], dtype="Int64")
    start = pd.DataFrame({"b": [0.1, 0.1], "a": [0.3, 0.3]}).convert_dtypes()
    steps = pd.Series([0, 0], dtype="Int64")
    found = solver().fit(frame, start, weights, max_steps=steps)
    assert_same(as_numpy(found), expected)
    whole = frame.fillna(7)
    assert_same(solver().fit(whole, START), solver().fit(whole.to_numpy(float), START))
    one = pd.Series({"b": 0.1, "a": 0.3})
    np.testing.assert_array_equal(solver().spectrum(one), solver().spectrum(START[:1]))
    positional = pd.DataFrame(START)
    assert_same(solver().fit(ROWS, positional), solver().fit(ROWS, START))
    with pytest.raises(ValueError, match="there is no parameter 'c'"):
        solver().fit(ROWS, start.rename(columns={"b": "c"}))
    with pytest.raises(ValueError, match="targets must hold real numbers"):
        solver().fit(pd.DataFrame({"E0": ["x", "y"], "E1": [1.0, 2.0], "E2": [1.0, 2.0]}))


class Quantum:
    """A matrix as QuTiP has them: dense by `full`, and no array by itself."""

    def __init__(self, matrix: Any):
        self.matrix = np.asarray(matrix, complex)

    def full(self) -> np.ndarray:
        return self.matrix


class Wrapped:
    """A matrix that NumPy knows how to read."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(BASIS[1], dtype)


def test_matrices_of_other_libraries():
    x = [[0.3, -0.2]]
    expected = Affine(CONSTANT, BASIS).matrix(tf.constant(x, tf.float64))
    for basis in (
        [sparse.csr_matrix(BASIS[0]), sparse.coo_array(BASIS[1])],
        [Quantum(BASIS[0]), Wrapped()],
        (sparse.csc_array(BASIS[0]), BASIS[1].tolist()),
    ):
        model = Affine(sparse.dia_matrix(CONSTANT), basis)
        np.testing.assert_allclose(model.matrix(tf.constant(x, tf.float64)), expected, atol=1e-15)
        family = Family.affine([sparse.csr_array(CONSTANT), None], [basis, basis])
        np.testing.assert_allclose(
            family.matrix(tf.constant(x, tf.float64))[0, :3, :3], expected[0], atol=1e-15
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Affine(None, [np.eye(3), np.eye(2)]),
            "basis must hold matrices of one size, but the first is 3 x 3 and number 1 .* is 2 x 2",
        ),
        (
            lambda: Affine(None, [np.eye(3), np.ones(3)]),
            "one size, but the first is 3 x 3 and number 1 .* is 3",
        ),
        (lambda: Affine(None, ["a", "b"]), "basis must be numbers of shape"),
        (lambda: Affine(None, np.eye(2)), r"\[p, n, n\].*got shape \(2, 2\)"),
        (lambda: Affine(Quantum(np.ones(3)), [np.eye(3)]), "constant must be numbers of shape"),
        (lambda: Affine(None, [np.eye(2)], parameter_names="a"), "parameter_names must be a list"),
        (lambda: Affine(None, [np.eye(2)] * 2, parameter_names="ab"), "parameter_names must be a"),
        (
            lambda: Family.affine(None, [[np.eye(2)], [np.eye(2), np.eye(3)]]),
            "Family: bases must hold matrices of one size, but the first is 2 x 2",
        ),
    ],
)
def test_matrices_that_do_not_fit(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


@eagerly
def test_default_weights_are_those_of_the_fit():
    """Everything that counts targets counts them so; NaN asks for them, a number replaces them."""
    sigma = np.array([0.1, 0.2, 0.05])
    own = SpectralSolver(structure(), starts=1, absolute_sigma=True, sigma=sigma)
    none = SpectralSolver(structure(), starts=1, absolute_sigma=True)
    weights = 1 / sigma
    expected = as_numpy(none.fit(ROWS, START, weights=weights))
    assert_same(own.fit(ROWS, START), expected)
    assert_same(own.fit(ROWS, START, weights=np.full((2, 3), NAN)), expected)
    mixed = np.where([True, False, False], 3.0, NAN)
    assert_same(
        own.fit(ROWS, START, mixed),
        none.fit(ROWS, START, np.where(np.isnan(mixed), weights, mixed)),
    )
    assert_same(own.trace(ROWS, START), none.trace(ROWS, START, weights))
    x = expected.parameters
    np.testing.assert_array_equal(own.loss(x, ROWS), none.loss(x, ROWS, weights))
    np.testing.assert_allclose(own.loss(x, ROWS), expected.loss, rtol=1e-12)
    for data in ({"targets": ROWS}, {"weights": np.full((2, 3), NAN)}):
        errors = own.covariance(x, **data).standard_errors
        np.testing.assert_allclose(errors, expected.standard_errors, rtol=1e-9)
    assert own.describe()["weights"] == weights.tolist()
    assert none.describe()["weights"] is None
    # Of the column, wherever its value belongs.
    turned = own.fit(ROWS[:, ::-1], START)
    assert_same(turned, none.fit(ROWS[:, ::-1], START, weights))
    # Without any other argument too.
    cold = SpectralSolver(structure(), starts=2, weights=[10.0, None, 20.0])
    assert_same(cold.fit(ROWS), cold.fit(ROWS, weights=[[10.0, 1.0, 20.0]] * 2))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weights": 2.0, "sigma": 0.5}, "SpectralSolver: sigma and weights"),
        ({"weights": [1.0, 2.0]}, r"SpectralSolver: weights must be a number or \[3\]"),
        ({"weights": [[1.0] * 3]}, r"weights must be a number or \[3\].*got shape \[1, 3\]"),
        ({"weights": -1.0}, "SpectralSolver: weights must be finite, at least 0"),
        ({"weights": [1.0, INF, 1.0]}, "weights must be finite"),
        ({"weights": 0.0}, "not all 0"),
        ({"weights": "x"}, "weights must be real numbers"),
        ({"sigma": 0.0}, "SpectralSolver: sigma must be positive"),
        ({"sigma": [0.1, -1.0, 0.1]}, "SpectralSolver: sigma must be positive"),
    ],
)
def test_wrong_default_weights(given: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        SpectralSolver(structure(), **given)
