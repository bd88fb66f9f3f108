"""Crystal fields: published levels, fits, magnetic fields, wrong arguments."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Levels, Observable, SpectralSolver, Spin, Status, Sweep
from eigenfit.systems import CrystalField

from .helpers import affine, family, levels_by_block, levels_of

# Stevens parameters in meV and levels that programs print. Mantid: its page of the algorithm
# CrystalFieldEnergies, and the cubic field of its tests. PyCrystalField 2.3: its examples
# Sample-Fit_Pr2Sn2O7, YTO_importCIF and NSZO_LS_basis, where parameters have 8 decimals.
PUBLISHED = {
    "Mantid, Ce3+": (
        {"ion": "Ce3+", "point_group": "C2v"},
        {"B20": 0.37737, "B22": 3.9770, "B40": -0.031787, "B42": -0.11611, "B44": -0.12544},
        [0, 29.32611185, 44.3412485],
        1e-7,
    ),
    "Mantid, Ce3+, its test of peaks": (
        {"ion": "Ce3+", "point_group": "mm2"},
        {"B20": 0.37737, "B22": 3.9770},
        [0, 24.4006198, 42.4977124],
        1e-7,
    ),
    "Mantid, cubic": ({"ion": "Ce3+", "point_group": "Oh"}, {"B40": 1.0}, [0, 360, 360], 1e-9),
    "Pr3+ in Pr2Sn2O7": (
        {"ion": "Pr3+", "point_group": "D3d"},
        {
            "B20": -0.643611,
            "B40": -0.04072296,
            "B43": 0.30489587,
            "B60": 0.00042397,
            "B63": 0.00386348,
            "B66": 0.00402167,
        },
        [0, 0, 14.98082, 60.29656, 60.29656, 92.36963, 105.20619, 105.20619, 108.63557],
        2e-4,
    ),
    "Yb3+ in Yb2Ti2O7": (
        {"ion": "Yb3+", "point_group": "-3m"},
        {
            "B20": 0.53552196,
            "B40": -0.04430884,
            "B43": 0.33472584,
            "B60": 0.00032957,
            "B63": 0.00302494,
            "B66": 0.00313667,
        },
        [0, 38.61543, 47.1095, 75.14028],
        2e-4,
    ),
    "Nd3+ in Nd3Sb3Zn2O14, all q": (
        {"ion": "Nd3+"},
        {
            "B20": 0.14657901,
            "B21": 0.22758184,
            "B22": 0.10128125,
            "B40": -0.01283336,
            "B41": 0.00036094,
            "B42": -0.00300303,
            "B43": 0.11853757,
            "B44": 0.00877636,
            "B60": -0.00016988,
            "B61": -8.884e-05,
            "B62": 0.00012978,
            "B63": -0.00227154,
            "B64": -0.0002033,
            "B65": 0.00030314,
            "B66": -0.00231425,
        },
        [0, 1.98934, 18.02555, 30.30832, 68.43889],
        2e-4,
    ),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_levels(case):
    arguments, values, published, error = PUBLISHED[case]
    if "point_group" not in arguments:
        arguments = {**arguments, "parameters": list(values)}
    field = CrystalField(**arguments)
    missing = {name: 0.0 for name in field.parameter_names if name not in values}
    levels = levels_of(field, **values, **missing)
    levels = levels.reshape(len(published), -1).mean(axis=1)
    np.testing.assert_allclose(levels - levels[0], published, atol=error)


# Mujaji & Wells: levels of Ho3+ in KY3F10, cm^-1, and how many states each has.
HOLMIUM = [0.0, 5.8, 19.7, 48.4, 95.0, 110.0, 126.4, 174.9, 213.9, 246.4, 270.1, 273.8, 282.0]
MULTIPLICITY = [1, 1, 2, 2, 1, 1, 1, 1, 2, 1, 2, 1, 1]


def test_holmium_in_kyf():
    """P7 by its usual name; 5.2 cm^-1 at the Wybourne parameters that SciPy finds."""
    field = CrystalField("Ho3+", point_group="C4v", convention="wybourne", unit="cm^-1")
    assert field.level_unit == "cm^-1"
    assert field.parameter_units == dict.fromkeys(("B20", "B40", "B44", "B60", "B64"), "cm^-1")
    solver = SpectralSolver(field, observation=Levels("mean", multiplicity=MULTIPLICITY))
    start = [[-669.0, -1269.0, 344.0, 525.0, 9.0]]
    fit = solver.fit([HOLMIUM], initial=start)
    assert fit.status.numpy() == [Status.STATIONARY]
    assert np.sqrt(np.mean(fit.residuals.numpy() ** 2)) == pytest.approx(5.2, abs=0.1)
    np.testing.assert_allclose(fit.parameters, [[-613, -1247, 346, 495, -8]], atol=1)


@cache
def cerium():
    return SpectralSolver(CrystalField("Ce3+", point_group="C2v"))


def test_kramers_doublets_are_one_datum_each():
    """From Mantid's energies back to levels; three doublets cannot give five parameters."""
    assert cerium().num_targets == 3
    held = CrystalField("Ce3+", point_group="C2v")
    held = held.with_fixed({"B40": -0.031787, "B42": -0.11611, "B44": -0.12544})
    fit = SpectralSolver(held).fit([[0, 29.32611185, 44.3412485]], initial=[[0.4, 3.5]])
    assert fit.status.numpy() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[0.37737, 3.977]], rtol=1e-6)
    assert SpectralSolver(CrystalField("Pr3+", parameters=["B20"])).num_targets == 9


# P14: 1/chi of the same ion along x, y, z in T per Bohr magneton, by temperature in K.
INVERSE_CHI = {
    20.0: [355.535, 6.598, 228.931],
    80.0: [379.215, 26.637, 233.52],
    200.0: [338.447, 78.377, 225.754],
}


def test_inverse_susceptibility_of_cerium():
    """M = -dF/dB: the free energies without field and in a small field along each axis."""
    field = CrystalField("Ce3+", point_group="C2v", field="xyz", limit=4)
    assert isinstance(field, Sweep)
    assert field.condition_names == ("Bx", "By", "Bz")
    small, bohr, kelvin = 0.05, 0.05788382, 0.0861733
    energies = kelvin * np.array(list(INVERSE_CHI))

    def inverse_chi(levels):  # [rows, fields, states]
        energy = levels[:, :, None] - tf.reduce_min(levels, axis=[1, 2])[:, None, None, None]
        temperature = tf.constant(energies, levels.dtype)[:, None]
        states = -temperature[:, 0] * tf.reduce_logsumexp(-energy / temperature, axis=-1)
        chi = 2.0 * (states[:, :1] - states[:, 1:]) / small**2 / bohr
        return tf.reshape(1.0 / tf.linalg.matrix_transpose(chi), [-1, 9])

    solver = SpectralSolver(field, observation=Observable(inverse_chi, 9))
    conditions = np.vstack([np.zeros(3), small * np.eye(3)])
    point = [[0.37737, 3.9770, -0.031787, -0.11611, -0.12544]]
    levels = solver.spectrum(point, conditions=conditions)
    found = solver.comparison.observe(levels).numpy().reshape(3, 3)
    np.testing.assert_allclose(found, list(INVERSE_CHI.values()), rtol=0, atol=6e-4)


def test_field_along_one_axis_splits_by_the_lande_factor():
    """Without crystal field: g_J mu_B B m; here 1 T along z in cm^-1."""
    field = CrystalField("Er3+", parameters=["B20"], field="z", limit=2, unit="cm^-1")
    solver = SpectralSolver(field)
    levels = solver.spectrum([[0.0]], conditions=[0.0, 1.0]).numpy()[0].reshape(2, 16)
    step = 1.2 * 0.46686447719
    np.testing.assert_allclose(levels, [np.zeros(16), step * np.arange(-7.5, 8)], atol=1e-12)
    assert solver.num_targets == 32
    own = CrystalField(j=7.5, parameters=["B20"], field="x", unit="K", lande=2.0)
    levels = SpectralSolver(own).spectrum([[0.0]], conditions=[1.0]).numpy()[0]
    np.testing.assert_allclose(np.diff(levels), 2 * 0.67171381472, atol=1e-12)


def test_any_spin_and_any_factors():
    spin = affine(CrystalField(j=2, parameters=["B20", "B4-3"]))
    np.testing.assert_allclose(spin.basis[1], Spin(2).stevens(4, -3), atol=1e-12)
    gadolinium = affine(
        CrystalField("Gd3+", parameters=["B20"])
    )  # an effective field on a pure spin
    np.testing.assert_allclose(gadolinium.basis[0], Spin(3.5).stevens(2, 0), atol=1e-12)
    table = affine(CrystalField("Tb3+", parameters=["B20"], convention="wybourne"))
    given = CrystalField(
        j=6, parameters=["B20"], convention="wybourne", stevens_factors=[-1 / 99, 0, 0]
    )
    np.testing.assert_allclose(affine(given).basis, table.basis, rtol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"ion": "Ho3+", "point_group": "C4v"}, ("mu=0", "mu=1", "mu=2")),
        ({"ion": "Er3+", "point_group": "C4"}, ("mu=1/2", "mu=3/2")),
        ({"ion": "Pr3+", "point_group": "C3v"}, ("mu=0", "mu=1")),
        ({"ion": "Dy3+", "point_group": "C3"}, ("mu=1/2", "mu=3/2")),
        ({"ion": "Yb3+", "parameters": ["B20", "B40"]}, ("mu=1/2", "mu=3/2", "mu=5/2", "mu=7/2")),
        ({"ion": "Tb3+", "point_group": "Oh"}, ("mu=0", "mu=1", "mu=2")),
    ],
)
def test_blocks_of_the_crystal_quantum_number_have_all_levels(arguments, names):
    """mu and -mu have the same levels; those of mu = 0 and n / 2 are their own partners."""
    whole, blocks = CrystalField(**arguments), CrystalField(**arguments, blocks="mu")
    assert family(blocks).names == names
    size = np.random.default_rng(0).normal(size=whole.num_parameters)
    ranks = [int(name[1]) for name in whole.parameter_names]
    values = {
        name: value * {2: 0.3, 4: 0.02, 6: 1e-4}[rank]
        for name, value, rank in zip(whole.parameter_names, size, ranks, strict=True)
    }
    found = levels_by_block(blocks, **values)
    spin = whole.size / 2 - 0.5
    own = {"mu=0", "mu=2"} if "mu=2" in names else {"mu=0"}
    if arguments.get("point_group") == "C3":
        own = {"mu=3/2"}
    every = [level for name, part in found.items() for level in [*part] * (1 + (name not in own))]
    np.testing.assert_allclose(np.sort(every), levels_of(whole, **values), atol=1e-9)
    # Each doublet of a half-integer J is one target.
    if spin % 1:
        assert SpectralSolver(blocks).num_targets == whole.size // 2


WRONG = {
    "ion must be one of Ce3+.*got 'Ho'. Did you mean 'Ho3\\+'": {"ion": "Ho", "point_group": "C1"},
    "7F0 of Eu3\\+ is a single state": {"ion": "Eu3+", "parameters": ["B20"]},
    "give either ion": {"ion": "Ho3+", "j": 8, "parameters": ["B20"]},
    "j must be a multiple of one half and at least 1": {"j": 0.5, "parameters": ["B20"]},
    "give either parameters": {"ion": "Ho3+"},
    "parameters must be names such as .* got 'B22c'": {"ion": "Ho3+", "parameters": ["B22c"]},
    "from -k to k, got 'B25'": {"ion": "Ho3+", "parameters": ["B25"]},
    "list of different names, such as .* got 'B20'": {"ion": "Ho3+", "parameters": "B20"},
    "list of different names": {"ion": "Ho3+", "parameters": ["B20", "B20"]},
    "point_group must be one of C1.*got 'C4V'. Did you mean 'C4v'": {
        "ion": "Ho3+",
        "point_group": "C4V",
    },
    "splits no multiplet with 2 J = 3": {"j": 1.5, "point_group": "Oh"},
    "rank k must be at most 2 J": {"ion": "Ce3+", "parameters": ["B60"]},
    "convention must be": {"ion": "Ho3+", "parameters": ["B20"], "convention": "newman"},
    "theta_2, which is not known": {"j": 2, "parameters": ["B20"], "convention": "wybourne"},
    "theta_2, which is 0 for 8S7/2": {
        "ion": "Gd3+",
        "parameters": ["B20"],
        "convention": "wybourne",
    },
    "stevens_factors must be the three numbers": {
        "j": 2,
        "parameters": ["B20"],
        "stevens_factors": [1.0, np.nan, 0.0],
    },
    "lande must be a finite number, got nan": {"j": 2, "parameters": ["B20"], "lande": np.nan},
    "needs the Landé factor": {"j": 2, "parameters": ["B20"], "field": "z"},
    "unit must be one of eV": {
        "ion": "Ho3+",
        "parameters": ["B20"],
        "field": "z",
        "unit": "kJ/mol",
    },
    "field must name the components.*got 'zx'": {
        "ion": "Ho3+",
        "parameters": ["B20"],
        "field": "zx",
    },
    'blocks="mu" needs an axis of rotation': {"ion": "Ho3+", "point_group": "C1", "blocks": "mu"},
    'blocks must be "none" or "mu"': {"ion": "Ho3+", "parameters": ["B20"], "blocks": "M"},
    'and "none" with a field': {
        "ion": "Ho3+",
        "parameters": ["B20"],
        "blocks": "mu",
        "field": "z",
    },
    "limit is the largest number of magnetic fields": {
        "ion": "Ho3+",
        "parameters": ["B20"],
        "limit": 3,
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(message):
    with pytest.raises(ValueError, match=f"CrystalField: .*{message}"):
        CrystalField(**WRONG[message])
