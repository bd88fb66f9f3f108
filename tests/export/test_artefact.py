"""What stands beside the graph: warm-up requests, a description, a validation report."""

# pyright: reportAttributeAccessIssue=false
# Protobuf makes the message classes when the module is imported; Pyright cannot see them.

import importlib.metadata
import itertools
import json
import shutil
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.export import export_saved_model, load_solver_info, report, warmup
from eigenfit.export.digest import digest_model
from eigenfit.export.info import INFO_FILE
from eigenfit.export.signatures import signatures_of
from eigenfit.solver import Affine, Nonlinear, SpectralSolver, Status, Symmetric


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
    # A graph prepared for one row alone would be prepared again for more; a server with batching
    # refuses requests above its max_batch_size.
    assert 1 in warmup.WARMUP_ROWS
    assert 1 < max(warmup.WARMUP_ROWS) <= 8


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
    info = load_solver_info(model("hermitian, float32").version_dir)
    assert info["parameterization"] == "Hermitian"
    assert info["parameter_names"] == [
        "a00",
        "a11",
        "a22",
        "re10",
        "re21",
        "im10",
        "im21",
        "re20",
        "im20",
    ]
    assert info["observation"]["relative_to"] == "lowest"
    assert info["method"]["kind"] == "LevenbergMarquardt"
    assert info["tensorflow_version"] == tf.__version__
    assert info["signatures"]["fit"]["targets"] == {"shape": [None, 3], "dtype": "float32"}
    assert (info["starts"], info["solutions"], info["bounds"]) == (128, 1, None)
    solver = model("hermitian, float32").solver
    assert (info["tolerance"], info["max_steps"]) == (1e-5, solver.max_steps)
    assert info["eigenfit_version"] == importlib.metadata.version("eigenfit")


@pytest.mark.usefixtures("only_spectrum")
def test_description_with_units_and_bounds(tmp_path):
    structure = Affine(None, [np.eye(2)], parameter_names=["shift"])
    structure.level_unit, structure.parameter_units = "cm^-1", {"shift": "K"}
    solver = SpectralSolver(
        structure,
        bounds={"shift": (0.0, np.inf)},
        priors=(1.0, 2.0),
        tolerance=1e-8,
        max_steps=17,
    )
    # The structure says the unit of the levels; that of the shift is overruled.
    units = {"shift": "cm^-1"}
    version_dir = export_saved_model(solver, tmp_path, units=units, measure_latency=False)
    info = load_solver_info(version_dir)
    assert (info["tolerance"], info["max_steps"]) == (1e-8, 17)
    assert info["level_unit"] == "cm^-1"
    assert info["parameter_units"] == {"shift": "cm^-1"}
    assert info["bounds"] == {"shift": [0.0, "inf"]}
    assert info["priors"] == {"shift": [1.0, 2.0]}
    structure.level_unit, structure.parameter_units = "meV", {"shift": "meV"}
    own = export_saved_model(solver, tmp_path, units={"shift": "eV"}, measure_latency=False)
    info = load_solver_info(own)
    assert (info["level_unit"], info["parameter_units"]) == ("meV", {"shift": "eV"})
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


def scaled_model(base_dir, factor):
    """The export of [[x0, x1], [x1, -x0]] times a variable."""
    variable = tf.Variable(factor, trainable=False, dtype=tf.float64)

    def matrix(x):
        x = variable * x
        return tf.stack([tf.stack([x[:, 0], x[:, 1]], -1), tf.stack([x[:, 1], -x[:, 0]], -1)], -2)

    solver = SpectralSolver(Nonlinear(matrix, n=2, p=2))
    return Path(export_saved_model(solver, base_dir, measure_latency=False))


@pytest.mark.usefixtures("only_spectrum")
def test_exchanged_variables_are_refused(tmp_path):
    one, other = (scaled_model(tmp_path / str(factor), factor) for factor in (1.0, 3.0))
    assert load_solver_info(one)["parameter_names"] == ["x0", "x1"]
    rows = tf.constant([[3.0, 4.0]], tf.float64)
    for path in (other / "variables").iterdir():
        shutil.copy(path, one / "variables")
    spectrum = tf.saved_model.load(str(one)).signatures["spectrum"](parameters=rows)
    np.testing.assert_allclose(spectrum["eigenvalues"], [[-15.0, 15.0]])  # TensorFlow takes it
    with pytest.raises(ValueError, match=r"describes other variables or assets than .*exchanged"):
        load_solver_info(one)


def test_every_file_that_tensorflow_reads_counts(model, tmp_path):
    source = Path(model("hermitian, float32").version_dir)
    assert load_solver_info(source)["model_sha256"] == digest_model(source)
    index = "variables/variables.index"

    def changed(name, change):
        copy = tmp_path / name
        shutil.copytree(source, copy)
        change(copy)
        return copy

    def write(name, content=b"more"):
        return lambda copy: (
            (copy / name).parent.mkdir(exist_ok=True) or (copy / name).write_bytes(content)
        )

    for name, change in {
        "missing": lambda copy: (copy / index).unlink(),
        "gone": lambda copy: shutil.rmtree(copy / "variables"),
        "renamed": lambda copy: (copy / index).rename(copy / "variables/variables.other"),
        "extra": write("variables/variables.data-00001-of-00002"),
        "deep": lambda copy: shutil.copytree(copy / "variables", copy / "variables" / "old"),
        "asset": write("assets/table.txt"),
        "other graph": write("saved_model.cpb"),  # TensorFlow Serving would read this instead
    }.items():
        with pytest.raises(ValueError, match="describes other variables or assets than"):
            load_solver_info(changed(name, change))
    with pytest.raises(ValueError, match="describes another graph than"):
        load_solver_info(changed("no graph", lambda copy: (copy / "saved_model.pb").unlink()))

    def link(copy):
        shutil.move(copy / "variables", copy / "elsewhere")
        (copy / "variables").symlink_to(copy / "elsewhere")
        (copy / index).rename(tmp_path / "stored")
        (copy / index).symlink_to(tmp_path / "stored")

    for name, change in {
        "notes": write("assets.extra/notes.txt"),
        "fingerprint": write("fingerprint.pb"),
        "links": link,
    }.items():
        assert load_solver_info(changed(name, change))["num_targets"] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"cannot be read \(JSONDecodeError.*damaged\. Export again"),
        ("[" * 100_000, r"cannot be read \(RecursionError"),
        ("\xff", r"cannot be read \(UnicodeDecodeError"),
        ("1" * 5000, r"cannot be read \(ValueError"),
        ("[1, 2]", "must hold a JSON object, got a list"),
        ("null", "must hold a JSON object, got a NoneType"),
        ("{}", "lacks format, graph_sha256, model_sha256, parameter_names, num_targets, sign"),
        ('{"format": 2}', "has format 2, this eigenfit knows up to 1"),
    ],
)
def test_what_is_no_description_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "assets.extra" / "eigenfit.json"
    path.parent.mkdir()
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=message):
        load_solver_info(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", True),
        ("format", 0),
        ("format", "1"),
        ("format", None),
        ("graph_sha256", None),
        ("model_sha256", 3),
        ("num_targets", "5"),
        ("parameter_names", None),
        ("parameter_names", {}),
        ("parameter_names", []),
        ("parameter_names", ["a", 1]),
        ("parameter_names", ["a", "a"]),
        ("signatures", []),
    ],
)
def test_a_damaged_field_is_named(model, tmp_path, name, value):
    info = json.loads((Path(model("toeplitz").version_dir) / INFO_FILE).read_text())
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / INFO_FILE).write_text(json.dumps({**info, name: value}))
    with pytest.raises(ValueError, match=f"eigenfit.json lacks {name}, or has something else"):
        load_solver_info(tmp_path)


def test_report_of_a_validated_model(model):
    written = report_of(model("toeplitz").version_dir)
    assert written["tolerance"] == {"relative": 1e4 * 2.0**-52, "integers": 0}
    single = report_of(model("hermitian, float32").version_dir)
    assert single["tolerance"] == {"relative": 1e4 * 2.0**-23, "integers": 0}
    assert set(written["signatures"]) == set(signatures_of(model("toeplitz").solver))
    for signature in written["signatures"].values():
        assert 0 <= signature["max_relative_difference"] <= 1e-11
        assert signature["max_absolute_difference"] >= 0
        assert signature["latency_ms"] is None
    assert written["warmup_requests_replayed"] == 7 * len(warmup.WARMUP_ROWS)


def test_latencies_are_milliseconds(model, monkeypatch):
    """With a clock that goes on by a quarter of a second whenever it is read."""
    toeplitz = model("toeplitz")
    signature = signatures_of(toeplitz.solver)["spectrum"]
    ticks = itertools.count()
    clock = types.SimpleNamespace(perf_counter=lambda: 0.25 * next(ticks))
    monkeypatch.setattr(report, "time", clock)
    found = report.measure_latencies(toeplitz.reloaded, {"spectrum": signature}, toeplitz.solver)
    assert found == {"spectrum": {"1": 250.0, "1024": None}}  # 1024 times 250 ms is too long


@pytest.mark.usefixtures("only_spectrum")
def test_latencies_are_in_the_report(tmp_path):
    version_dir = export_saved_model(SpectralSolver(Symmetric(2)), tmp_path)
    latency = report_of(version_dir)["signatures"]["spectrum"]["latency_ms"]
    assert latency["1"] > 0
    assert latency["1024"] > 0


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
