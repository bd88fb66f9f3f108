"""Rotational levels: their names, the constants of molecules, and matrix elements."""

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import SpectralSolver, Status, Transitions
from eigenfit.systems import Rotor
from eigenfit.systems.rotor import label, operators, quantum_numbers

from .molecules import (
    H2COH,
    H2COH_CONSTANTS,
    H2COH_ERROR,
    H2S_CONSTANTS,
    check_constants,
    rounded,
)

REPRESENTATIONS = ("I^r", "I^l", "II^r", "II^l", "III^r", "III^l")
LITHE = {"A": 9.3, "B": 5.1, "C": 3.4}  # an asymmetric top


def levels(rotor, constants: dict[str, float]) -> dict[str, float]:
    """The levels by name."""
    x = [[constants.get(name, 0.0) for name in rotor.parameter_names]]
    energies = rotor.spectrum(tf.constant(x, tf.float64)).numpy()[0]
    return dict(zip(rotor.level_names, energies, strict=True))


def h2s_lines():
    path = Path(__file__).parents[3] / "docs" / "examples" / "h2s.py"
    spec = importlib.util.spec_from_file_location("h2s_of_rotor", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LINES, module.ROUGH


@pytest.mark.parametrize("reduction", ["S", "A"])
def test_sextic_constants_of_h2s(reduction):
    """P8: 15 constants from 28 lines, and their errors, as SPFIT prints them."""
    lines, rough = h2s_lines()
    pairs = [line[:2] for line in lines]
    rotor = Rotor(4, reduction=reduction, order="sextic", lines=pairs)
    start = dict.fromkeys(rotor.parameter_names, 0.0) | rough
    solver = SpectralSolver(rotor, initial=start, absolute_sigma=True)
    fit = solver.fit(
        [[line.frequency for line in lines]], weights=[[1 / line.uncertainty for line in lines]]
    )
    assert fit.status.numpy() == [Status.STATIONARY]
    check_constants(fit, H2S_CONSTANTS[reduction, "I^r"])


@pytest.mark.parametrize(("reduction", "representation"), list(H2COH_CONSTANTS)[1:])
def test_quartic_constants_of_protonated_formaldehyde(reduction, representation):
    """The A reduction, and the oblate basis; that of the S reduction is read from files."""
    expected = H2COH_CONSTANTS[reduction, representation]
    rotor = Rotor(
        11,
        reduction=reduction,
        representation=representation,
        lines=[line[:2] for line in H2COH],
    )
    solver = SpectralSolver(
        rotor, initial=rounded(expected), sigma=H2COH_ERROR, absolute_sigma=True
    )
    fit = solver.fit([[line[2] for line in H2COH]])
    assert fit.status.numpy() == [Status.STATIONARY]
    check_constants(fit, expected)


@functools.cache
def rigid(representation: Any) -> dict[str, float]:
    return levels(Rotor(7, representation=representation, order="quadratic"), LITHE)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_names_of_levels(representation):
    """The 2J + 1 levels of one J ascend with Ka - Kc from -J to J, whatever the representation."""
    found = rigid(representation)
    assert len(found) == 8**2
    square = sum(value * operators(5, "S", representation)[name] for name, value in LITHE.items())
    whole = np.linalg.eigvalsh(square)
    for j in range(8):
        own = {quantum_numbers(n, "asymmetric"): e for n, e in found.items() if n[0] == str(j)}
        ascending = sorted(own, key=lambda n: own[n])
        assert [ka - kc for _, ka, kc in ascending] == list(range(-j, j + 1))
        assert all(ka + kc in (j, j + 1) for _, ka, kc in own)
    np.testing.assert_allclose(
        sorted(e for n, e in found.items() if n[0] == "5"), whole, rtol=1e-12
    )


def test_rigid_levels_of_the_textbook():
    """J = 1 and J = 2 in closed form (Gordy & Cook, Microwave Molecular Spectra)."""
    a, b, c = LITHE.values()
    found = rigid("II^r")
    root = 2 * np.sqrt((b - c) ** 2 + (a - c) * (a - b))
    exact = {
        "0_00": 0.0,
        "1_01": b + c,
        "1_11": a + c,
        "1_10": a + b,
        "2_02": 2 * (a + b + c) - root,
        "2_12": a + b + 4 * c,
        "2_11": a + 4 * b + c,
        "2_21": 4 * a + b + c,
        "2_20": 2 * (a + b + c) + root,
    }
    assert {name: found[name] for name in exact} == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("reduction", ["A", "S"])
def test_matrix_elements_of_the_literature(reduction):
    """Watson (1977): diagonal elements, and those that change K by 2, 4 and 6, in I^r."""
    j, rng = 7, np.random.default_rng(3)
    matrices = operators(j, reduction, "I^r")
    x = dict(zip(matrices, rng.normal(size=len(matrices)), strict=True))
    found = sum(value * matrices[name] for name, value in x.items())
    s = j * (j + 1)
    k = np.arange(-j, j + 1)
    up = np.sqrt(s - k * (k + 1.0))  # <K+1| J+ |K>
    if reduction == "A":
        minor = [x[n] for n in ("DeltaJ", "DeltaJK", "DeltaK", "PhiJ", "PhiJK", "PhiKJ", "PhiK")]
    else:
        minor = [x[n] for n in ("DJ", "DJK", "DK", "HJ", "HJK", "HKJ", "HK")]
    dj, djk, dk, hj, hjk, hkj, hk = minor
    mean = (x["B"] + x["C"]) / 2
    diagonal = mean * s + (x["A"] - mean) * k**2 - dj * s**2 - djk * s * k**2 - dk * k**4
    diagonal = diagonal + hj * s**3 + hjk * s**2 * k**2 + hkj * s * k**4 + hk * k**6.0
    expected = np.diag(diagonal)
    for q in (2, 4, 6):
        for low in range(2 * j + 1 - q):
            one, two = k[low], k[low + q]
            if reduction == "S":
                factor = {
                    2: (x["B"] - x["C"]) / 4 + x["d1"] * s + x["h1"] * s**2,
                    4: x["d2"] + x["h2"] * s,
                    6: x["h3"],
                }[q]
            else:
                squares, fourths = (one**2 + two**2) / 2, (one**4 + two**4) / 2
                factor = (x["B"] - x["C"]) / 4 - x["deltaJ"] * s - x["deltaK"] * squares
                factor += x["phiJ"] * s**2 + x["phiJK"] * s * squares + x["phiK"] * fourths
                factor *= q == 2
            value = factor * np.prod(up[low : low + q])
            expected[low, low + q] = expected[low + q, low] = value
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize(("top", "axial"), [("prolate", "A"), ("oblate", "C")])
def test_a_symmetric_top_is_an_asymmetric_one_with_equal_constants(top, axial):
    rotor = Rotor(6, top, order="sextic")
    rng = np.random.default_rng(5)
    x = dict(zip(rotor.parameter_names, rng.normal(size=rotor.num_parameters), strict=True))
    x |= {axial: 8.0 if top == "prolate" else 2.0, "B": 4.0}
    x |= {name: 1e-4 * value for name, value in x.items() if name[0] in "DH"}
    assert rotor.parameter_names[:2] == (axial, "B")
    other = "C" if top == "prolate" else "A"
    general = Rotor(6, representation="I^r" if top == "prolate" else "III^r", order="sextic")
    wanted = levels(general, x | {other: x["B"]})
    found = levels(rotor, x)
    for name, energy in wanted.items():
        j, ka, kc = quantum_numbers(name, "asymmetric")
        own = label(j, ka if top == "prolate" else kc)
        assert energy == pytest.approx(found[own], rel=1e-9, abs=1e-9)
    assert len(found) == 7 * 8 // 2


def test_lines_of_a_symmetric_top():
    """`2 (J + 1)(B - DJK K^2) - 4 DJ (J + 1)^3`: A and DK have no effect and are left out."""
    b, dj, djk = 9198.9, 3.8e-3, 0.177
    pairs = [(f"{j + 1}_{k}", f"{j}_{k}") for j, k in ((5, 0), (5, 3), (8, 1), (8, 6))]
    rotor = Rotor(9, "prolate", parameters=["B", "DJ", "DJK"], lines=pairs)
    exact = [
        2 * (j + 1) * (b - djk * k**2) - 4 * dj * (j + 1) ** 3
        for j, k in ((5, 0), (5, 3), (8, 1), (8, 6))
    ]
    fit = SpectralSolver(rotor, initial=[9000.0, 0.0, 0.0]).fit([exact])
    np.testing.assert_allclose(fit.parameters, [[b, dj, djk]], rtol=1e-6)
    assert rotor.names is not None
    assert rotor.names[:3] == ("J=0 K=0", "J=1 K=0", "J=1 K=1")


def test_a_rotor_says_what_it_is():
    rotor = Rotor(2, order="quadratic", unit="cm^-1", lines=[("1_10", "1_01")])
    assert rotor.level_unit == "cm^-1"
    assert rotor.parameter_units == {"A": "cm^-1", "B": "cm^-1", "C": "cm^-1"}
    assert rotor.names == (
        *("J=0 ee", "J=1 eo", "J=1 oo", "J=1 oe"),
        *("J=2 ee", "J=2 oe", "J=2 oo", "J=2 eo"),
    )
    assert isinstance(rotor.usual_observation, Transitions)
    assert Rotor(2).usual_observation is None


def test_names_of_large_quantum_numbers():
    names = set(Rotor(12, order="quadratic").level_names or ())
    assert {"12_12_1", "12_2_10", "9_90", "10_0_10"} <= names
    assert quantum_numbers("12_12_1", "asymmetric") == (12, 12, 1)
    assert quantum_numbers("J=7", "linear") == (7,)
    assert quantum_numbers("12_11", "oblate") == (12, 11)
    with pytest.raises(ValueError, match="a level of this top is called 3_12 or 12_2_10, not '3'"):
        quantum_numbers("3", "asymmetric")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_j": 0}, "max_j must be an integer of at least 1, got 0"),
        ({"top": "spherical"}, "top must be one of 'asymmetric', 'prolate', 'oblate', 'linear'"),
        ({"reduction": "B"}, "reduction must be one of 'S', 'A', got 'B'"),
        ({"representation": "Ir"}, r"got 'Ir'. Did you mean 'I\^r'"),
        ({"top": "linear", "reduction": "A"}, "but top is 'linear'; leave them out"),
        ({"order": "octic"}, "order must be one of 'quadratic', 'quartic', 'sextic'"),
        ({"order": "quartic", "parameters": ["A"]}, "give either parameters or order"),
        ({"parameters": ["A", "DeltJ"], "reduction": "A"}, "Did you mean 'DeltaJ'"),
        ({"parameters": ["A", "deltaJ"]}, "no constant 'deltaJ'; the constants of this rotor are"),
        ({"parameters": ["A", "A"]}, "parameters must be different constants"),
        ({"parameters": "A"}, "parameters must be a list of constants"),
        ({"order": "sextic", "max_j": 2}, "h3 has no effect on levels up to J = 2"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Rotor(**({"max_j": 4} | arguments))
