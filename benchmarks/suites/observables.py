"""What other observations cost: noisy data of 17 x 17 matrices, by the time of the levels alone.

Five parameters, starts near the solution. Before any time counts, all rows must have ended at a
least-squares minimum, and the mean chi2 must be that of the noise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Blend,
    Frequencies,
    Joint,
    Levels,
    Observable,
    Observation,
    SpectralSolver,
    Status,
    Transitions,
)

from .. import report
from ..options import Options

TITLE = "Observables"

SIZE, PARAMETERS = 17, 5
ROWS, QUICK_ROWS = 1000, 200
NOISE = 0.01
TEMPERATURES = np.linspace(1.0, 20.0, 20)


def heat_capacity(levels: tf.Tensor) -> tf.Tensor:
    energy = (levels - levels[:, :1])[:, None, :] / tf.constant(TEMPERATURES[:, None], levels.dtype)
    shares = tf.nn.softmax(-energy)
    mean = tf.reduce_sum(shares * energy, axis=-1)
    return tf.reduce_sum(shares * (energy * energy), axis=-1) - mean * mean


def observations() -> Mapping[str, Observation]:
    excited = range(1, SIZE)
    *single, last, highest = [(level, 0) for level in excited]
    heat = Observable(heat_capacity, len(TEMPERATURES))
    return {
        "levels": Levels(),
        "transitions": Transitions([(level, 0) for level in excited]),
        "a blend among them": Transitions([*single, Blend([(last, 2.0), (highest, 1.0)])]),
        "frequencies": Frequencies(),
        "levels and transitions": Joint([Levels(), Transitions([*single, last, highest])]),
        "levels and 20 heat capacities": Joint([Levels(), heat]),
        "20 heat capacities": heat,
    }


def run(options: Options) -> dict[str, Any]:
    rows = QUICK_ROWS if options.quick else ROWS
    generator = np.random.default_rng(0)
    basis = generator.normal(size=(PARAMETERS, SIZE, SIZE))
    # Positive levels, for the frequencies; the distance of the lowest two is the unit.
    structure = Affine(np.diag(100.0 + 2.0 * np.arange(SIZE)), basis + basis.swapaxes(1, 2))
    solutions = 0.15 * generator.normal(size=(rows, PARAMETERS))
    starts = solutions + 0.01 * generator.normal(size=solutions.shape)
    cases: dict[str, tuple[SpectralSolver, np.ndarray]] = {}
    for name, observation in observations().items():
        sigma = NOISE * (0.02 if name == "frequencies" else 1.0)  # about 0.8 Hz apart
        solver = SpectralSolver(
            structure, observation=observation, sigma=sigma, absolute_sigma=True
        )
        exact = solver.comparison.observe(solver.spectrum(solutions)).numpy()
        cases[name] = solver, exact + sigma * generator.normal(size=exact.shape)
        check(name, solver.fit(cases[name][1], starts), exact.shape[1] - PARAMETERS)
    times: dict[str, list[float]] = {name: [] for name in cases}
    steps: dict[str, float] = {}
    for _ in range(options.repetitions):  # in turn, so that a slow spell of the machine hits all
        for name, (solver, targets) in cases.items():
            began = time.perf_counter()
            steps[name] = float(solver.fit(targets, starts).steps.numpy().mean())
            times[name].append(time.perf_counter() - began)
    return {"rows": rows, "steps": steps, "times": times}


def check(name: str, fit: Any, freedom: int) -> None:
    """Stop unless nearly all rows are at a minimum, whose loss is that of the noise."""
    ended = np.isin(fit.status.numpy(), [Status.STATIONARY, Status.CONVERGED])
    chi2 = float(np.mean(fit.loss.numpy()[ended])) / freedom
    if ended.mean() < 0.99 or not 0.8 < chi2 < 1.2:
        raise SystemExit(f"{name}: {ended.mean():.1%} at a minimum, reduced chi2 {chi2:.2f}")


def text(result: dict[str, Any]) -> str:
    times, steps = result["times"], result["steps"]
    alone = np.array(times["levels"])
    lines = [
        [
            name,
            f"{steps[name]:.1f}",
            report.seconds(np.median(each)),
            f"{np.median(np.array(each) / alone):.2f}",
            f"{np.median(np.array(each) / alone) * steps['levels'] / steps[name]:.2f}",
        ]
        for name, each in times.items()
    ]
    head = ["", "mean steps", "median", "over levels", "the same for each step"]
    return report.table(head, lines) + (
        f"\n{result['rows']} rows of {SIZE} x {SIZE} matrices with {PARAMETERS} parameters.\n"
    )
