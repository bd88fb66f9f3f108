"""The crystal field that is compared with lmfit and PyCrystalField."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import erbium
from eigenfit.problem import Problem

# What lmfit 1.3.4 prints for the same data (benchmarks/erbium/with_lmfit.py).
LMFIT = {
    "B20": (-0.02992466, 2.9659e-04),
    "B40": (-2.9836e-04, 2.1967e-06),
    "B44": (0.00153393, 2.0356e-05),
    "B60": (3.9882e-06, 1.7805e-08),
}


def test_the_problem_file_has_the_fit_of_lmfit():
    fit = Problem.read(Path(erbium.__file__).with_name("erbium.toml")).fit()
    assert float(fit.loss[0]) == pytest.approx(2.11942370, rel=1e-6)
    errors = fit.by_name("standard_errors")
    for name, values in fit.by_name().items():
        value, error = LMFIT[name]
        assert float(values[0]) == pytest.approx(value, abs=1e-3 * error + 1e-4 * abs(value))
        assert float(errors[name][0]) == pytest.approx(error, rel=1e-3)
