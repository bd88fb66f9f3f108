"""Are standard errors the scatter of the answers? Kramers doublets given twice, a noisy ground.

    .venv/bin/python benchmarks/error_bars.py [--rows 1000]

Simulates the eight doublets of Er3+ (J = 15/2, five tetragonal crystal-field parameters), each with
an error of 0.5 cm^-1, fits them in several ways from the true parameters, and prints for each
parameter the scatter of the answers over their standard error (1 is right), and how often the truth
lies within one standard error (68 % is right; fewer where the errors are estimated from two spare
levels, 58 %).
"""

from __future__ import annotations

import argparse

import numpy as np

from eigenfit.solver import Affine, Levels, SpectralSolver, Spin

TRUTH = np.array([-0.2, 3e-3, 2e-2, -2e-5, -4e-4])  # cm^-1
SIGMA = 0.5
DOUBLETS = list(range(0, 16, 2))


def main() -> None:
    """Simulate, fit and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    rows = parser.parse_args().rows
    spin = Spin(15 / 2)
    operators = np.array([spin.stevens(*kq) for kq in ((2, 0), (4, 0), (4, 4), (6, 0), (6, 4))])
    erbium = Affine(None, operators, parameter_names=["B20", "B40", "B44", "B60", "B64"])
    exact = np.linalg.eigvalsh(np.tensordot(TRUTH, operators, 1))[::2]
    noise = SIGMA * np.random.default_rng(0).normal(size=(rows, len(exact)))
    measured = exact + noise
    from_ground = measured - measured[:, :1]
    quiet_ground = from_ground + noise[:, :1]
    quiet_ground[:, 0] = 0.0

    once = Levels("mean", indices=DOUBLETS)
    lowest = Levels("lowest", indices=DOUBLETS)
    for label, observation, targets, known in (
        ("each doublet once, sigma estimated", once, measured, False),
        ("both partners, sigma estimated", Levels("mean"), measured.repeat(2, axis=1), False),
        ("each doublet once, sigma given", once, measured, True),
        ("both partners, sigma given", Levels("mean"), measured.repeat(2, axis=1), True),
        ("from a noisy ground, lowest", lowest, from_ground, True),
        ("from a noisy ground, mean", once, from_ground, True),
        ("from an exact ground, lowest", lowest, quiet_ground, True),
    ):
        solver = SpectralSolver(erbium, observation=observation, absolute_sigma=known)
        fit = solver.fit(
            targets,
            initial=np.tile(TRUTH, (rows, 1)),
            weights=np.full_like(targets, 1.0 / SIGMA),
        )
        errors, found = fit.standard_errors.numpy(), fit.parameters.numpy() - TRUTH
        ratio = found.std(axis=0) / np.sqrt((errors**2).mean(axis=0))
        within = (np.abs(found) < errors).mean(axis=0)
        print(f"{label:36s} scatter / error {ratio.round(2)}  within {within.round(2)}", flush=True)


if __name__ == "__main__":
    main()
