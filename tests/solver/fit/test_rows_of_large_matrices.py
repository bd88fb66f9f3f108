"""Rows of large matrices are independent to the last bit, in long sums too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Generalized,
    LevenbergMarquardt,
    Newton,
    Parameterization,
    SpectralSolver,
    Toeplitz,
)
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, take

DENSE = random_hermitian(6, 32, seed=5)

# Long sums, of which TensorFlow has more ways than of short ones.
LARGE: dict[str, Callable[[], Parameterization]] = {
    "many_levels": lambda: Affine(DENSE[0], DENSE[1:]),
    "few_of_many_parameters": lambda: Toeplitz(40).with_fixed({f"r{k}": 0.0 for k in range(3, 40)}),
    "mass_of_toeplitz": lambda: Generalized(np.diag(np.arange(1.0, 8.0)), mass=Toeplitz(7)),
}


@pytest.mark.parametrize(
    ("kind", "method"),
    [*((kind, LevenbergMarquardt) for kind in LARGE), ("many_levels", Newton)],
)
def test_large_matrices(kind: str, method: type):
    structure = LARGE[kind]()
    solver = SpectralSolver(structure, method(), starts=1, max_steps=20)
    generator = np.random.default_rng(8)
    shape = (100, structure.num_parameters)
    solution = 0.1 * generator.normal(size=shape) + np.eye(1, shape[1])
    targets = structure.spectrum(tf.constant(solution)).numpy()
    targets += 0.01 * generator.normal(size=targets.shape)  # a residual that stays
    initial = solution + 0.02 * generator.normal(size=shape)
    together = as_numpy(solver.fit(targets, initial=initial))
    for rows in ([0], [99], [50, 51], np.arange(3, 40)):
        alone = solver.fit(targets[rows], initial=initial[rows])
        assert_same(as_numpy(alone), take(together, rows))
