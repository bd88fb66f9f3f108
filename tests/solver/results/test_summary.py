"""`FitResult.summary`: the notation against hand-written cases, and every way it may be called."""

# Wrong types are part of the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import dataclasses
import functools
import itertools
import re

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chi2

from eigenfit.solver import (
    Affine,
    Cause,
    FitResult,
    Joint,
    Levels,
    Matched,
    Observable,
    SpectralSolver,
    Status,
    Toeplitz,
    Transitions,
)
from eigenfit.solver.results.notation import bracketed

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (310583.5412, 0.02955, "310583.541(30)"),
        (1.23456, 0.0123, "1.235(12)"),
        (-1.23456, 0.0123, "-1.235(12)"),
        # The error rounds up to three digits: one digit fewer for both.
        (1.23456, 0.0996, "1.23(10)"),
        (1.23456, 0.996, "1.2(10)"),
        (12.3456, 9.96, "12(10)"),
        (123.456, 99.6, "120(100)"),
        (1234.56, 996.0, "1200(1000)"),
        (1.23456, 0.0994, "1.235(99)"),
        (1.23456, 0.00996, "1.235(10)"),
        # Powers of ten.
        (1.23456, 0.1, "1.23(10)"),
        (1.23456, 0.01, "1.235(10)"),
        (1.234567, 0.001, "1.2346(10)"),
        (1.2345678, 1e-6, "1.2345678(10)"),
        (12.3456, 1.0, "12.3(10)"),
        (123.456, 10.0, "123(10)"),
        (1234.56, 100.0, "1230(100)"),
        (123456.0, 1000.0, "123500(1000)"),
        # An error larger than the value.
        (3.0, 67.0, "3(67)"),
        (-3.0, 670.0, "0(670)"),
        (4e5, 6.7e6, "400000(6700000)"),
        (0.0, 0.5, "0.00(50)"),
        (-0.001, 5.0, "0.0(50)"),
        (0.0, 50.0, "0(50)"),
        # Very small and very large errors.
        (1.0, 1.5e-12, "1.0000000000000(15)"),
        (1e10, 1.2e5, "10000000000(120000)"),
        (-1e-7, 1.2e-9, "-0.0000001000(12)"),
        # No error.
        (5.0, INF, "5.0 (error not determined)"),
        (-0.25, INF, "-0.25 (error not determined)"),
        (0.3, NAN, "0.3 (at its bound)"),
        (NAN, NAN, "NaN"),
        (NAN, INF, "NaN"),
        (2.5, 0.0, "2.5(0)"),
    ],
)
def test_brackets(value: float, error: float, text: str):
    assert bracketed(value, error) == text


def read(text: str) -> tuple[float, float]:
    """The number and the error that a reader takes from `-1.234(56)e-7`."""
    found = re.fullmatch(r"(-?\d+)(?:\.(\d+))?\((\d+)\)(?:e([+-]?\d+))?", text)
    assert found, text
    whole, decimals, error, exponent = found.groups()
    scale = 10.0 ** int(exponent or 0)
    last = 10.0 ** -len(decimals or "")
    return float(f"{whole}.{decimals or 0}") * scale, int(error) * last * scale


def test_a_reader_gets_number_and_error_back():
    """To half a unit of the last of two digits of the error, whatever the sizes."""
    generator = np.random.default_rng(0)
    for _ in range(2000):
        error = 10 ** generator.uniform(-12, 9)
        value = generator.normal() * error * 10 ** generator.uniform(-1, 5)
        if abs(value) >= 1e15:
            continue
        number, sigma = read(bracketed(value, error))
        assert abs(sigma - error) <= 0.051 * error, (value, error)
        assert abs(number - value) <= 0.051 * error + 1e-15 * abs(value), (value, error)


@pytest.mark.parametrize(
    ("value", "error"),
    [(1.2345e-22, 3.1e-25), (-6.62607e-34, 1.2e-38), (1.2345678912345e15, 30.0), (3e17, 4e3)],
)
def test_units_do_not_matter(value: float, error: float):
    """Energies in joules, frequencies in hertz: the same notation, with a power of ten."""
    number, sigma = read(bracketed(value, error))
    assert abs(sigma - error) <= 0.051 * error
    assert abs(number - value) <= 0.051 * error + 1e-15 * abs(value)


BASIS = np.stack([np.diag([1.0, 0, 0]), np.diag([0, 1.0, 0]), np.diag([0, 0, 1.0])])
ZERO = np.diag([0.0, 20.0, 40.0])


@functools.cache
def solver() -> SpectralSolver:
    """Levels `x0`, `20 + x1`, `40 + x2`: everything is known by hand."""
    structure = Affine(ZERO, BASIS, parameter_names=["alpha", "b", "gamma"])
    return SpectralSolver(structure, starts=1, absolute_sigma=True)


@functools.cache
def fitted() -> FitResult:
    targets = [[1.25, 21.5, 38.75], [1.25, NAN, 38.75], [INF, 0, 1], [2.0, 23.0, 44.0]]
    return solver().fit(
        targets,
        initial=[[0.0] * 3] * 4,
        weights=[[10.0, 4.0, 100.0]] * 4,
        bounds=(-10.0, [10.0, 2.0, 10.0]),
    )


def test_a_row_by_hand():
    assert fitted().summary().splitlines() == [
        f"CONVERGED: {Status.CONVERGED.message}",
        f"{fitted().steps[0]} steps, chi2 {fitted().loss[0]:.6g}, 0 degrees of freedom",
        "",
        "alpha  1.25(10)",
        "b      1.50(25)",
        "gamma  -1.250(10)",
        "",
        *fitted().summary().splitlines()[7:],
    ]
    table = [line.split() for line in fitted().summary().splitlines()[7:]]
    assert table[0] == ["level", "observed", "fitted", "observed", "-", "fitted"]
    numbers = np.array(table[1:], float)
    np.testing.assert_allclose(numbers[:, 0], [0, 1, 2])
    np.testing.assert_allclose(numbers[:, 1], [1.25, 21.5, 38.75], atol=1e-6)
    np.testing.assert_allclose(numbers[:, 2], [1.25, 21.5, 38.75], atol=1e-6)
    np.testing.assert_allclose(numbers[:, 3], 0.0, atol=1e-6)


def test_what_is_not_determined_and_what_is_at_its_bound():
    text = fitted().summary(1)
    assert re.search(r"^b      \S+ \(error not determined\)$", text, re.MULTILINE)
    assert "warning: not determined by the data: b; the data determine 2 combinations" in text
    assert level_column(text) == ["0", "2"]
    assert text.splitlines()[-2].split() == ["level", "predicted"]
    assert re.match(r"    1 +\S+ \(error not determined\)$", text.splitlines()[-1])
    text = fitted().summary(3)
    assert text.startswith(f"STATIONARY: {Status.STATIONARY.message}")
    assert "warning: at a bound: b; " in text
    assert re.search(r"^b      2 \(at its bound\)$", text, re.MULTILINE)
    assert text.splitlines()[-2].split() == ["1", "23.000", "22.000", "1"]


def test_a_misfit_is_a_warning_with_its_probability():
    """b is 1 above its bound, with sigma 1/4: chi2 is 16 with one degree of freedom."""
    text = fitted().summary(3)
    tail = chi2.sf(16.0, 1)
    assert f"chi2 16, 1 degree of freedom, reduced chi2 16, p-value {tail:.2g}" in text
    assert f"chi2 is this large with probability {tail:.2g}" in text
    assert "misfit" not in fitted().summary(0)


@pytest.mark.usefixtures("eagerly")
def test_units_stand_at_parameters_and_levels():
    structure = Affine(ZERO, BASIS, parameter_names=["alpha", "b", "gamma"])
    structure.level_unit, structure.parameter_units = "cm^-1", {"b": "K"}
    both = Joint([Levels(lowest=2), Observable(lambda levels: levels[:, :1] ** 2, 1)])
    for observation, names in ((None, "observed / cm^-1"), (both, "unit")):
        fitter = SpectralSolver(structure, observation=observation, starts=1, absolute_sigma=True)
        fit = fitter.fit([[1.25, 21.5, 1.5625]], initial=[[1.0, 1.0, 1.0]], max_steps=0)
        lines = fit.summary().splitlines()
        assert [line.split()[2:] for line in lines if line.startswith(("alpha ", "b "))] == [
            [],
            ["K"],
        ]
        (header,) = [line for line in lines if "observed - fitted" in line]
        assert names in header
    assert [line.split()[-1] for line in lines[-3:-1]] == ["cm^-1", "cm^-1"]
    assert lines[-1].split()[0] == "#2"


@pytest.mark.usefixtures("eagerly")
def test_strong_correlations_and_what_was_not_observed():
    """Levels a + 6 k + 2 v and so on: the offset and the mean of the perturbation correlate."""
    line = SpectralSolver(
        Affine(np.diag([0.0, 3.0, 6.0, 9.0]), [np.ones([4, 4]), np.eye(4)], ["v", "c"]), starts=1
    )
    fit = line.fit([[0.31, 3.42, 6.52, NAN]], initial=[[0.3, 0.0]])
    lines = fit.summary().splitlines()
    place = lines.index("correlations above 0.9:")
    name, other, number = lines[place + 1].split()
    assert (name, other) == ("v,", "c")
    assert float(number) == pytest.approx(fit.covariance().correlation.numpy()[0, 0, 1], abs=1e-4)
    place = lines.index("not observed:")
    predicted = fit.predict()
    shown = bracketed(float(predicted.values[0, 3]), float(predicted.standard_errors[0, 3]))
    assert lines[place + 2].split() == ["3", shown]
    assert len(lines) == place + 3


@pytest.mark.usefixtures("eagerly")
def test_of_many_predictions_only_the_first_are_listed():
    chain = SpectralSolver(Toeplitz(30), starts=1)
    fit = chain.fit([[1.0, 2.0, 3.0] + [NAN] * 27], initial=np.ones([1, 30]), max_steps=1)
    assert fit.summary().splitlines()[-1] == "and 7 more, see predict()"


def test_a_minimum_that_one_start_found_is_a_warning():
    ((one,),) = fitted().row(3)._solutions("test")
    for starts, agreeing, status, expected in (
        (8, 1, 2, True),
        (8, 2, 2, False),
        (1, 1, 2, False),
        (8, 1, 1, False),
    ):
        numbers = {**one.numbers, "starts": starts, "agreeing": agreeing, "status": status}
        text = " ".join(dataclasses.replace(one, numbers=numbers).warnings)
        assert ("only one of 8 starts ended here" in text) == expected


@pytest.mark.usefixtures("eagerly")
def test_without_degrees_of_freedom_the_warning_says_what_helps():
    diagonal = SpectralSolver(Affine(ZERO, BASIS), starts=1)
    text = diagonal.fit([[1.25, 21.5, 38.75]], initial=np.zeros([1, 3])).summary()
    assert "warning: no degree of freedom: " in text
    assert "absolute_sigma=True" in text


@pytest.mark.usefixtures("eagerly")
def test_a_robust_loss_is_no_chi2():
    robust = SpectralSolver(Affine(ZERO, BASIS[:1]), starts=1, loss="cauchy", absolute_sigma=True)
    fit = robust.fit([[1.25, 21.5, 38.75]], initial=[[0.0]])
    line = fit.summary().splitlines()[1]
    assert line.endswith(f"robust loss {float(fit.loss[0]):.6g}, 2 degrees of freedom")


def test_a_bad_row_is_its_status_and_its_cause():
    text = f"INVALID_INPUT: {Status.INVALID_INPUT.message}\ncause: {Cause.TARGET.message}"
    assert fitted().summary(2) == text


def test_rows_from_the_end_and_rows_that_are_not_there():
    assert fitted().summary(-1) == fitted().summary(3)
    assert fitted().summary(np.int64(3)) == fitted().summary(3)
    for row in (4, -5, 100):
        with pytest.raises(ValueError, match=r"summary: row must be below 4.*got -?\d+"):
            fitted().summary(row)
    empty = solver().fit(np.zeros((0, 3)), bounds=(-10.0, 10.0), initial=np.zeros((0, 3)))
    with pytest.raises(ValueError, match=r"summary: row"):
        empty.summary(0)


def test_inside_a_graph_there_are_no_numbers_and_after_it_no_names(tmp_path):
    @tf.function(autograph=False)
    def inside(targets: tf.Tensor) -> FitResult:
        fit = solver().fit(
            targets, initial=tf.zeros_like(targets), weights=tf.ones_like(targets), bounds=(-9, 9)
        )
        save = functools.partial(fit.save, tmp_path / "fit.csv")
        for method in (fit.summary, save, fit.to_dict, functools.partial(fit.row, 0)):
            with pytest.raises(ValueError, match="no numbers inside a graph"):
                method()
        assert repr(fit).startswith("<FitResult inside a graph: 3 targets, 3 levels, 3 parameters")
        assert "inside a graph" in fit._repr_html_()
        return fit

    fit = inside(tf.constant([[1.25, 21.5, NAN]], tf.float64))
    assert isinstance(fit, FitResult)
    lines = fit.summary(0).splitlines()
    assert [line.split()[0] for line in lines[3:6]] == ["x0", "x1", "x2"]
    assert lines[3].endswith("1.2(10)")
    assert [line[:9] for line in lines[7:]] == ["target 0:", "target 1:"]


def test_fields_as_arrays():
    """A result of NumPy arrays, as tests and users make of it."""
    arrays = FitResult(*(np.asarray(field) for field in fitted()))
    assert arrays.summary(0).splitlines()[3] == "x0  1.25(10)"
    assert arrays.summary(2) == fitted().summary(2)


@pytest.mark.usefixtures("eagerly")
def test_differences_of_levels_are_named_as_such():
    lines = SpectralSolver(
        Affine(ZERO, BASIS), observation=Transitions([(1, 0), (2, 0), (2, 1)]), starts=1
    )
    text = lines.fit([[20.5, NAN, 21.0]], initial=[[0.0, 0.4, 1.0]]).summary()
    assert [line.split("  ")[0].strip() for line in text.splitlines()[-2:]] != ["", ""]
    assert re.search(r"^\s*1 - 0\s+20\.5", text, re.MULTILINE)
    assert re.search(r"^\s*2 - 1\s+21\.0", text, re.MULTILINE)
    assert text.splitlines()[-3:-1] == ["not observed:", text.splitlines()[-2]]
    assert text.splitlines()[-1].startswith("2 - 0  41.5 ")


@functools.cache
def matched() -> SpectralSolver:
    """Two values and three levels 0 + x, 20, 40 + y: a value may belong to any level."""
    structure = Affine(ZERO, np.stack([np.diag([1.0, 0, 0]), np.diag([0, 0, 1.0])]))
    return SpectralSolver(structure, observation=Matched(2), starts=1)


def level_column(text: str) -> list[str]:
    lines = text.splitlines()
    (header,) = [place for place, line in enumerate(lines) if "observed - fitted" in line]
    return [line.split()[0] for line in itertools.takewhile(str.strip, lines[header + 1 :])]


@pytest.mark.usefixtures("eagerly")
def test_matched_values_are_shown_at_their_levels():
    fit = matched().fit([[1.0, 41.0], [20.5, 41.0], [NAN, 1.0]], initial=[[0.5, 0.5]] * 3)
    for row, expected in enumerate([["0", "2"], ["1", "2"], ["0"]]):
        assert level_column(fit.summary(row)) == expected


@pytest.mark.usefixtures("eagerly")
def test_matched_values_are_shown_as_the_weights_assigned_them():
    """A value of weight 0 takes no level from the others; and weights decide close calls.

    `assignment` with the weights of the fit is what the fit used: residuals are those.
    """
    targets = [[20.0, 21.0], [20.4, 22.0]]
    weights = [[0.0, 1.0], [1e-2, 1.0]]
    fit = matched().fit(targets, initial=[[0.0, 0.0]] * 2, weights=weights, max_steps=1)
    used = matched().assignment(fit.parameters, targets, weights).numpy()
    levels = np.take_along_axis(fit.eigenvalues.numpy(), np.maximum(used, 0), axis=1)
    seen = used >= 0
    np.testing.assert_allclose((targets - levels)[seen], fit.residuals.numpy()[seen], atol=1e-12)
    for row in range(2):
        expected = [str(level) for level in used[row][seen[row]]]
        assert level_column(fit.summary(row)) == expected


@pytest.mark.usefixtures("eagerly")
def test_each_of_several_solutions_of_a_matched_row_has_its_own_levels():
    """The first starts at the answer with the upper two levels, the second with the lower two."""
    both = SpectralSolver(
        Affine(ZERO, [np.diag([1.0, 1.0, 1.0])]),
        observation=Matched(2),
        initial=[[0.0], [20.0]],
        solutions=3,
        starts=4,
    )
    fit = both.fit([[20.0, 40.0]])
    found = fit.parameters.numpy()[0, :2, 0]
    np.testing.assert_allclose(np.sort(found), [0.0, 20.0], atol=1e-6)
    parts = fit.summary().split("\n\nSolution ")
    assert len(parts) == 3
    for x, part in zip(found, parts, strict=False):
        assert level_column(part) == (["1", "2"] if x < 10 else ["0", "1"])
    assert parts[2] == f"3\nNO_OTHER: {Status.NO_OTHER.message}"
    bad = both.fit([[INF, 1.0]]).summary()
    assert bad.splitlines()[:2] == [
        "Solution 1",
        f"INVALID_INPUT: {Status.INVALID_INPUT.message}",
    ]


@pytest.mark.parametrize("error", [1e-300, 1e-30, 1e-17, 1e-16, 1e-15])
def test_errors_below_the_digits_of_a_number(error: float):
    assert bracketed(1.0, error) == "1(0)"
    assert bracketed(1.0, 1e-12) == "1.0000000000000(10)"
