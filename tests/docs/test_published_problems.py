"""The examples that fit published problems find the published numbers."""

import importlib.util
import re
import runpy
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from eigenfit.solver import Status

# Their fits run as graphs in tests/problems.
pytestmark = pytest.mark.usefixtures("eagerly")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@cache
def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_h2s_with_fifteen_constants():
    """P8: weighted rms, and A, B, C with their standard errors to the printed digits."""
    h2s = example("h2s")
    fit = h2s.fit_lines(h2s.make_solver())
    assert fit.status.numpy() == [Status.STATIONARY]
    assert np.sqrt(fit.loss[0] / len(h2s.LINES)) == pytest.approx(0.915, abs=0.0005)
    lines = fit.summary(0).splitlines()
    printed = dict(line.split()[:2] for line in lines if line[:2] in ("A ", "B ", "C "))
    assert printed == {"A": "310583.541(30)", "B": "270367.778(42)", "C": "141820.008(27)"}


def test_h2s_with_eight_constants():
    h2s = example("h2s")
    fit = h2s.fit_lines(h2s.make_solver("quartic"))
    assert fit.status.numpy() == [Status.STATIONARY]
    assert np.sqrt(fit.loss[0] / len(h2s.LINES)) == pytest.approx(67, abs=0.5)


def test_silicon_at_three_points():
    """P6: the published parameters; the signs of Vsp and Vs*p have no effect."""
    silicon = example("silicon")
    fit = silicon.fit_levels(silicon.make_solver())
    assert fit.status.numpy() == [Status.STATIONARY]  # the levels are printed to 5 decimals
    assert np.abs(fit.residuals).max() < 6e-6
    found, published = fit.parameters.numpy()[0], silicon.PUBLISHED
    np.testing.assert_allclose(found[:6], published[:6], atol=5e-5)
    np.testing.assert_allclose(np.abs(found[6:]), published[6:], atol=5e-5)


def test_potential_of_mathieu():
    """P3: 2 cos(2x) from the lowest levels, from a flat start."""
    num_points, example_ = 9, example("sturm_liouville")
    count = min(4, len(example_.MATHIEU_LEVELS[num_points]) - 1)
    fit = example_.fit_mathieu(num_points, count)
    assert fit.status.numpy()[0] in (Status.STATIONARY, Status.CONVERGED)
    expected = np.zeros(count)
    expected[1] = 2.0
    np.testing.assert_allclose(fit.parameters[0], expected, atol=2e-7)


def test_jacobi_matrix_from_two_spectra():
    """P2(a): squared off-diagonal elements of Gladwell, Jones & Willms."""
    size, two = 5, example("two_spectra")
    fit = two.fit_spectra(size)
    assert fit.status.numpy() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[0, :size], size - 1, atol=1e-7)
    np.testing.assert_allclose(
        fit.parameters.numpy()[0, size:] ** 2, two.PUBLISHED[size], rtol=1e-7
    )


def test_levels_of_a_nitrogen_vacancy_centre_by_quantum_number(tmp_path: Path):
    """Of the whole matrix, sorted by the expectation value of M; and the figure of the guide."""
    centre = example("nitrogen_vacancy")
    fields = np.array([20.0, 102.0, 102.8, 150.0])
    basis, moment = centre.operators()
    found = centre.levels(fields)
    assert list(found) == ["M=-3/2", "M=-1/2", "M=1/2", "M=3/2"]
    for row, field in enumerate(fields):
        scaled = np.array([1.0, field, 1.0, 1.0]) * [*centre.CONSTANTS.values()]
        values, vectors = np.linalg.eigh(np.tensordot(scaled, basis, 1))
        m = np.einsum("ik,ij,jk->k", vectors, moment, vectors)
        for m_of_block, levels in zip((-1.5, -0.5, 0.5, 1.5), found.values(), strict=True):
            whole = values[np.abs(m - m_of_block) < 1e-6]
            np.testing.assert_allclose(levels[row], whole, atol=1e-9)
    centre.draw(tmp_path / "levels.svg")
    text = (tmp_path / "levels.svg").read_text()
    committed = (EXAMPLES.parent / "images" / "nitrogen_vacancy.svg").read_text()
    for label in ("M=-3/2", "M=-1/2", "M=1/2", "field in mT"):
        assert text.count(f">{label}<") == committed.count(f">{label}<") == 1


def test_masses_of_the_beaded_string(capsys: pytest.CaptureFixture[str]):
    """P5: 30.783 and 17.804 g, as the script prints them."""
    runpy.run_path(str(EXAMPLES / "beaded_string.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.startswith("STATIONARY")
    masses = dict(re.findall(r"^(outer|inner) +(\S+)\(", printed, re.MULTILINE))
    assert float(masses["outer"]) == pytest.approx(30.783e-3, rel=1e-6)
    assert float(masses["inner"]) == pytest.approx(17.804e-3, rel=1e-6)
