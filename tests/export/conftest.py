"""Solvers of each kind, exported once in a test run, and rows for every input."""

import dataclasses
import functools
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.export import signatures
from eigenfit.solver import Hermitian, Levels, Nonlinear, SpectralSolver, Toeplitz
from tests.shared_export import export_once

PROGRAMS = Path(__file__).parent / "programs"


@dataclasses.dataclass(frozen=True)
class Model:
    """A solver, the version directory that it was exported to, and what is loaded from there."""

    solver: SpectralSolver
    version_dir: str
    reloaded: Any

    def call(self, signature, **inputs):
        outputs = self.reloaded.signatures[signature](**inputs)
        return {name: value.numpy() for name, value in outputs.items()}


def coupled_wells(parameters):
    """The matrix [[a, e^-b], [e^-b, -a]]."""
    height, coupling = parameters[:, 0], tf.exp(-parameters[:, 1])
    rows = [tf.stack([height, coupling], -1), tf.stack([coupling, -height], -1)]
    return tf.stack(rows, -2)


SOLVERS = {
    "toeplitz": lambda: SpectralSolver(Toeplitz(5)),
    "hermitian, float32": lambda: SpectralSolver(
        Hermitian(3), observation=Levels(relative_to="lowest"), dtype=tf.float32
    ),
    "nonlinear": lambda: SpectralSolver(Nonlinear(coupled_wells, n=2, p=2)),
}


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """`model(name)`: the `Model` of that name, exported at the first call."""

    @functools.cache
    def make(name):
        solver = SOLVERS[name]()
        version_dir = str(export_once(tmp_path_factory, f"model {name}", solver))
        return Model(solver, version_dir, tf.saved_model.load(version_dir))

    return make


class Doubling(tf.Module):
    """A model of its own around the fit of another."""

    def __init__(self, reloaded: Any):
        super().__init__()
        self.reloaded = reloaded

    @tf.function(input_signature=[tf.TensorSpec([None, 5], tf.float64)])
    def __call__(self, targets: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = self.reloaded.signatures["serving_default"](targets=targets)
        return {"doubled": 2.0 * answer["parameters"], "status": answer["status"]}


@pytest.fixture(scope="session")
def outer_dir(model, tmp_path_factory):
    """Where a SavedModel is that has the reloaded "toeplitz" inside."""
    outer = Doubling(model("toeplitz").reloaded)
    directory = str(tmp_path_factory.mktemp("outer"))
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(outer, directory, signatures=outer.__call__, options=options)
    return directory


@pytest.fixture(scope="session")
def rows_for():
    """`rows_for(solver, rows)`: NumPy rows for every input, some targets NaN, by name."""

    def make(solver, rows, seed=0):
        generator = np.random.default_rng(seed)
        real = solver.dtype.as_numpy_dtype
        count = solver.parameterization.num_parameters
        parameters = generator.normal(size=(rows, count)).astype(real)
        targets = solver.comparison.observe(solver.spectrum(parameters)).numpy()
        targets[generator.uniform(size=targets.shape) < 0.1] = np.nan
        initial = (parameters + 0.1 * generator.normal(size=parameters.shape)).astype(real)
        initial[::2] = np.nan
        weights = generator.uniform(0.5, 2.0, size=targets.shape).astype(real)
        weights[1::3] = np.nan
        tolerance = np.where(np.arange(rows) % 2, np.nan, 1e-4).astype(real)
        max_steps = np.where(np.arange(rows) % 3, 0, 40).astype(np.int32)
        return {
            "parameters": parameters,
            "targets": targets,
            "initial": initial,
            "weights": weights,
            "tolerance": tolerance,
            "max_steps": max_steps,
        }

    return make


@pytest.fixture(scope="session")
def run_program(tmp_path_factory):
    """`run_program(name, calls)`: the answers of a fresh Python process.

    `-I` keeps PYTHONPATH and the working directory out of it; the programs themselves see to it
    that an installed eigenfit cannot be imported.
    """

    def run(name, calls):
        folder = tmp_path_factory.mktemp("process")
        (folder / "calls.pickle").write_bytes(pickle.dumps(calls))
        files = [folder / "calls.pickle", folder / "answers.pickle"]
        command = [sys.executable, "-I", PROGRAMS / name, *files]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        # TensorFlow says so when it could not save a derivative.
        assert "unsaved custom gradients" not in done.stderr
        return pickle.loads(files[1].read_bytes())

    return run


@pytest.fixture
def only(monkeypatch):
    """`only("spectrum")` lets exports have this signature alone, which takes less time."""

    def choose(*names):
        def signatures_of(solver):
            found = signatures.signatures_of(solver)
            return {name: found[name] for name in names}

        monkeypatch.setattr("eigenfit.export.saved_model.signatures_of", signatures_of)

    return choose


@pytest.fixture
def only_spectrum(only):
    """Let exports have the signature `spectrum` only: half a second instead of eight."""
    only("spectrum")
