"""The examples that fit published problems find the published numbers."""

import importlib.util
import re
import runpy
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

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
    sys.path.insert(0, str(EXAMPLES))  # as for a script, which may import its neighbours
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(EXAMPLES))
    return module


def texts(svg: Path) -> list[str]:
    """What is written in a figure."""
    found = re.findall(r"<text[^>]*>([^<]+)</text>", svg.read_text())
    assert len(found) > 5
    return found


def check_figure(name: str, folder: Path, *results: Any) -> None:
    """The example draws what is committed, up to the version of Matplotlib."""
    drawn, committed = folder / f"{name}.svg", EXAMPLES.parent / "images" / f"{name}.svg"
    example(name).draw(*results, drawn)
    assert texts(drawn) == texts(committed)
    for figure in (drawn, committed):
        assert figure.stat().st_size < 60_000


def test_h2s_with_fifteen_constants(tmp_path: Path):
    """P8: weighted rms, and A, B, C with their standard errors to the printed digits."""
    h2s = example("h2s")
    fit = h2s.fit_lines(h2s.make_solver())
    assert fit.status.numpy() == [Status.STATIONARY]
    assert np.sqrt(fit.loss[0] / len(h2s.LINES)) == pytest.approx(0.915, abs=0.0005)
    lines = fit.summary(0).splitlines()
    printed = dict(line.split()[:2] for line in lines if line[:2] in ("A ", "B ", "C "))
    assert printed == {"A": "310583.541(30)", "B": "270367.778(42)", "C": "141820.008(27)"}
    check_figure("h2s", tmp_path, fit)


def test_h2s_with_eight_constants():
    h2s = example("h2s")
    fit = h2s.fit_lines(h2s.make_solver("quartic"))
    assert fit.status.numpy() == [Status.STATIONARY]
    assert np.sqrt(fit.loss[0] / len(h2s.LINES)) == pytest.approx(67, abs=0.5)


def test_silicon_at_three_points(tmp_path: Path):
    """P6: the published parameters; the signs of Vsp and Vs*p have no effect."""
    silicon = example("silicon")
    fit = silicon.fit_levels(silicon.make_solver())
    assert fit.status.numpy() == [Status.STATIONARY]  # the levels are printed to 5 decimals
    assert np.abs(fit.residuals).max() < 6e-6
    found, published = fit.parameters.numpy()[0], silicon.PUBLISHED
    np.testing.assert_allclose(found[:6], published[:6], atol=5e-5)
    np.testing.assert_allclose(np.abs(found[6:]), published[6:], atol=5e-5)
    check_figure("silicon", tmp_path, fit)


def test_potential_of_mathieu(tmp_path: Path):
    """P3: 2 cos(2x) from the lowest levels, from a flat start."""
    num_points, count = 31, 4
    fit = example("sturm_liouville").fit_mathieu(num_points, count)
    assert fit.status.numpy()[0] in (Status.STATIONARY, Status.CONVERGED)
    expected = np.zeros(count)
    expected[1] = 2.0
    np.testing.assert_allclose(fit.parameters[0], expected, atol=2e-7)
    check_figure("sturm_liouville", tmp_path, fit, num_points)


def test_jacobi_matrix_from_two_spectra(tmp_path: Path):
    """P2(a): squared off-diagonal elements of Gladwell, Jones & Willms."""
    size, two = 5, example("two_spectra")
    fit = two.fit_spectra(size)
    assert fit.status.numpy() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[0, :size], size - 1, atol=1e-7)
    np.testing.assert_allclose(
        fit.parameters.numpy()[0, size:] ** 2, two.PUBLISHED[size], rtol=1e-7
    )
    check_figure("two_spectra", tmp_path, fit, size)


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


def test_masses_of_the_beaded_string(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """P5: 30.783 and 17.804 g, as the script prints them."""
    monkeypatch.chdir(tmp_path)
    variables = runpy.run_path(str(EXAMPLES / "beaded_string.py"), run_name="__main__")
    check_figure("beaded_string", tmp_path, variables["fit"])
    printed = capsys.readouterr().out
    assert printed.startswith("STATIONARY")
    masses = dict(re.findall(r"^(outer|inner) +(\S+)\(", printed, re.MULTILINE))
    assert float(masses["outer"]) == pytest.approx(30.783e-3, rel=1e-6)
    assert float(masses["inner"]) == pytest.approx(17.804e-3, rel=1e-6)


def test_crystal_field_of_holmium(tmp_path: Path):
    """P7: the optimum of the 17-level model that SciPy finds, to the printed digits."""
    holmium = example("holmium")
    fit = holmium.fit_levels(holmium.make_solver())
    assert fit.status.numpy() == [Status.STATIONARY]
    assert fit.parameters.numpy()[0].round().tolist() == [-613, -1247, 346, 495, -8]
    assert np.sqrt(fit.loss[0] / 13) == pytest.approx(5.24, abs=0.005)
    check_figure("holmium", tmp_path, fit)


def test_hyperfine_lines_of_caesium_fluoride(tmp_path: Path):
    """P9: the published constants, their errors, and the weighted rms."""
    csf = example("caesium_fluoride")
    fit = csf.fit_lines()
    assert fit.status.numpy() == [Status.STATIONARY]
    assert np.sqrt(fit.loss[0] / 14) == pytest.approx(0.85537, abs=1e-5)
    errors = np.array([46e-5, 118e-7, 84e-6, 95e-6, 218e-7])
    distance = fit.parameters.numpy()[0] - [*csf.PUBLISHED.values()]
    np.testing.assert_array_less(np.abs(distance), 0.05 * errors)
    np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=0.02)
    check_figure("caesium_fluoride", tmp_path, fit)


def test_k_p_bands(tmp_path: Path):
    """P10: the best rms known, with parameters that the bands do not determine."""
    bands = example("kp_bands")
    solver = bands.SpectralSolver(bands.bands())
    fit = bands.fit_bands(solver)
    best = int(np.argmin(fit.loss))
    assert fit.status.numpy()[best] == Status.STATIONARY
    assert np.sqrt(fit.loss[best] / 55) == pytest.approx(1.3807e-4, abs=5e-9)
    assert np.isinf(fit.standard_errors.numpy()[best]).any()
    check_figure("kp_bands", tmp_path, solver, fit, best)


def test_frames_of_four_storeys(tmp_path: Path):
    """P11: the frames with the measured frequencies, whose eigenvalues are NumPy's."""
    storeys = example("four_storeys")
    frames = storeys.find_frames()
    assert frames[:, 0].round(1).tolist() == [6.2, 7.2, 14.0, 18.5, 31.8, 32.6]
    for k in frames:
        stiffness = np.diag(k + np.append(k[1:], 0.0)) - np.diag(k[1:], 1) - np.diag(k[1:], -1)
        hertz = np.sqrt(np.linalg.eigvalsh(stiffness) / storeys.FLOOR) / (2 * np.pi)
        np.testing.assert_allclose(hertz, storeys.MEASURED, rtol=1e-6)
    check_figure("four_storeys", tmp_path, frames)


def test_diagonal_of_friedland_nocedal_and_overton(tmp_path: Path):
    """P1: the solution, and the norms that the paper prints, to their digits."""
    additive = example("additive")
    trace = additive.trace_fit()
    np.testing.assert_allclose(trace.parameters[0, -1], additive.SOLUTION, atol=1e-8)
    norms = np.sqrt(trace.loss.numpy()[0])
    np.testing.assert_allclose(norms[:5], additive.NEWTON[:5], rtol=0.05)
    assert norms[5] < 1e-11
    check_figure("additive", tmp_path, trace)
