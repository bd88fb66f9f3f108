"""The Hamiltonian of python.toml: two states that cross, as a function of x."""

import numpy as np

from eigenfit.solver import Affine, Parameterization, Sweep


def crossing(limit: int = 1) -> Parameterization:
    """H(x) = [[a + b x, g], [g, fr]].

    Args:
        limit: the largest number of values of x in a spectrum; found from the data if left out.
    """
    first, second = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    coupling = np.array([[0.0, 1.0], [1.0, 0.0]])
    at_zero = Affine(None, [first, second, coupling], parameter_names=["a", "fr", "g"])
    slope = Affine(None, [first], parameter_names=["b"])
    structure = Sweep([at_zero, slope], limit=limit, conditions=["x"])
    structure.level_unit = "GHz"
    structure.parameter_units = dict.fromkeys(structure.parameter_names, "GHz")
    return structure
