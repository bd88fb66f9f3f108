"""Results as plain data and data frames, one row of them, and their short texts."""

# Wrong types are part of the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import functools
import json
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from eigenfit.solver import (
    Affine,
    Family,
    FitResult,
    Levels,
    LevenbergMarquardt,
    Newton,
    SpectralSolver,
    Sweep,
    Symmetric,
    Toeplitz,
    Transitions,
)

pytestmark = pytest.mark.usefixtures("eagerly")

NAN = np.nan


@functools.cache
def solver() -> SpectralSolver:
    structure = Affine(
        np.diag([0.0, 20.0, 40.0]), np.eye(3)[:, None] * np.eye(3), ["alpha", "b<c>", "gamma"]
    )
    structure.level_unit, structure.parameter_units = "cm^-1", {"alpha": "cm^-1"}
    return SpectralSolver(structure, starts=1, absolute_sigma=True, sigma=[0.1, 0.25, 0.01])


@functools.cache
def fitted() -> FitResult:
    targets = [[1.25, 21.5, 38.75], [1.25, NAN, 38.75], [np.inf, 0, 1], [2.0, 23.0, 44.0]]
    return solver().fit(targets, initial=np.zeros([4, 3]), bounds=(-10.0, [10.0, 2.0, 10.0]))


@functools.cache
def two_ends() -> FitResult:
    """Levels x and -x: x may be 1 or -1."""
    both = SpectralSolver(Affine(None, [np.diag([1.0, -1.0])]), solutions=2, starts=8)
    return both.fit([[-1.0, 1.0]])


def test_plain_data():
    data = fitted().to_dict()
    assert data["model"]["parameterization"] == "Affine"
    assert data["model"]["method"]["kind"] == "LevenbergMarquardt"
    assert [row["row"] for row in data["rows"]] == [0, 1, 2, 3]
    last = data["rows"][3]
    assert last["status"] == "STATIONARY"
    assert last["parameters"]["alpha"] == {
        "value": pytest.approx(2.0),
        "standard_error": pytest.approx(0.1),
        "unit": "cm^-1",
    }
    assert np.isnan(last["parameters"]["b<c>"]["standard_error"])
    assert (last["chi2"], last["degrees_of_freedom"]) == (pytest.approx(16.0), 1.0)
    assert last["reduced_chi2"] == pytest.approx(16.0)
    assert len(last["warnings"]) == 2
    target = {"target": 1, "label": "1", "is_observed": True, "observed": 23.0, "unit": "cm^-1"}
    assert {key: last["targets"][1][key] for key in target} == target
    assert last["targets"][1]["fitted"] == pytest.approx(22.0)
    assert last["targets"][1]["residual"] == pytest.approx(1.0)
    assert last["targets"][1]["weight"] == pytest.approx(4.0)
    missing = data["rows"][1]["targets"][1]
    assert not missing["is_observed"]
    assert np.isnan([missing["observed"], missing["fitted"], missing["residual"]]).all()
    assert data["rows"][2]["cause"] == "TARGET"
    assert data["rows"][2]["warnings"] == []
    json.dumps(data)  # nothing but plain types


def test_numbers_are_those_of_the_result():
    data = fitted().to_dict()["rows"]
    for name in ("loss", "gradient_norm", "steps", "starts", "agreeing"):
        np.testing.assert_array_equal([row[name] for row in data], getattr(fitted(), name))
    for name in ("eigenvalues", "covariance", "correlation"):
        whole = fitted() if name == "eigenvalues" else fitted().covariance()
        np.testing.assert_allclose([row[name] for row in data], getattr(whole, name), rtol=1e-12)
    predicted = [[part["predicted"] for part in row["targets"]] for row in data]
    np.testing.assert_allclose(predicted, fitted().predict().values, rtol=1e-12)


def test_a_data_frame_of_parameters():
    frame = fitted().to_dataframe()
    assert list(frame.columns) == ["row", "parameter", "value", "standard_error", "unit", "status"]
    wide = frame.pivot(index="row", columns="parameter", values="value")
    np.testing.assert_array_equal(wide["alpha"], fitted().parameters[:, 0])


def test_a_data_frame_of_targets():
    frame = fitted().to_dataframe("targets")
    assert len(frame) == 12
    seen = frame[frame["is_observed"]]
    assert len(seen) == 3 + 2 + 0 + 3
    np.testing.assert_allclose(seen["observed"], seen["fitted"] + seen["residual"])


def test_a_data_frame_of_rows():
    frame = fitted().to_dataframe("rows")
    assert frame["status"].tolist()[2:] == ["INVALID_INPUT", "STATIONARY"]
    np.testing.assert_array_equal(frame["se_alpha"], fitted().standard_errors[:, 0])
    assert "conditions" not in frame


def test_each_of_several_solutions_has_its_lines():
    rows = two_ends().to_dict()["rows"]
    assert [(row["row"], row["solution"]) for row in rows] == [(0, 0), (0, 1)]
    found = [row["parameters"]["x0"]["value"] for row in rows]
    np.testing.assert_allclose(np.sort(found), [-1.0, 1.0])
    assert len(two_ends().to_dataframe()) == 2
    assert two_ends().row(0).parameters.shape == (1, 2, 1)


def test_frames_that_cannot_be(monkeypatch):
    with pytest.raises(ValueError, match="of must be one of parameters, targets, rows, got 'x'"):
        fitted().to_dataframe("x")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"pandas is missing.*'eigenfit\[results\]'"):
        fitted().to_dataframe()


def test_one_row_is_a_result():
    one = fitted().row(-1)
    assert one.summary() == fitted().summary(3)
    np.testing.assert_array_equal(one.parameters, fitted().parameters[3:])
    np.testing.assert_allclose(one.covariance().covariance, fitted().covariance().covariance[3:])
    np.testing.assert_allclose(
        one.predict(Transitions([(1, 0)])).values,
        fitted().predict(Transitions([(1, 0)])).values[3:],
    )
    with pytest.raises(ValueError, match=r"row: row must be below 4.*got 4"):
        fitted().row(4)


def test_statistics_of_many_rows_are_computed_in_pieces(monkeypatch):
    from eigenfit.solver.results import solutions

    whole = fitted().to_dict()
    monkeypatch.setattr(solutions, "_PIECE", 3)
    assert repr(fitted().to_dict()) == repr(whole)


def test_short_texts():
    assert repr(fitted()) == (
        "<FitResult: 4 rows, 3 targets, 3 levels, 3 parameters: alpha, b<c>, gamma; "
        "2 CONVERGED, 1 STATIONARY, 1 INVALID_INPUT>"
    )
    assert repr(two_ends()) == (
        "<FitResult: 1 row, 2 solutions, 2 targets, 2 levels, 1 parameter: x0; 1 CONVERGED>"
    )
    assert repr(solver()) == (
        "SpectralSolver(<Affine: 3 levels, 3 parameters: alpha, b<c>, gamma>, "
        "LevenbergMarquardt(initial_damping=1e-10), observation=Levels(), dtype=float64)"
    )
    family = Family([Symmetric(2), Toeplitz(3)], names=["M=0", "M=1"])
    assert repr(family) == (
        "<Family: 2 members with 5 levels, 6 parameters: a00, a11, a10, r0, r1, r2>"
    )
    assert repr(Symmetric(9)).endswith("a22, a33, a44, a55 and 39 more>")
    gap, moment = Affine(None, [np.eye(2)], ["D"]), Affine(None, [np.eye(2)], ["g"])
    sweep = Sweep([gap, moment], limit=4, conditions=["B"])
    assert repr(sweep) == ("<Sweep: 2 levels at up to 4 conditions of B, 2 parameters: D, g>")
    assert repr(Levels(relative_to="mean", lowest=3)) == "Levels(relative_to='mean', lowest=3)"
    assert repr(Transitions([(1, 0)])) == "Transitions(pairs=[[[0, 1], [0, 0]]])"
    assert len(repr(Transitions([(k, 0) for k in range(1, 900)]))) < 200
    assert repr(Newton(0.5)) == "Newton(initial_damping=0.5)"
    assert repr(LevenbergMarquardt()).startswith("LevenbergMarquardt(")


def test_a_notebook_shows_a_table():
    text = fitted()._repr_html_()
    table = ET.fromstring(f"<div>{text}</div>").find("table")
    assert table is not None
    lines = [["".join(cell.itertext()) for cell in line] for line in table.iter("tr")]
    assert lines[0] == ["row", "status", "loss", "alpha / cm^-1", "b<c>", "gamma"]
    assert lines[1][:4] == ["0", "CONVERGED", lines[1][2], "1.25(10)"]
    assert lines[3] == ["2", "INVALID_INPUT", "", "", "", ""]
    many = solver().fit(np.tile([[1.0, 21.0, 41.0]], (30, 1)), initial=np.zeros([30, 3]))
    assert "<p>10 more rows</p>" in many._repr_html_()
    assert two_ends()._repr_html_().count("<tr>") == 3
