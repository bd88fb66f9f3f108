"""Levels of a nitrogen-vacancy centre of diamond in a magnetic field, named by a quantum number.

The ground state has the electron spin S = 1 and the nuclear spin I = 1/2 of 15N. In a field along
the axis of the centre

    H = D S_z^2 + g B S_z + A S_z I_z + A' (S_x I_x + S_y I_y),

M = m_S + m_I is conserved. At 102 mT the states with m_S = -1 cross those with m_S = 0: the number
of a state in the whole matrix changes there, its block and its number in the block do not. In the
block M = -1/2 two states couple, and avoid each other.

The constants are about those of S. Felton et al., Phys. Rev. B 79, 075203 (2009).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from eigenfit.solver import Family, Spin, embed, split_by

Array = NDArray[np.float64]

#: D and A in MHz, g in MHz/mT.
CONSTANTS: dict[str, float] = {"D": 2870.0, "g": 28.03, "A": 3.03, "A'": 3.65}


def operators() -> tuple[list[Array], Array]:
    """The matrices of D, g (for 1 mT), A and A', and M; each `[6, 6]`."""
    spins = [Spin(1), Spin(1 / 2)]
    s, i = (
        {axis: embed(getattr(spin, axis), site, spins) for axis in "xyz"}
        for site, spin in enumerate(spins)
    )
    across = np.real(s["x"] @ i["x"] + s["y"] @ i["y"])
    return [s["z"] @ s["z"], s["z"], s["z"] @ i["z"], across], s["z"] + i["z"]


def in_fields(fields: Array) -> Family:
    """The blocks M of the centre in fields along its axis, in mT."""
    (zero_field, zeeman, along, across), moment = operators()
    bases = [[zero_field, field * zeeman, along, across] for field in fields]
    names = [f"B={field:g}" for field in fields]
    return split_by(Family.affine(None, bases, list(CONSTANTS), names=names), {"M": moment})


def levels(fields: Array) -> dict[str, Array]:
    """The levels in each field, in MHz: `[fields, k]` for each M, by its name."""
    family = in_fields(fields)
    values = family.spectrum(tf.constant([list(CONSTANTS.values())], tf.float64)).numpy()[0]
    found: dict[str, list[Array]] = {}
    each = np.split(values, np.cumsum(family.level_counts)[:-1])
    for name, own in zip(family.names or (), each, strict=True):
        found.setdefault(name.split(", ")[1], []).append(own)
    return {name: np.stack(rows) for name, rows in found.items()}


def draw(path: Path) -> None:
    """Draw the levels about the crossing at 102 mT, with a colour for each M."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    fields = np.linspace(101.8, 103.0, 121)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for place, (name, values) in enumerate(levels(fields).items()):
            near = values[:, np.abs(values).max(axis=0) < 100.0]
            for line in axes.plot(fields, near, color=f"C{place}")[:1]:
                line.set_label(name)
        axes.set(xlabel="field in mT", ylabel="level in MHz", title="15N-V centre, by M")
        axes.legend()
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path("nitrogen_vacancy.svg"))
