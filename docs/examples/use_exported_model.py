"""Use an exported fit where eigenfit is not installed: TensorFlow and NumPy are enough.

    python use_exported_model.py MODEL_DIR DATA.npz PICTURE.png

Row 0 of the targets is the measured spectrum, the other rows are copies with random errors.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure


def print_parameters(names: np.ndarray, published: np.ndarray, fit: dict[str, np.ndarray]) -> None:
    print("\n   parameter     fitted   std. error   spread over copies   published   (cm^-1)")
    spread = fit["parameters"][1:].std(axis=0, ddof=1)
    for index, name in enumerate(names):
        value, error = fit["parameters"][0, index], fit["standard_errors"][0, index]
        known = "-" if np.isnan(published[index]) else f"{published[index]:.0f}"
        print(f"   {name:9s} {value:10.1f} {error:12.1f} {spread[index]:20.2f} {known:>11s}")
    print("   (std. error: from the residuals of this model; spread: from the errors of the levels")
    print("   alone; published: the full 4f10 configuration, fitted to more levels than these)")


def draw_levels(observed: np.ndarray, fitted: np.ndarray, path: Path) -> None:
    seen = np.flatnonzero(~np.isnan(observed))
    figure = Figure(figsize=(6, 7), layout="tight")
    axis = figure.subplots()
    axis.hlines(observed[seen], 0.1, 0.9, color="black", linewidth=1.5)
    axis.hlines(fitted, 1.3, 2.1, color="tab:red", linewidth=1.5)
    for level in seen:
        ends = [observed[level], fitted[level]]
        axis.plot([0.9, 1.3], ends, color="grey", linewidth=0.6, linestyle="--")
    axis.set_xticks([0.5, 1.7], ["observed", "fitted"])
    axis.set_ylabel("energy (cm$^{-1}$)")
    rms = np.sqrt(np.nanmean((observed - fitted) ** 2))
    axis.set_title(f"Ho$^{{3+}}$ in KY$_3$F$_{{10}}$, $^5$I$_8$: rms {rms:.2f} cm$^{{-1}}$")
    figure.savefig(path, dpi=130)


def main(model_dir: str, data_file: str, picture: str) -> None:
    # From here on `import eigenfit` fails, even where it is installed.
    sys.modules["eigenfit"] = None  # type: ignore[assignment]
    try:
        import eigenfit  # noqa: F401
    except ImportError:
        print("   in a process that cannot import eigenfit:")
    else:
        sys.exit("eigenfit can be imported here; this example must show that it is not needed")
    data = np.load(data_file)
    model = tf.saved_model.load(model_dir)
    targets = tf.constant(data["targets"])
    serve = model.signatures["serving_default"]
    serve(targets=targets[:1])
    began = time.perf_counter()
    fit = {name: value.numpy() for name, value in serve(targets=targets).items()}
    seconds = time.perf_counter() - began
    codes, counts = np.unique(fit["status"], return_counts=True)
    found = ", ".join(f"{n} rows with status {c}" for c, n in zip(codes, counts, strict=True))
    print(f"   serving_default fitted the measured levels and 999 noisy copies in {seconds:.2f} s:")
    print(f"   {found} (2: a least-squares minimum, the normal end for measured data)")
    observed, levels = data["targets"][0], fit["eigenvalues"][0]
    fitted = levels + np.nanmean(observed - levels)  # the zero of the energies is fitted too
    print(f"   rms {np.sqrt(np.nanmean(fit['residuals'][0] ** 2)):.2f} cm^-1")
    print_parameters(data["names"], data["published"], fit)
    draw_levels(observed, fitted, Path(picture))
    print(f"\n   level diagram: {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
