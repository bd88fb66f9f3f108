"""A nonlinear model: three sites whose couplings fall off exponentially with their distance."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from eigenfit.solver import Adam, GaussNewton, LevenbergMarquardt, Newton, Nonlinear

from .registry import Problem, Run


def function(x: tf.Tensor) -> tf.Tensor:
    """Site energies +e, -e, 0; bond lengths d and 2 d cos(angle): `[B, 3] -> [B, 3, 3]`."""
    energy, distance, angle = tf.unstack(x, axis=-1)
    near = tf.exp(-distance)
    far = tf.exp(-2 * distance * tf.cos(angle))
    zero = tf.zeros_like(energy)
    rows = [[energy, near, far], [near, -energy, near], [far, near, zero]]
    return tf.stack([tf.stack(row, -1) for row in rows], -2)


def matrix(x: np.ndarray) -> np.ndarray:
    """The same in NumPy."""
    energy, distance, angle = x
    near = np.exp(-distance)
    far = np.exp(-2 * distance * np.cos(angle))
    return np.array([[energy, near, far], [near, -energy, near], [far, near, 0]])


_GENERATOR = np.random.default_rng(21)
SOLUTIONS = np.array([1.0, 0.8, 0.6]) + 0.1 * _GENERATOR.normal(size=(10, 3))
# tr A = 0: the three levels determine only two combinations of the three parameters.
_LEVELS = np.stack([np.linalg.eigvalsh(matrix(x)) for x in SOLUTIONS])

PROBLEMS = (
    Problem(
        name="morse_trimer",
        citation="made for this suite; spectra of known parameters, by NumPy",
        parameterization=lambda: Nonlinear(
            function, n=3, p=3, parameter_names=["energy", "distance", "angle"]
        ),
        reference=matrix,
        targets=_LEVELS,
        initial=np.tile([1.0, 0.8, 0.6], (10, 1)),
        runs={
            "LevenbergMarquardt": Run(LevenbergMarquardt),
            "GaussNewton": Run(GaussNewton),
            "Newton": Run(Newton),
            "Adam": Run(Adam, tolerance=1e-8, accuracy=1e-7),
        },
    ),
)
