"""Levels and a heat capacity of one system in one fit.

Two excitation energies and the heat capacity at twelve temperatures determine the splitting D and
the coupling v of a system of four levels. All numbers are in kelvin, heat capacities in units of
the Boltzmann constant. The data are made here: exact values plus random errors of known size.

The heat capacity is a function of the levels, an `Observable`. The curve in the figure is another
one, at more temperatures, by `fit.predict`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from eigenfit.solver import Affine, FitResult, Joint, Levels, Observable, SpectralSolver

Array = NDArray[np.float64]

#: The parameters from which the data are made.
TRUTH: dict[str, float] = {"D": 5.0, "v": 1.2}
START: tuple[float, float] = (4.0, 1.0)
#: Temperatures of the measurement and of the curve.
MEASURED: Array = np.geomspace(0.8, 12.0, 12)
CURVE: Array = np.geomspace(0.6, 16.0, 81)
#: Errors of an excitation energy and of a heat capacity.
LEVEL_SIGMA, HEAT_SIGMA = 0.15, 0.03


def heat_capacity(kelvin: Array) -> Callable[[tf.Tensor], tf.Tensor]:
    """The heat capacity `[rows, T]` of levels `[rows, n]`: the variance of the energy over T^2."""

    def of_levels(levels: tf.Tensor) -> tf.Tensor:
        # In units of T, [rows, T, n]: sums along the last axis are the fastest.
        energy = (levels - levels[:, :1])[:, None, :] / tf.constant(kelvin, levels.dtype)[:, None]
        shares = tf.nn.softmax(-energy)
        mean = tf.reduce_sum(shares * energy, axis=-1)
        return tf.reduce_sum(shares * (energy * energy), axis=-1) - mean * mean

    return of_levels


def system() -> Affine:
    """The Hamiltonian: D splits the states 0, 1, 1, 2, and v couples neighbours."""
    splitting, coupling = np.diag([0.0, 1.0, 1.0, 2.0]), np.eye(4, k=1) + np.eye(4, k=-1)
    return Affine(None, [splitting, coupling], parameter_names=list(TRUTH))


def make_solver() -> SpectralSolver:
    """Compare three levels from the lowest, then the heat capacities."""
    heat = Observable(heat_capacity(MEASURED), len(MEASURED))
    return SpectralSolver(
        system(),
        observation=Joint([Levels("lowest", lowest=3), heat]),
        sigma=[1.0, *[LEVEL_SIGMA] * 2, *[HEAT_SIGMA] * len(MEASURED)],
        absolute_sigma=True,
    )


def measure(solver: SpectralSolver) -> Array:
    """Make the data `[1, 3 + T]`: the level 0, two energies above it, the heat capacities."""
    exact = solver.comparison.observe(solver.spectrum([list(TRUTH.values())])).numpy()
    sigma = np.array([0.0, *[LEVEL_SIGMA] * 2, *[HEAT_SIGMA] * len(MEASURED)])
    return exact + sigma * np.random.default_rng(5).normal(size=exact.shape)


def draw(fit: FitResult, data: Array, path: Path) -> None:
    """Draw levels and heat capacity, observed and fitted."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    energies = fit.predict(Levels("lowest", lowest=3))
    heat = fit.predict(Observable(heat_capacity(CURVE), len(CURVE)))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit", "font.size": 12}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1, 2.2])
        for energy in energies.values.numpy()[0]:
            left.plot([0.1, 0.9], [energy] * 2, color="C0")
        left.errorbar([0.5] * 2, data[0, 1:3], LEVEL_SIGMA, fmt="o", color="C1", capsize=3)
        left.set(xlim=(0, 1), xticks=[], ylabel="level in K", title="levels")
        right.plot(CURVE, heat.values.numpy()[0], color="C0", label="fitted")
        right.errorbar(
            MEASURED, data[0, 3:], HEAT_SIGMA, fmt="o", color="C1", capsize=3, label="observed"
        )
        right.set(xlabel="temperature in K", ylabel="C / k", title="heat capacity")
        right.legend()
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    solver = make_solver()
    data = measure(solver)
    fit = solver.fit(data, initial=[START])
    print(fit.summary(0))
    draw(fit, data, Path("heat_capacity.svg"))
