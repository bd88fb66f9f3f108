"""The scripts that draw the figures of the guide: what they fit, and what they draw."""

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize

from .pages import ROOT

# The guide fits the same models as graphs.
pytestmark = pytest.mark.usefixtures("eagerly")

BOHR = 13.99624493  # GHz/T
X = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]) / np.sqrt(2.0)
Z = np.diag([1.0, 0.0, -1.0])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a script as a user does, in an empty folder; return its variables."""

    def run_script(name: str) -> dict[str, Any]:
        monkeypatch.chdir(tmp_path)
        path = ROOT / "docs" / "examples" / f"{name}.py"
        variables = runpy.run_path(str(path), run_name="__main__")
        # What is committed is what the script draws, up to the Matplotlib version.
        drawn = (tmp_path / f"{name}.svg").read_text()
        committed = (ROOT / "docs" / "images" / f"{name}.svg").read_text()
        for text in (drawn, committed):
            assert len(text) < 60_000
        assert labels(drawn) == labels(committed)
        return variables

    return run_script


def labels(svg: str) -> list[str]:
    """The texts in a figure."""
    found = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert len(found) > 10
    return found


def best_fit(residuals, start) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and their covariance, by SciPy with derivatives by finite differences."""
    best = optimize.least_squares(residuals, start, jac="3-point", xtol=1e-14, ftol=1e-14)
    return best.x, np.linalg.inv(best.jac.T @ best.jac)


def check(variables: dict[str, Any], best: np.ndarray, covariance: np.ndarray) -> None:
    """The fit is the best one, its errors are right, and the truth is within three of them."""
    fit, errors = variables["fit"], np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(fit.parameters[0], best, atol=1e-3 * errors.min())
    np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=1e-3)
    assert np.abs((best - [*variables["TRUTH"].values()]) / errors).max() < 3.0


def heat_capacity(energy: np.ndarray, kelvin: np.ndarray) -> np.ndarray:
    """The derivative of the mean energy with respect to the temperature, by differences."""

    def mean(t: np.ndarray) -> np.ndarray:
        weight = np.exp(-energy / t[:, None])
        return weight @ energy / weight.sum(axis=1)

    return (mean(kelvin * (1 + 1e-5)) - mean(kelvin * (1 - 1e-5))) / (2e-5 * kelvin)


def test_levels_and_heat_capacity(run, capsys: pytest.CaptureFixture[str]):
    variables = run("heat_capacity")
    assert re.search(r"^v +1\.280\(97\)$", capsys.readouterr().out, re.MULTILINE)
    data = variables["data"][0]

    def residuals(x: np.ndarray) -> np.ndarray:
        neighbours = np.eye(4, k=1) + np.eye(4, k=-1)
        levels = np.linalg.eigvalsh(x[0] * np.diag([0, 1, 1, 2]) + x[1] * neighbours)
        energy = levels - levels[0]
        heat = heat_capacity(energy, variables["MEASURED"])
        return np.concatenate([(data[1:3] - energy[1:3]) / 0.15, (data[3:] - heat) / 0.03])

    check(variables, *best_fit(residuals, [4.0, 1.0]))


def test_levels_of_a_triplet_against_the_field(run, capsys: pytest.CaptureFixture[str]):
    variables = run("triplet_in_field")
    assert "1 at (0, 0, 0.06)" in capsys.readouterr().out
    along = np.array([0.02, 0.06, 0.1, 0.14])
    square_x, square_y = X @ X, 2 * np.eye(3) - X @ X - Z @ Z

    def residuals(x: np.ndarray) -> np.ndarray:
        zero_field = x[0] * (Z @ Z - 2 / 3 * np.eye(3)) + x[1] * (square_x - square_y)
        matrices = [zero_field + x[2] * BOHR * b * spin for spin in (X, Z) for b in along]
        return (variables["levels"][0] - np.linalg.eigvalsh(matrices).ravel()) / 0.1

    check(variables, *best_fit(residuals, [1.8, 0.2, 2.1]))


def test_predicted_lines(run, capsys: pytest.CaptureFixture[str]):
    """The errors are those of SciPy's covariance, propagated by finite differences."""
    variables = run("predicted_lines")

    def lines(x: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        zero_field = x[0] * (Z @ Z - 2 / 3 * np.eye(3))
        field = BOHR * (x[1] * 0.5 * X + x[2] * np.sqrt(0.75) * Z)
        low, middle, high = np.linalg.eigvalsh([zero_field + b * field for b in strengths]).T
        return np.stack([middle - low, high - low, high - middle], axis=-1)

    def residuals(x: np.ndarray) -> np.ndarray:
        fitted = lines(x, np.array([0.01, 0.015, 0.02, 0.025, 0.03]))[:, :2]
        return (variables["lines"][0] - fitted.ravel()) / 0.05

    best, covariance = best_fit(residuals, [3.0, 2.0, 2.0])
    check(variables, best, covariance)
    strong = np.array([0.02, 0.05, 0.15])
    values, errors = variables["predict"](variables["fit"], strong)
    np.testing.assert_allclose(values, lines(best, strong), atol=1e-3)
    step = 1e-6 * np.eye(3)
    slopes = np.stack([(lines(best + h, strong) - lines(best - h, strong)) / 2e-6 for h in step])
    variances = np.einsum("ifk,ij,jfk->fk", slopes, covariance, slopes)
    np.testing.assert_allclose(errors, np.sqrt(variances), rtol=2e-3)
    printed = capsys.readouterr().out.splitlines()[-1]
    assert printed == "0.15 T:  3.069 +- 0.671   8.731 +- 0.631   5.663 +- 0.165 GHz"
