"""The main job on real input: `make demo` runs this file.

1. Ho3+ in KY3F10: a problem file with measured levels, its fit, and a page with the result.
2. The fit as a model, used by a process that cannot import eigenfit (`use_exported_model.py`).
3. The same model behind the embedded server, asked over gRPC and REST.
4. The 3 x 3 problem that eigenfit grew from: a thousand fits in one call, and Adam's way to the
   solution from four starts, drawn.
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

from eigenfit import Adam, GrpcClient, RestClient, SpectralSolver, Symmetric, export_saved_model
from eigenfit.problem import Problem
from eigenfit.problem.results import write_results
from eigenfit.serving.server import ServerOptions, start_server
from eigenfit.tensorflow_log import without_log_lines

HERE = Path(__file__).parent
OUTPUT = Path("demo_output")
SEED = 7
# Of the example of `eigenfit init`, and of the model.
NAME = "crystal_field"

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
    print("\n4. Six numbers make a symmetric 3 x 3 matrix; bring its eigenvalues to (1, 1, 1)")
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


def fit_problem_file() -> Problem:
    """Fit the measured levels of Ho3+ as a problem file says; write a page with the result."""
    command = [sys.executable, "-m", "eigenfit", "init", NAME, str(OUTPUT), "--force"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    path = OUTPUT / f"{NAME}.toml"
    problem = Problem.read(path)
    fit = problem.fit()
    page = write_results(problem, fit, OUTPUT / f"{NAME}_results") / "report.html"
    print(f"1. {problem.title}: crystal-field parameters from 13 measured levels")
    print(f"   the problem file, as `eigenfit init` writes it: {path}")
    print(f"   fitted: rms {rms_of(fit.residuals.numpy()):.2f} cm^-1, {fit.steps.numpy()[0]} steps")
    print(f"   the page with figures, to open in a browser: {page}")
    return problem


def rms_of(residuals: np.ndarray) -> float:
    """The rms of the residuals of measured levels."""
    return float(np.sqrt(np.nanmean(residuals**2)))


def export(problem: Problem) -> str:
    """Write the same fit, for any levels, as a SavedModel; returns its directory."""
    version_dir = export_saved_model(problem.solver(), OUTPUT / "models" / NAME)
    print(f"\n2. The fit of this problem as a model for other data: {version_dir}")
    return version_dir


def use_elsewhere(problem: Problem, version_dir: str) -> None:
    """Run the exported model in a process of its own, without eigenfit."""
    noise = np.random.default_rng(SEED).normal(size=(999, 17))
    sigma = np.repeat(stevens.UNCERTAINTY, stevens.MULTIPLICITY)
    rows = np.concatenate([problem.targets, problem.targets + sigma * noise])
    data = OUTPUT / "ho3_levels.npz"
    names = problem.structure.parameter_names
    np.savez(data, targets=rows, names=names, published=stevens.PUBLISHED)
    picture = OUTPUT / "ho3_levels.png"
    script = HERE / "use_exported_model.py"
    sys.stdout.flush()
    with without_log_lines():
        subprocess.run([sys.executable, script, version_dir, data, picture], check=True)


def serve(problem: Problem, version_dir: str) -> None:
    """Put the model behind a server and ask it both ways."""
    base_dir = Path(version_dir).parent.absolute()
    options = ServerOptions(model_base_path=str(base_dir), model_name=NAME, port=0, rest_api_port=0)
    print("\n3. The model behind a server, which answers as TensorFlow Serving does")
    with start_server(options) as server:
        addresses = {"gRPC": f"127.0.0.1:{server.port}", "REST": f"127.0.0.1:{server.rest_port}"}
        with GrpcClient(addresses["gRPC"], NAME) as one, RestClient(addresses["REST"], NAME) as two:
            for protocol, client in (("gRPC", one), ("REST", two)):
                fit = client.fit(problem.targets)
                print(f"   fitted over {protocol}: rms {rms_of(fit.residuals):.2f} cm^-1")
    levels = ", ".join("NaN" if np.isnan(level) else f"{level:g}" for level in problem.targets[0])
    print("   it is stopped; start it again, and ask it:")
    print(f"   eigenfit serve {base_dir} --port=8500 --rest_api_port=8501")
    print(f"   curl -d '{{\"inputs\": [[{levels}]]}}' \\")
    print(f"     http://127.0.0.1:8501/v1/models/{NAME}:predict")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    problem = fit_problem_file()
    version_dir = export(problem)
    use_elsewhere(problem, version_dir)
    serve(problem, version_dir)
    a_thousand_fits()
    adam_trajectories(OUTPUT / "adam_trajectories.png")


if __name__ == "__main__":
    main()
