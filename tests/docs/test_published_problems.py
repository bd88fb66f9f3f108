"""The examples that fit published problems find the published numbers."""

import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from eigenfit.solver import Status

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
    printed = dict(line.split() for line in lines if line[:2] in ("A ", "B ", "C "))
    assert printed == {"A": "310583.541(30)", "B": "270367.778(42)", "C": "141820.008(27)"}


def test_h2s_with_eight_constants():
    h2s = example("h2s")
    fit = h2s.fit_lines(h2s.make_solver(h2s.NUM_QUARTIC))
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


@pytest.mark.parametrize("num_points", [9, 31])
def test_potential_of_mathieu(num_points):
    """P3: 2 cos(2x) from the lowest levels, from a flat start."""
    example_ = example("sturm_liouville")
    count = min(4, len(example_.MATHIEU_LEVELS[num_points]) - 1)
    fit = example_.fit_mathieu(num_points, count)
    assert fit.status.numpy()[0] in (Status.STATIONARY, Status.CONVERGED)
    expected = np.zeros(count)
    expected[1] = 2.0
    np.testing.assert_allclose(fit.parameters[0], expected, atol=2e-7)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_jacobi_matrix_from_two_spectra(size):
    """P2(a): squared off-diagonal elements of Gladwell, Jones & Willms."""
    two = example("two_spectra")
    fit = two.fit_spectra(size)
    assert fit.status.numpy() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[0, :size], size - 1, atol=1e-7)
    np.testing.assert_allclose(
        fit.parameters.numpy()[0, size:] ** 2, two.PUBLISHED[size], rtol=1e-7
    )


def test_masses_of_the_beaded_string():
    """P5: 30.783 and 17.804 g."""
    fit = example("beaded_string").fit_masses()
    assert fit.status.numpy() == [Status.STATIONARY]
    np.testing.assert_allclose(fit.parameters[0], [30.783e-3, 17.804e-3], rtol=1e-6)


def test_examples_run_as_scripts():
    script = EXAMPLES / "beaded_string.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert "outer  0.0307830" in done.stdout
