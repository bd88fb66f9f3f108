"""Units and usual observation: kept by structures made of others, used by the solver."""

import tensorflow as tf

from eigenfit.solver import Levels, SpectralSolver, Symmetric, Transitions

UNITS = {"a00": "meV", "a11": "meV", "a20": "1"}


def described() -> Symmetric:
    structure = Symmetric(3)
    structure.level_unit = "meV"
    structure.parameter_units = UNITS
    structure.usual_observation = Transitions([(1, 0), (2, 0)])
    return structure


def test_a_solver_uses_the_usual_observation_unless_told_otherwise():
    assert SpectralSolver(described()).num_targets == 2
    assert SpectralSolver(described(), observation=Levels()).num_targets == 3
    assert SpectralSolver(Symmetric(3)).num_targets == 3


def test_structures_made_of_it_keep_what_still_holds():
    for made in (
        described().with_fixed({"a00": 1.0}),
        described().with_tied({"a00": ("a11", 2.0)}),
        # The new a00 is a logarithm: without the unit of the old one.
        described().with_parameters(["a00"], lambda a00: {"a00": tf.exp(a00)}),
    ):
        assert made.parameter_units == {"a11": "meV", "a20": "1"}
        assert made.level_unit == "meV"
        assert SpectralSolver(made).num_targets == 2


def test_nothing_is_known_of_a_plain_structure():
    plain = Symmetric(3)
    assert (plain.level_unit, dict(plain.parameter_units)) == ("", {})
    assert plain.usual_observation is None
