"""Chains of masses and springs, and frames of storeys."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg, optimize

from eigenfit.solver import Frequencies, GraphLaplacian, SpectralSolver, Status
from eigenfit.systems import ShearFrame, SpringMass

Springs = list[tuple[str, str, float | str]]

# The four-storey frame of the structural model updating benchmark: masses 12.060 / 386.088 in
# kip s^2/in, stiffnesses in kip/in, and its measured frequencies in Hz.
MASS = 12.060 / 386.088
MEASURED = np.array([0.8828984322951569, 2.7477377900887126, 4.299764477476899, 5.52947433791878])
SHAPES = np.array(
    [
        [-0.3781280960, -0.7191118306, -0.9636915487],
        [-1.0, -0.7201734981, 0.2634076723],
    ]
)
PUBLISHED = np.array([7.52323, 7.3109, 8.81224, 15.77463])


@functools.cache
def frame() -> ShearFrame:
    return ShearFrame(4, MASS, stiffness_unit="kip/in", mass_unit="kip s^2/in")


def matrices(structure: SpringMass, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stiffness and mass of a structure whose parameters are all stiffnesses."""
    rows = tf.constant(x[None], tf.float64)
    sides = structure.stiffness.matrix(rows), structure.mass.matrix(rows[:, :0])
    return sides[0].numpy()[0], sides[1].numpy()[0]


def frame_frequencies(k: np.ndarray) -> np.ndarray:
    stiffness = np.diag(k + np.append(k[1:], 0.0)) - np.diag(k[1:], 1) - np.diag(k[1:], -1)
    return np.sqrt(np.linalg.eigvalsh(stiffness) / MASS) / (2 * np.pi)


def test_a_system_says_what_it_is():
    structure = frame()
    assert structure.parameter_names == ("k1", "k2", "k3", "k4")
    assert structure.parameter_units == dict.fromkeys(structure.parameter_names, "kip/in")
    assert structure.level_names == ("mode 1", "mode 2", "mode 3", "mode 4")
    assert structure.level_unit == "s^-2"
    assert isinstance(structure.usual_observation, Frequencies)


def test_the_published_fit_of_the_frame_to_frequencies_and_shapes():
    """P11: the least-squares solution with the matrices of the system, and its sum of squares."""

    def residuals(k: np.ndarray) -> np.ndarray:
        values, vectors = linalg.eigh(*matrices(frame(), k))
        measured = (2 * np.pi * MEASURED[:2]) ** 2
        found = [(measured - values[:2]) / measured]
        for number, (floor, others) in enumerate(((2, (0, 1)), (0, (1, 2)))):
            shape, wanted = vectors[:3, number], SHAPES[number]
            found.append(wanted[[*others]] / wanted[floor] - shape[[*others]] / shape[floor])
        return np.concatenate(found)

    found = optimize.least_squares(residuals, [10.0, 8.0, 8.0, 12.0], xtol=1e-14)
    np.testing.assert_allclose(found.x, PUBLISHED, rtol=2e-5)
    assert 2 * found.cost == pytest.approx(0.00205623, abs=1e-8)


def test_six_frames_have_the_measured_frequencies(rng):
    """P11: six exact solutions, those that SciPy finds from 400 random starts."""
    starts = np.exp(rng.normal(np.log(12.0), 0.7, size=(60, 4)))
    fit = SpectralSolver(frame()).fit(np.tile(MEASURED, (60, 1)), initial=starts)
    exact = fit.parameters.numpy()[fit.status.numpy() == Status.CONVERGED]
    for k in exact:
        np.testing.assert_allclose(frame_frequencies(k), MEASURED, rtol=1e-7)
    expected = [
        [6.232, 9.65, 11.299, 11.322],
        [7.178, 8.079, 9.034, 14.686],
        [13.99, 5.906, 5.472, 17.013],
        [18.497, 4.186, 15.572, 6.381],
        [31.789, 4.969, 5.254, 9.269],
        [32.559, 4.332, 7.584, 7.192],
    ]
    np.testing.assert_allclose(np.unique(exact.round(3), axis=0), expected, atol=1.1e-3)


def test_a_uniform_chain_between_walls_has_the_frequencies_of_the_textbook():
    """`omega_j = 2 sqrt(k / m) sin(j pi / (2 (n + 1)))`, with one name for all springs."""
    count, k, m = 7, 250.0, 0.4
    names = [f"m{number}" for number in range(count)]
    ends = ["ground", *names, "ground"]
    springs: Springs = [(a, b, "k") for a, b in itertools.pairwise(ends)]
    chain = SpringMass(dict.fromkeys(names, m), springs)
    assert chain.parameter_names == ("k",)
    j = np.arange(1, count + 1)
    exact = np.sqrt(k / m) / np.pi * np.sin(j * np.pi / (2 * (count + 1)))
    fit = SpectralSolver(chain, initial=[100.0]).fit([exact])
    np.testing.assert_allclose(fit.parameters, [[k]], rtol=1e-9)
    free = SpringMass(dict.fromkeys(names, "m"), [(a, b, k) for a, b, _ in springs])
    assert free.parameter_units == {"m": "kg"}
    levels = free.spectrum(tf.constant([[m]], tf.float64))
    np.testing.assert_allclose(levels, [(2 * np.pi * exact) ** 2], rtol=1e-11)


def test_masses_of_the_beaded_string():
    """P5 (Cox, Embree & Hokanson): springs of stiffness tension / length between the beads."""
    levels = np.array([71.07979, 214.49933, 492.03518, 901.98662])  # for a tension of 1 N
    lengths = [0.257, 0.203, 0.203, 0.203, 0.257]
    ends = ["ground", "1", "2", "3", "4", "ground"]
    string = SpringMass(
        {"1": "outer", "2": "inner", "3": "inner", "4": "outer"},
        [(a, b, 1 / d) for a, b, d in zip(ends, ends[1:], lengths, strict=False)],
    )
    solver = SpectralSolver(string, initial=[0.025, 0.025])
    fit = solver.fit([np.sqrt(levels) / (2 * np.pi)])
    np.testing.assert_allclose(fit.parameters, [[30.783e-3, 17.804e-3]], rtol=1e-6)
    assert string.parameter_units == {"outer": "kg", "inner": "kg"}


def test_springs_and_masses_may_both_be_parameters():
    pair = SpringMass(
        {"a": 2.0, "b": "mb"}, [("ground", "a", "k"), ("a", "b", 40.0), ("b", "ground", "k")]
    )
    assert pair.parameter_names == ("k", "mb")
    assert pair.parameter_units == {"k": "N/m", "mb": "kg"}
    k, mb = 70.0, 0.5
    exact = linalg.eigvalsh([[k + 40.0, -40.0], [-40.0, k + 40.0]], np.diag([2.0, mb]))
    levels = pair.spectrum(tf.constant([[k, mb]], tf.float64))
    np.testing.assert_allclose(levels, [exact], rtol=1e-12)


def test_a_long_chain_keeps_its_sparse_form():
    names = [f"m{number}" for number in range(200)]
    chain = SpringMass(
        dict.fromkeys(names, 1.0), [(a, b, f"k{a}") for a, b in itertools.pairwise(names)]
    )
    assert isinstance(chain.stiffness, GraphLaplacian)


def test_a_storey_of_known_stiffness():
    structure = ShearFrame(3, [1.0, 1.0, "roof"], ["k", 800.0, "k"])
    assert structure.parameter_names == ("k", "roof")
    exact = linalg.eigvalsh(
        [[1700.0, -800.0, 0.0], [-800.0, 1700.0, -900.0], [0.0, -900.0, 900.0]],
        np.diag([1.0, 1.0, 0.5]),
    )
    levels = structure.spectrum(tf.constant([[900.0, 0.5]], tf.float64))
    np.testing.assert_allclose(levels, [exact], rtol=1e-12)


@pytest.mark.parametrize(
    ("masses", "springs", "message"),
    [
        ({}, [], "masses must be a dict"),
        ({"a": 0.0}, [("ground", "a", "k")], r"masses\['a'\] must be positive, got 0.0"),
        ({"a": float("nan")}, [("ground", "a", "k")], r"masses\['a'\] must be a finite number"),
        ({"ground": 1.0}, [("ground", "a", "k")], "'ground' cannot be the name of a mass"),
        ({"a": 1.0}, "k", "springs must be a list of"),
        ({"a": 1.0}, [("ground", "a")], r"springs\[0\] must be \(end, end, stiffness or name\)"),
        ({"a": 1.0}, [("ground", "a", True)], r"stiffness of springs\[0\] must be a finite number"),
        ({"top": 1.0}, [("ground", "tpo", "k")], "Did you mean 'top'"),
        ({"a": 1.0}, [("a", "a", "k")], "both ends at 'a'"),
        ({"a": 1.0}, [("ground", "a", 3.0)], "nothing is a parameter"),
    ],
)
def test_wrong_arguments_of_spring_mass(masses, springs, message):
    with pytest.raises(ValueError, match=message) as caught:
        SpringMass(masses, springs)
    assert str(caught.value).startswith("SpringMass: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"storeys": 0, "masses": 1.0}, "storeys must be an integer of at least 1, got 0"),
        ({"storeys": 2, "masses": [1.0]}, "masses must be a list of 2 values, one for each floor"),
        (
            {"storeys": 2, "masses": 1.0, "stiffnesses": "k1"},
            "stiffnesses must be a list of 2 values, one for each storey, got 'k1'",
        ),
    ],
)
def test_wrong_arguments_of_shear_frame(arguments, message):
    with pytest.raises(ValueError, match=message):
        ShearFrame(**arguments)
