"""Exported problems answer as they did before they were saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from eigenfit.export.signatures import signatures_of, trace
from eigenfit.solver import Affine, Banded, Hermitian, Nonlinear, Symmetric, Toeplitz

from .claims import CLAIMS
from .registry import problems, solver_of, weights_of

# Those of `tests/export` have these structures, one of them in float32.
ELSEWHERE: set[object] = {Affine, Banded, Hermitian, Nonlinear, Symmetric, Toeplitz, tf.float32}


def features(name: str, method: str) -> set[object]:
    """What makes one exported graph different from another."""
    problem = problems()[name]
    kinds = (type(problem.parameterization()), type(problem.observation()))
    found: set[object] = {method, problem.runs[method].dtype, *kinds}
    return found - ELSEWHERE


def exported_claims() -> list[tuple[str, str]]:
    """Claims that have every feature between them: to export all would take minutes."""
    chosen: list[tuple[str, str]] = []
    missing = set().union(*(features(*claim) for claim in CLAIMS))
    while missing:
        chosen.append(max(CLAIMS, key=lambda claim: len(features(*claim) & missing)))
        missing -= features(*chosen[-1])
    return chosen


def inputs_of(name: str, method: str) -> dict[str, tf.Tensor]:
    """Of the signature `fit`."""
    problem, solver = problems()[name], solver_of(name, method)
    rows, nan = len(problem.targets), np.nan
    parameters = np.full((rows, solver.parameterization.num_parameters), nan)
    inputs = {
        "targets": problem.targets,
        "initial": parameters if problem.initial is None else problem.initial,
        "weights": weights_of(problem),
        "tolerance": np.full(rows, nan),
    }
    tensors = {key: tf.constant(value, solver.dtype) for key, value in inputs.items()}
    return {**tensors, "max_steps": tf.zeros(rows, tf.int32)}


def test_exported_answers_are_the_live_ones(tmp_path: Path):
    """In one SavedModel, one signature each: saving each alone would take minutes."""
    claims = exported_claims()
    assert {method for _, method in claims} == {method for _, method in CLAIMS}
    traced = {
        f"fit{number}": trace(signatures_of(solver_of(*claim))["fit"])
        for number, claim in enumerate(claims)
    }
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures=traced)
    reloaded = tf.saved_model.load(str(tmp_path)).signatures
    for number, (name, method) in enumerate(claims):
        problem, inputs = problems()[name], inputs_of(name, method)
        answer, live = (found[f"fit{number}"](**inputs) for found in (reloaded, traced))
        expected = [problem.runs[method].status] * len(problem.targets)
        claim = f"{name} by {method}"
        assert answer["status"].numpy().tolist() == expected, claim
        assert set(answer) == set(live)
        for field, value in live.items():
            np.testing.assert_array_equal(answer[field], value, err_msg=f"{claim}: {field}")
