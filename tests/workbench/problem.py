"""The problem of these tests: five coupled levels, of which four were measured."""

import shutil
from pathlib import Path

import numpy as np

MODEL = """
import numpy as np
from eigenfit.solver import Affine

def make():
    coupling = np.eye(5, k=1) + np.eye(5, k=-1)
    parts = [np.eye(5), np.diag(np.arange(5.0)), coupling]
    return Affine(None, parts, parameter_names=["offset", "step", "v"])
"""
FILE = """# A ladder of five levels.
title = "A ladder"

[system]
type = "python"
file = "model.py"
function = "make"

[parameters]
offset = 0.8                               # a guess
step = { start = 1.8, bounds = [0, 10] }
v = { fixed = 0.3 }                        # from elsewhere

[data]
file = "ladder.csv"                        # measured in May

[fit]
absolute_sigma = true
"""
TRUE = {"offset": 1.0, "step": 2.0, "v": 0.3}


def matrix(offset: float, step: float, v: float) -> np.ndarray:
    """The matrix of the model, written anew."""
    made = np.diag(offset + step * np.arange(5.0))
    return made + v * (np.eye(5, k=1) + np.eye(5, k=-1))


def levels(**parameters: float) -> np.ndarray:
    """Its eigenvalues, by NumPy."""
    return np.linalg.eigvalsh(matrix(**{**TRUE, **parameters}))


def table() -> str:
    """The levels of the true parameters but level 3, to three decimals."""
    lines = [f"{k},{level:.3f},0.01" for k, level in enumerate(levels()) if k != 3]
    return "\n".join(["level,energy,sigma", *lines, ""])


def write(folder: Path) -> Path:
    """Write the problem; as at the beginning, if it is there."""
    (folder / "ladder.toml").write_text(FILE)
    (folder / "model.py").write_text(MODEL)
    (folder / "ladder.csv").write_text(table())
    (folder / "ladder_data.csv").unlink(missing_ok=True)
    shutil.rmtree(folder / "ladder_results", ignore_errors=True)
    return folder / "ladder.toml"
