"""P0: a full symmetric 3 x 3 matrix and a triple eigenvalue as its target."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from eigenfit.solver import Adam, LevenbergMarquardt, LiftAndProjection, Newton, Symmetric

from .registry import Problem, Run

START = np.array([0.12108588, 0.8856114, 0.00449729, 0.22199583, 0.8411281, 0.54751956], np.float32)
START_LEVELS = np.array([-0.6837569, 0.13749388, 1.5574579])
START_LOSS = 3.889713
START_GRADIENT = np.array([-1.757829, -0.22877683, -1.991005, 0.88798404, 3.3645139, 2.1900787])
ONE_ADAM_STEP = np.array([0.12208588, 0.8866114, 0.00549729, 0.22099583, 0.8401281, 0.5465196])
#: The tolerance that means loss <= 1e-8: relative to the largest level at the start.
TOLERANCE = np.sqrt(1e-8 / 3) / START_LEVELS[2]

M = np.array(
    [
        [0.6102723, 0.17637432, 0.38962376],
        [0.3735156, 0.6306771, 0.19141042],
        [0.34370267, 0.7677151, 0.4024818],
    ]
)
M_LEVELS = np.array([-0.25994763, 0.34044334, 1.5629349])
M_SLOPE = np.array(
    [
        [5.3867564e-4, 0, 0],
        [3.0038984e-2, 0.41877732, 0],
        [-3.5372321e-2, -0.98626012, 0.58068389],
    ]
)


def matrix(r: np.ndarray) -> np.ndarray:
    """`A_h + A_h^T` with the lower triangular `A_h` of the problem."""
    half = np.array([[r[0] / 2, 0, 0], [r[3], r[1] / 2, 0], [r[5], r[4], r[2] / 2]])
    return half + half.T


PROBLEMS = (
    Problem(
        name="three_by_three",
        citation="P0 of the project: float32 numbers of a TensorFlow tutorial, recomputed",
        parameterization=lambda: Symmetric(3),
        reference=matrix,
        targets=np.ones((1, 3)),
        initial=START[None],
        solution=np.array([[1.0, 1, 1, 0, 0, 0]]),
        runs={
            "LevenbergMarquardt": Run(LevenbergMarquardt, solution_error=1e-9),
            "Newton": Run(Newton, solution_error=1e-9),
            "LiftAndProjection": Run(LiftAndProjection, solution_error=1e-9),
            "Adam": Run(
                Adam, dtype=tf.float32, tolerance=TOLERANCE, accuracy=1e-4, solution_error=1e-4
            ),
        },
    ),
)
