"""`python -m benchmarks.answers FILE.npz`: the answers of every registered problem by every method.

Run it before a change and after it, the second time with `--against` the first file. A change that
only moves code must give the same bits; one that merges sums the same statuses and steps, and
differences of the size of rounding.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

from tests.problems.registry import fit_of, problems


def answers() -> dict[str, np.ndarray]:
    """Each field of each `FitResult`, under `problem/method/field`."""
    found = {}
    for name, problem in problems().items():
        for method in problem.runs:
            fit = fit_of(name, method)
            for field in fit._fields:
                found[f"{name}/{method}/{field}"] = np.asarray(getattr(fit, field))
    return found


def differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """A line for each answer that is not the same to the last bit."""
    lines = [f"{key}: only in one of them" for key in sorted(one.keys() ^ other.keys())]
    for key in sorted(one.keys() & other.keys()):
        a, b = one[key], other[key]
        if a.shape != b.shape:
            lines.append(f"{key}: shapes {a.shape} and {b.shape}")
        elif not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            size = np.nanmax(np.abs(a)) if a.size else 0.0
            most = np.nanmax(np.abs(a.astype(float) - b.astype(float)))
            lines.append(f"{key}: differs by up to {most:.3g}, of {size:.3g}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__)
    parser.add_argument("file", type=Path, help="where the answers go")
    parser.add_argument("--against", type=Path, help="answers to compare with")
    given = parser.parse_args()
    found = answers()
    np.savez_compressed(given.file, allow_pickle=False, **found)
    if given.against is None:
        return
    with np.load(given.against) as before:
        lines = differences(dict(before), found)
    print("\n".join(lines) or f"{len(found)} fields, all the same to the last bit")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
