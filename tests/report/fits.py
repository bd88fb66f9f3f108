"""Fits that the tests of reports share."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from eigenfit.solver import Affine, Family, FitResult, SpectralSolver, Transitions

#: A name with everything that HTML, SVG and Matplotlib read in their own way.
HOSTILE = "<b> & \"q\" 'r' $x^2$ \\alpha {{ 7 * 7 }} \u4e2d %"

SIGMA = np.array([0.1, 0.2, 0.1, 0.3, 0.1])


def basis() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three symmetric 6 x 6 matrices."""
    random = np.random.default_rng(3).normal(size=(6, 6))
    return np.diag(np.arange(6.0)), random + random.T, np.diag([1.0, -1.0] * 3)


@functools.cache
def solver() -> SpectralSolver:
    """Six levels, of which the last was never observed, two parameters, known errors."""
    constant, *others = basis()
    structure = Affine(constant, others, [HOSTILE, "c"])
    structure.level_unit = "cm^-1"
    structure.parameter_units = {HOSTILE: "cm^-1", "c": "<unit>"}
    structure.level_names = [f"{HOSTILE} {number}" for number in range(6)]
    return SpectralSolver(
        structure, sigma=[*SIGMA, 1.0], absolute_sigma=True, initial=[0.3, 0.5], starts=1
    )


def exact(parameters: np.ndarray) -> np.ndarray:
    """The levels, by NumPy."""
    constant, first, second = basis()
    return np.linalg.eigvalsh(constant + parameters[0] * first + parameters[1] * second)


@functools.cache
def one() -> FitResult:
    """Five levels with noise of the size of their errors."""
    noise = SIGMA * np.array([0.8, -1.1, 0.3, 0.4, -0.9])
    return solver().fit([[*(exact(np.array([0.35, 0.6]))[:5] + noise), np.nan]])


@functools.cache
def batch() -> FitResult:
    """Forty rows, of which number 3 has no data and number 5 does not fit at all."""
    random = np.random.default_rng(0)
    levels = exact(np.array([0.35, 0.6])) + 0.1 * random.normal(size=(40, 6))
    levels[:, 5] = np.nan
    levels[3] = np.nan
    levels[5, 4] += 8.0
    return solver().fit(levels)


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """As the fixture of this name: for one fit, whose graph nobody needs a second time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@functools.cache
def several() -> FitResult:
    """Two solutions from four levels, the ratios of whose errors are known only."""
    structure = Affine(np.diag([0.0, 1.0, 3.0, 6.0]), [np.ones([4, 4]), np.eye(4)], ["v", "c"])
    made = SpectralSolver(structure, solutions=3, starts=16)
    with eagerly():
        return made.fit([[0.31, 1.32, 3.36, 6.52]])


@functools.cache
def lines() -> FitResult:
    """Three lines between the members of a family of two."""
    family = Family.affine(
        None,
        [[np.diag([0.0, 1.0]), np.zeros([2, 2])], [np.diag([2.0, 5.0]), np.eye(2)]],
        ["d", "e"],
        names=["M=1", "M=0"],
    )
    pairs = [(("M=0", 0), ("M=1", 0)), (("M=0", 1), ("M=1", 1)), (("M=0", 1), ("M=0", 0))]
    made = SpectralSolver(family, observation=Transitions(pairs), initial=[1.0, 0.0], starts=1)
    with eagerly():
        return made.fit([[2.1, 3.9, 2.95]])
