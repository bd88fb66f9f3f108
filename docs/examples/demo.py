"""The main job on real input: `make demo` runs this file.

1. The 3 x 3 problem that eigenfit grew from: a thousand fits in one call, and Adam's way to the
   solution from four starts, drawn.
2. Ho3+ in KY3F10: fit a crystal field to measured levels, export the fit, and use the exported
   model from a Python process that cannot import eigenfit (see `use_exported_model.py`).
3. The same model behind the embedded server, asked over gRPC and REST.
"""

from __future__ import annotations

import eigenfit

eigenfit.quiet_tensorflow()  # before anything imports TensorFlow

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import stevens
from matplotlib.figure import Figure

from eigenfit import (
    Adam,
    Affine,
    GrpcClient,
    RestClient,
    SpectralSolver,
    Symmetric,
    export_saved_model,
)
from eigenfit.serving.server import ServerOptions, start_server
from eigenfit.tensorflow_log import without_log_lines

HERE = Path(__file__).parent
OUTPUT = Path("demo_output")
SEED = 7

# The parameters of the tutorial's first run, and where Adam's loop stopped there.
FIRST_START = [0.12108588, 0.8856114, 0.00449729, 0.22199583, 0.8411281, 0.54751956]
LOSS_TO_REACH = 1e-8


def a_thousand_fits() -> None:
    """Bring the eigenvalues of 1000 random symmetric 3 x 3 matrices to (1, 1, 1)."""
    solver = SpectralSolver(Symmetric(3))
    targets = np.ones((1000, 3))
    starts = np.random.default_rng(SEED).uniform(size=(1000, 6))
    began = time.perf_counter()
    solver.fit(targets[:1], starts[:1])
    compiled = time.perf_counter()
    fit = solver.fit(targets, starts)
    converged = int(np.sum(fit.status.numpy() == 1))
    seconds = time.perf_counter() - compiled
    print("1. Six numbers make a symmetric 3 x 3 matrix; bring its eigenvalues to (1, 1, 1)")
    print(f"   1000 random starts in one call: {converged} converged in {1e3 * seconds:.1f} ms,")
    print(f"   {fit.steps.numpy().max()} steps at most, largest loss {fit.loss.numpy().max():.1e}")
    print(f"   (building and compiling the graph took {compiled - began:.1f} s, once)")


def adam_trajectories(path: Path) -> None:
    """Draw the eigenvalues on their way for four starts of Adam, as in the tutorial."""
    # Relative to the spectral scale, so small that every loss gets below the tutorial's 1e-8.
    solver = SpectralSolver(Symmetric(3), Adam(), tolerance=1e-5)
    more = np.random.default_rng(SEED).uniform(size=(3, 6))
    starts = np.concatenate([[FIRST_START], more])
    began = time.perf_counter()
    trace = solver.trace(np.ones((4, 3)), starts)
    eigenvalues, loss = trace.eigenvalues.numpy(), trace.loss.numpy()
    seconds = time.perf_counter() - began
    needed = np.argmax(loss <= LOSS_TO_REACH, axis=1)
    print(f"   Adam, four starts: loss 1e-8 after {', '.join(map(str, needed))} steps")
    print(f"   ({seconds:.1f} s together, graph included); drawn in {path}")
    figure = Figure(figsize=(9, 6), layout="tight")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for axis, row, steps in zip(axes.flat, eigenvalues, needed, strict=True):
        axis.plot(row[: steps + 1])
        axis.axhline(1.0, color="grey", linewidth=0.8, linestyle=":")
        axis.set_title(f"loss 1e-8 after {steps} steps", fontsize=10)
    figure.supxlabel("Adam step")
    figure.supylabel("eigenvalues")
    figure.suptitle("Four random symmetric 3 x 3 matrices on their way to the identity")
    figure.savefig(path, dpi=130)


def crystal_field_solver() -> SpectralSolver:
    """Ho3+ in KY3F10: five crystal-field parameters and the energy of the barycentre."""
    names, basis = stevens.wybourne_basis()
    basis = np.concatenate([basis, np.eye(17)[None]])
    start = [*stevens.PUBLISHED, 140.0]
    return SpectralSolver(Affine(None, basis, [*names, "E0"]), initial=start, name="ho3_ky3f10")


def fit_and_export() -> str:
    """Fit the measured levels and write the fit as a SavedModel."""
    solver = crystal_field_solver()
    fit = solver.fit(stevens.targets_by_level()[None])
    rms = np.sqrt(np.nanmean(fit.residuals.numpy() ** 2))
    print("\n2. Ho3+ in KY3F10: crystal-field parameters from 13 measured levels of 5I8")
    print(f"   here: rms {rms:.2f} cm^-1 in {fit.steps.numpy()[0]} steps from the published values")
    version_dir = export_saved_model(solver, OUTPUT / "models" / "ho3_ky3f10")
    print(f"   exported, reloaded and compared: {version_dir}")
    return version_dir


def use_elsewhere(version_dir: str) -> None:
    """Run the exported model in a process of its own, without eigenfit."""
    noise = np.random.default_rng(SEED).normal(size=(999, 17))
    sigma = np.repeat(stevens.UNCERTAINTY, stevens.MULTIPLICITY)
    targets = stevens.targets_by_level()
    rows = np.concatenate([targets[None], targets + sigma * noise])
    data = OUTPUT / "ho3_levels.npz"
    names, _ = stevens.wybourne_basis()
    np.savez(data, targets=rows, names=[*names, "E0"], published=[*stevens.PUBLISHED, np.nan])
    picture = OUTPUT / "ho3_levels.png"
    script = HERE / "use_exported_model.py"
    sys.stdout.flush()
    with without_log_lines():
        subprocess.run([sys.executable, script, version_dir, data, picture], check=True)


def serve(version_dir: str) -> None:
    """Put the model behind a server and ask it both ways."""
    base_dir = Path(version_dir).parent.absolute()
    name = base_dir.name
    targets = stevens.targets_by_level()[None]
    options = ServerOptions(model_base_path=str(base_dir), model_name=name, port=0, rest_api_port=0)
    print(f"\n3. {name} behind the embedded server, which answers as tensorflow_model_server does")
    with start_server(options) as server:
        addresses = {"gRPC": f"127.0.0.1:{server.port}", "REST": f"127.0.0.1:{server.rest_port}"}
        with GrpcClient(addresses["gRPC"], name) as one, RestClient(addresses["REST"], name) as two:
            for protocol, client in (("gRPC", one), ("REST", two)):
                fit = client.fit(targets)
                rms = np.sqrt(np.nanmean(fit.residuals**2))
                print(f"   over {protocol} from {addresses[protocol]}: rms {rms:.2f} cm^-1")
            version = one.status()[0].version
    levels = ", ".join("NaN" if np.isnan(level) else f"{level:g}" for level in targets[0])
    print(f"   it served version {version} and is stopped; start it again with")
    print(f"   python -m eigenfit.serving --model_base_path={base_dir} \\")
    print(f"     --model_name={name} --port=8500 --rest_api_port=8501")
    print(f"   curl -d '{{\"inputs\": [[{levels}]]}}' \\")
    print(f"     http://127.0.0.1:8501/v1/models/{name}:predict")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    a_thousand_fits()
    adam_trajectories(OUTPUT / "adam_trajectories.png")
    version_dir = fit_and_export()
    use_elsewhere(version_dir)
    serve(version_dir)


if __name__ == "__main__":
    main()
