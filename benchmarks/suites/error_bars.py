"""Are standard errors the scatter of the answers? Kramers doublets given twice, a noisy ground.

Simulates the eight doublets of Er3+ (J = 15/2, five tetragonal crystal-field parameters), each with
an error of 0.5 cm^-1, and fits them in several ways from the true parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenfit.solver import Affine, Levels, SpectralSolver, Spin

from .. import report
from ..options import Options

TITLE = "Standard errors beside the scatter of the answers"

ROWS, QUICK_ROWS = 1000, 100
TRUTH = np.array([-0.2, 3e-3, 2e-2, -2e-5, -4e-4])  # cm^-1
SIGMA = 0.5
DOUBLETS = list(range(0, 16, 2))


def run(options: Options) -> dict[str, Any]:
    rows = QUICK_ROWS if options.quick else ROWS
    found_by_label = {}
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
        found_by_label[label] = {"ratio": ratio, "within": within}
    return {"rows": rows, "cases": found_by_label}


def text(result: dict[str, Any]) -> str:
    def cell(values: list[float]) -> str:
        return " ".join(f"{value:.2f}" for value in values)

    lines = [
        [label, cell(case["ratio"]), cell(case["within"])]
        for label, case in result["cases"].items()
    ]
    head = ["fit", "scatter over standard error", "truth within one standard error"]
    return (
        f"{result['rows']} spectra; one number for each parameter. Right are 1 and 0.68; where the "
        "errors are estimated from two spare levels 0.58.\n\n" + report.table(head, lines)
    )
