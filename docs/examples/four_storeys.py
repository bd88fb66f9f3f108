"""The stiffness of four storeys from four natural frequencies: six answers.

The frame is a benchmark of structural model updating: four rigid floors of mass 12.060 / 386.088
(in kip and inches), and the stiffness k1 to k4 of the columns from the ground up. The frequencies
were measured. As many frequencies as stiffnesses leave the answer ambiguous: six frames have
exactly these frequencies. They are found here by a fit of 256 rows in one call, all with the same
frequencies and each with a random start of its own. Mode shapes, or what is known of one storey,
select one of them. (`eigenfit.systems.ShearFrame` takes floors of different masses, frequencies in
Hz, and names.)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import GraphLaplacian, SpectralSolver, Status

Array = NDArray[np.float64]

#: The measured natural frequencies in Hz, and the mass of a floor in kip s^2 / in.
MEASURED: tuple[float, ...] = (
    0.8828984322951569,
    2.7477377900887126,
    4.299764477476899,
    5.52947433791878,
)
FLOOR: float = 12.060 / 386.088


def find_frames() -> Array:
    """All frames with these frequencies: `[6, 4]`, the one with the softest ground floor first."""
    columns = GraphLaplacian([(0, 0), (0, 1), (1, 2), (2, 3)])  # the first to the ground
    levels = (2 * np.pi * np.array(MEASURED)) ** 2  # omega^2 of K u = omega^2 m u
    starts = np.random.default_rng(0).uniform(3.0, 33.0, size=(256, 4))
    solver = SpectralSolver((1 / FLOOR) * columns)
    fit = solver.fit(np.tile(levels, (256, 1)), initial=starts)
    found = fit.parameters.numpy()[fit.status == Status.CONVERGED]
    return np.unique(found.round(6), axis=0)


def draw(frames: Array, path: Path) -> None:
    """Draw the stiffness of each storey, for each frame."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for frame in frames:
            axes.plot(frame, range(1, 5), "o-", label=f"k1 = {frame[0]:.1f}")
        axes.set(
            xlabel="stiffness in kip/in",
            ylabel="storey",
            yticks=range(1, 5),
            title="six frames with the same four frequencies",
        )
        axes.legend()
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    frames = find_frames()
    print("     k1      k2      k3      k4  (kip/in)")
    for frame in frames:
        print(" ".join(f"{stiffness:7.3f}" for stiffness in frame))
    draw(frames, Path("four_storeys.svg"))
