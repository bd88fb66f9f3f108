"""What stands beside the graph: warm-up requests, a description, a validation report."""

# pyright: reportAttributeAccessIssue=false
# Protobuf makes the message classes when the module is imported; Pyright cannot see them.

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.export import export_saved_model, load_solver_info, warmup
from eigenfit.export.signatures import signatures_of
from eigenfit.solver import Affine, SpectralSolver, Status, Symmetric


def report_of(version_dir):
    return json.loads((Path(version_dir) / "assets.extra" / "validation.json").read_text())


def test_every_signature_has_warmup_requests_of_every_size(model):
    toeplitz = model("toeplitz")
    requests = warmup.read_warmup(Path(toeplitz.version_dir))
    found = {}
    for request in requests:
        name = request.model_spec.signature_name
        inputs = {key: tf.make_ndarray(tensor) for key, tensor in request.inputs.items()}
        expected = {str(spec.name) for spec in signatures_of(toeplitz.solver)[name].inputs}
        assert set(inputs) == expected
        rows = {len(value) for value in inputs.values()}
        assert len(rows) == 1
        found.setdefault(name, []).append(rows.pop())
    assert found == {name: list(warmup.WARMUP_ROWS) for name in signatures_of(toeplitz.solver)}


def test_warmup_requests_are_answered_as_the_solver_answers(model):
    toeplitz = model("toeplitz")
    requests = warmup.read_warmup(Path(toeplitz.version_dir))
    fits = [r for r in requests if r.model_spec.signature_name == "serving_default"]
    targets = tf.make_ndarray(fits[-1].inputs["targets"])
    answer = toeplitz.call("serving_default", targets=tf.constant(targets))
    np.testing.assert_array_equal(answer["status"], toeplitz.solver.fit(targets).status)
    assert (answer["status"] == Status.CONVERGED).sum() >= len(targets) // 2
    assert warmup.replay_warmup(Path(toeplitz.version_dir), toeplitz.reloaded) == len(requests)


def test_a_failing_warmup_request_is_noticed(model, tmp_path):
    toeplitz = model("toeplitz")
    request = warmup.read_warmup(Path(toeplitz.version_dir))[0]
    request.inputs["targets"].CopyFrom(tf.make_tensor_proto(np.zeros((2, 3))))
    record = warmup.prediction_log_pb2.PredictionLog()
    record.predict_log.request.CopyFrom(request)
    path = tmp_path / warmup.WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(record.SerializeToString())
    with pytest.raises(RuntimeError, match="warm-up request 0 of signature 'serving_default'"):
        warmup.replay_warmup(tmp_path, toeplitz.reloaded)


def test_description(model):
    info = load_solver_info(model("lowest").version_dir)
    assert info["parameterization"] == "Symmetric"
    assert info["parameter_names"] == ["a00", "a11", "a22", "a10", "a21", "a20"]
    assert info["observation"]["relative_to"] == "lowest"
    assert info["method"]["kind"] == "LevenbergMarquardt"
    assert info["tensorflow_version"] == tf.__version__
    assert info["signatures"]["fit"]["targets"] == {"shape": [None, 3], "dtype": "float64"}
    assert (info["starts"], info["solutions"], info["bounds"]) == (128, 1, None)
    solver = model("lowest").solver
    assert (info["tolerance"], info["max_steps"]) == (1e-10, solver.max_steps)
    assert info["eigenfit_version"] == importlib.metadata.version("eigenfit")


@pytest.mark.usefixtures("only_spectrum")
def test_description_with_units_and_bounds(tmp_path):
    structure = Affine(None, [np.eye(2)], parameter_names=["shift"])
    solver = SpectralSolver(
        structure,
        bounds={"shift": (0.0, np.inf)},
        priors=(1.0, 2.0),
        tolerance=1e-8,
        max_steps=17,
    )
    units = {"levels": "cm^-1", "shift": "cm^-1"}
    version_dir = export_saved_model(solver, tmp_path, units=units, measure_latency=False)
    info = load_solver_info(version_dir)
    assert (info["tolerance"], info["max_steps"]) == (1e-8, 17)
    assert info["level_unit"] == "cm^-1"
    assert info["parameter_units"] == {"shift": "cm^-1"}
    assert info["bounds"] == {"shift": [0.0, "inf"]}
    assert info["priors"] == {"shift": [1.0, 2.0]}
    with pytest.raises(ValueError, match=r"units must be strings .*'field'.* levels, shift"):
        export_saved_model(solver, tmp_path, units={"field": "T"})
    for wrong in (["levels"], "levels", []):
        with pytest.raises(ValueError, match=r"units must be a mapping .*names are levels, shift"):
            export_saved_model(solver, tmp_path, units=wrong)  # pyright: ignore[reportArgumentType]


def test_description_of_another_graph_is_refused(model, tmp_path):
    copy = tmp_path / "1"
    shutil.copytree(model("toeplitz").version_dir, copy)
    assert load_solver_info(copy)["num_targets"] == 5
    path = copy / "assets.extra" / "eigenfit.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(ValueError, match="format 99"):
        load_solver_info(copy)
    path.write_text(path.read_text().replace('"format": 99', '"format": 1'))
    with (copy / "saved_model.pb").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="describes another graph"):
        load_solver_info(copy)
    with pytest.raises(FileNotFoundError, match=r"eigenfit\.json does not exist"):
        load_solver_info(tmp_path)


def test_report_of_a_validated_model(model):
    report = report_of(model("toeplitz").version_dir)
    assert report["tolerance"] == {"relative": 1e4 * 2.0**-52, "integers": 0}
    single = report_of(model("float32").version_dir)
    assert single["tolerance"] == {"relative": 1e4 * 2.0**-23, "integers": 0}
    assert set(report["signatures"]) == set(signatures_of(model("toeplitz").solver))
    for signature in report["signatures"].values():
        assert 0 <= signature["max_relative_difference"] <= 1e-11
        assert signature["max_absolute_difference"] >= 0
        assert signature["latency_ms"]["1"] > 0
        assert signature["latency_ms"]["1024"] > 0
    assert report["warmup_requests_replayed"] == 6 * len(warmup.WARMUP_ROWS)
    assert report_of(model("hermitian").version_dir)["signatures"]["fit"]["latency_ms"] is None


@pytest.mark.usefixtures("only_spectrum")
def test_old_versions_are_removed_and_never_a_newer_one(tmp_path):
    solver = SpectralSolver(Symmetric(2))
    for name in ("3", "00000004", "9"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text("model")
    export_saved_model(solver, tmp_path, version=5, keep=2, measure_latency=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["5", "9"]
    export_saved_model(solver, tmp_path, keep=1, measure_latency=False)
    assert [path.name for path in tmp_path.iterdir()] == ["10"]
    for wrong in (0, True, 1.5):
        with pytest.raises(ValueError, match="keep must be an integer of at least 1"):
            export_saved_model(solver, tmp_path, keep=wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.usefixtures("only_spectrum")
def test_tolerance_by_name(tmp_path):
    solver = SpectralSolver(Symmetric(2))
    for wrong in (-1e-9, 1.0, np.nan, True, "tight", "0.001", np.float32(2)):
        with pytest.raises(ValueError, match="relative_tolerance must be a number from 0"):
            export_saved_model(solver, tmp_path, relative_tolerance=wrong)  # pyright: ignore[reportArgumentType]
    tolerance: Any = np.float32(2**-10)  # a real number, though not one of Python's
    version_dir = export_saved_model(
        solver, tmp_path, relative_tolerance=tolerance, measure_latency=False
    )
    assert report_of(version_dir)["tolerance"] == {"relative": 2**-10, "integers": 0}
