"""Problem files of published problems: what their fits find, and what was published."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

import pytest

from eigenfit.cli.init import templates
from eigenfit.problem import Problem
from tests.systems.rotor.molecules import H2COH_CONSTANTS

# The parameters as they were published. A number in brackets is the standard error of the last
# digits, which must be found too.
PUBLISHED: dict[str, dict[str, str]] = {
    "cerium": {"B20": "0.37737", "B22": "3.9770"},
    "caesium": {"A": "2298.1579425"},
    # Computed from levels with two decimals, so the parameters are near those of the publication
    # (see the next test): these are of SciPy's least_squares and the Jacobian at its solution.
    "mn12": {
        "B20": "-0.01900584(496)",
        "B40": "-0.0000027496(161)",
        "B44": "-0.000003299(361)",
        "B22": "0.0006429(372)",
    },
    "h2coh": H2COH_CONSTANTS["S", "I^r"],
    # The bond matrix elements of the paper as two-centre integrals, see the file.
    "silicon": {
        "Es": "-4.2000",
        "Ep": "1.7150",
        "Es*": "6.6850",
        "ss": "-2.0750",
        "sp": "2.4808",
        "s*p": "2.3274",
        "pps": "2.7162",
        "ppp": "-0.7150",
    },
    "polyacetylene": {"short": "2.85", "long": "2.15"},
    "beaded_string": {"outer": "0.030783", "inner": "0.017804"},
    "additive": {
        "c1": "11.90787610",
        "c2": "19.70552151",
        "c3": "30.54549819",
        "c4": "40.06265749",
        "c5": "51.58714029",
        "c6": "64.70213143",
        "c7": "70.17067582",
        "c8": "71.31849917",
    },
    "toeplitz": {"t0": "3.0000", "t1": "-1.0000", "t2": "0.5000", "t3": "-0.2500", "t4": "0.1250"},
}
# The examples of systems with published numbers; tests/cli fits them.
ELSEWHERE = {"crystal_field", "rotor", "shear_frame"}


def numbers(text: str) -> tuple[float, float | None, float]:
    """Value, standard error if any, and one unit of the last digit."""
    found = re.fullmatch(r"(-?\d+\.(\d+))(?:\((\d+)\))?", text)
    assert found is not None
    digit = 10.0 ** -len(found[2])
    return float(found[1]), None if found[3] is None else int(found[3]) * digit, digit


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_fit_finds_the_published_numbers(name: str):
    path = templates()[name][0]
    fit = Problem.read(path).fit()
    assert (fit.status.numpy() > 0).all()
    assert set(fit.by_name()) == set(PUBLISHED[name])
    errors = fit.by_name("standard_errors")
    for parameter, values in fit.by_name().items():
        value, error, digit = numbers(PUBLISHED[name][parameter])
        # A fit ends within a thousandth of a standard error.
        slack = 0.51 * digit + 2e-3 * (error or 0.0)
        assert float(values[0]) == pytest.approx(value, abs=slack), parameter
        if error is not None:
            assert float(errors[parameter][0]) == pytest.approx(error, abs=slack), parameter


def test_mn12_agrees_with_the_published_parameters():
    """Within two standard errors, those of SciPy's fit to the rounded levels."""
    published = {"B20": -0.0570 / 3, "B40": -2.78e-6, "B44": -3.2e-6, "B22": 6.8e-4}
    for name, text in PUBLISHED["mn12"].items():
        value, error, _ = numbers(text)
        assert error is not None
        assert abs(value - published[name]) < 2 * error


def test_every_system_has_two_published_problems():
    counts = Counter()
    for name in [*PUBLISHED, *ELSEWHERE]:
        file = tomllib.loads(templates()[name][0].read_text(encoding="utf-8"))
        kind = file["system"]["type"]
        # A frame of storeys is a chain of masses and springs.
        counts["spring_mass" if kind == "shear_frame" else kind] += 1
    assert {kind for kind, count in counts.items() if count >= 2} == {
        *("crystal_field", "matrices", "rotor", "spin_system", "spring_mass", "tight_binding")
    }


def test_every_file_of_a_published_problem_is_fitted():
    systems = {name for name, (path, *_) in templates().items() if is_of_system(name, path)}
    assert set(templates()) - systems == set(PUBLISHED)


def is_of_system(name, path) -> bool:
    return tomllib.loads(path.read_text(encoding="utf-8"))["system"]["type"] == name
