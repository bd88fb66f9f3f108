"""The fine structure of 16O2, with two lines that air never resolves as one blend.

Frequencies in MHz and logarithms of intensities are those of the Millimeter-wave Propagation Model
(H. J. Liebe, Int. J. Infrared Millim. Waves 10 (1989) 631, with its later revisions), as a public
program of the model lists them. At the pressure of the ground the lines 5- and 7+, 129 MHz apart,
are each more than 1 GHz wide; the blend is made from the two tabulated lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares

from eigenfit.solver import Affine, Blend, Family, SpectralSolver, Transitions

NAMES = ["B", "D", "lambda", "lambda_D", "gamma", "gamma_D"]
# N- is the line from J = N - 1 to J = N, N+ that from J = N + 1.
FINE = {
    "1-": 118750.341, "1+": 56264.777, "3-": 62486.253, "3+": 58446.589, "5-": 60306.057,
    "5+": 59590.982, "7-": 59164.204, "7+": 60434.775, "9-": 58323.874, "9+": 61150.558,
    "11-": 57612.481, "11+": 61800.152, "13-": 56968.180, "13+": 62411.212,
}  # fmt: skip
ROTATIONAL = {
    ("3_2", "1_1"): 368498.350, ("3_2", "1_2"): 424763.124, ("3_3", "1_2"): 487249.370,
    ("5_4", "3_3"): 715393.150, ("5_4", "3_4"): 773839.675, ("5_5", "3_4"): 834145.330,
}  # fmt: skip
INTENSITIES = {"5-": 10**-6.4769, "7+": 10**-6.4120}
START = np.array([43100.0, 0.14, 59500.0, 0.06, -250.0, -2e-4])
SIGMA = np.append(np.full(13, 0.05), np.full(6, 0.3))


def block(j: int, even: bool) -> tuple[np.ndarray, list[str]]:
    """The matrices `[6, k, k]` of the parameters for one J and parity, and the names N_J.

    In the basis of Hund's case (a), with `x = J (J + 1)` and the operators `N^2`, `N.S` and
    `(2/3) (3 Sz^2 - S^2)`; the distortions are half the anticommutators with `N^2`.
    """
    x = j * (j + 1.0)
    rotation = np.array([[x, -2 * np.sqrt(x)], [-2 * np.sqrt(x), x + 2]])
    spins, rotated = np.diag([2 / 3, -4 / 3]), np.array([[-1, np.sqrt(x)], [np.sqrt(x), -2]])
    levels = [f"{j - 1}_{j}", f"{j + 1}_{j}"]
    kept = slice(0, 2)
    if even:  # the state of N = J alone, |Sigma| = 1
        kept, levels = slice(0, 1), [f"{j}_{j}"]
    elif j == 0:
        kept, levels = slice(1, 2), ["1_0"]
    rotation, spins, rotated = (part[kept, kept] for part in (rotation, spins, rotated))
    half = [(part @ rotation + rotation @ part) / 2 for part in (spins, rotated)]
    return np.array([rotation, -rotation @ rotation, spins, half[0], rotated, half[1]]), levels


BLOCKS = [block(j, even=j % 2 == 1) for j in range(15)]
MOLECULE = Family([Affine(None, one, NAMES, level_names=levels) for one, levels in BLOCKS])


def pair_of(line: str) -> tuple[str, str]:
    n, step = int(line[:-1]), 1 if line[-1] == "+" else -1
    return f"{n}_{n}", f"{n}_{n + step}"


UNRESOLVED = Blend([(pair_of(line), share) for line, share in INTENSITIES.items()])
RESOLVED = [line for line in FINE if line not in INTENSITIES]


def values(x: np.ndarray) -> np.ndarray:
    """All targets, by NumPy: the resolved lines, the blend, the rotational lines."""
    energy: dict[str, float] = {}
    for matrices, levels in BLOCKS:
        found = np.linalg.eigvalsh(np.tensordot(x, matrices, 1))
        energy.update(zip(levels, found.tolist(), strict=True))
    known = {line: energy[pair_of(line)[0]] - energy[pair_of(line)[1]] for line in FINE}
    return targets_of(known, [energy[upper] - energy[lower] for upper, lower in ROTATIONAL])


def targets_of(fine: dict[str, float], rotational: Any) -> np.ndarray:
    shares = np.array(list(INTENSITIES.values()))
    blend = shares @ [fine[line] for line in INTENSITIES] / shares.sum()
    return np.array([*(fine[line] for line in RESOLVED), blend, *rotational])


@pytest.mark.usefixtures("eagerly")
def test_two_unresolved_lines_of_oxygen_as_a_blend():
    targets = targets_of(FINE, ROTATIONAL.values())
    lines = Transitions([*map(pair_of, RESOLVED), UNRESOLVED, *ROTATIONAL])
    solver = SpectralSolver(MOLECULE, observation=lines, sigma=SIGMA, absolute_sigma=True)
    assert solver.target_names is not None
    assert solver.target_names[12] == "5_5 - 5_4 & 7_7 - 7_8"
    bad = targets.copy()
    bad[3] = np.inf
    fit = solver.fit([targets, bad], initial=np.array([START, START]))
    assert fit.status.numpy().tolist() == [2, -1]
    found = least_squares(
        lambda x: (values(x * START) - targets) / SIGMA,
        np.ones(6),
        jac="3-point",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    errors = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac))) * np.abs(START)
    np.testing.assert_array_less(np.abs(fit.parameters[0] - found.x * START), 2e-3 * errors)
    np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=1e-3)
    # The model describes every datum, and tells the two lines of the blend apart.
    np.testing.assert_array_less(np.abs(fit.residuals[0]), 2 * SIGMA)
    apart = fit.predict(Transitions([pair_of(line) for line in INTENSITIES]))
    published = [FINE[line] for line in INTENSITIES]
    np.testing.assert_allclose(apart.values[0], published, rtol=0, atol=0.1)
    assert (apart.standard_errors.numpy()[0] < 0.1).all()
