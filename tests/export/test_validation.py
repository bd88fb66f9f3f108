"""A model that answers differently, or could not run elsewhere, is not published."""

import types

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.export import export_saved_model, saved_model
from eigenfit.export.examples import example_inputs
from eigenfit.export.validation import compare_outputs, validate
from eigenfit.solver import Nonlinear, Parameterization, SpectralSolver, Symmetric, Toeplitz


def two_by_two(height, coupling):
    return tf.stack([tf.stack([height, coupling], -1), tf.stack([coupling, -height], -1)], -2)


def compare(got, live, relative=1e-9, scale=0.0):
    got = {key: np.asarray(value) for key, value in got.items()}
    live = {key: np.asarray(value) for key, value in live.items()}
    compare_outputs("fit", got, live, relative=relative, scale=scale)


def test_equal_answers_pass():
    values = {"parameters": [1.0, np.nan, np.inf, -np.inf], "steps": np.array([3, 4])}
    compare(values, values)
    compare({"loss": []}, {"loss": []})


def test_relative_and_scale_are_not_mixed_up():
    compare({"loss": [1.0 + 1e-10]}, {"loss": [1.0]}, relative=1e-9)
    compare({"loss": [1e-10]}, {"loss": [0.0]}, relative=1e-9, scale=1.0)
    with pytest.raises(RuntimeError):
        compare({"loss": [1e-10]}, {"loss": [0.0]}, relative=1e-9, scale=1e-2)
    with pytest.raises(RuntimeError):
        compare({"loss": [1.0 + 1e-8]}, {"loss": [1.0]}, relative=1e-9)


@pytest.mark.parametrize(
    ("got", "live", "largest"),
    [
        ([1.0, 2.0, 5.0], [1.0, 2.5, 3.0], "2"),
        ([1.0, np.nan], [1.0, 1.0], "inf"),
        ([1.0, 1.0], [1.0, np.nan], "inf"),
        ([np.inf], [-np.inf], "inf"),
        ([1e300], [np.inf], "inf"),
        ([1.0 + 0j], [1.0 + 1e-3j], "0.001"),
    ],
)
def test_a_difference_is_named(got, live, largest):
    message = (
        rf"output 'eigenvalues' of signature 'fit' differs by up to {largest} .*1e-09 relative"
    )
    with pytest.raises(RuntimeError, match=message):
        compare({"eigenvalues": got}, {"eigenvalues": live})


def test_integers_must_be_the_same():
    with pytest.raises(RuntimeError, match=r"'steps' .* differs by up to 1 .*none is allowed"):
        compare({"steps": [10**9 + 1]}, {"steps": [10**9]}, relative=0.1, scale=1e9)


def test_names_shapes_and_dtypes_must_be_the_same():
    with pytest.raises(
        RuntimeError, match=r"returns \['loss'\], but the solver returns \['status'"
    ):
        compare({"loss": [1.0]}, {"status": [1]})
    with pytest.raises(RuntimeError, match=r"is float64\[2\] .* and float64\[1\] in the live"):
        compare({"loss": [1.0, 1.0]}, {"loss": [1.0]})
    with pytest.raises(RuntimeError, match=r"is float32\[1\] .* and float64\[1\] in the live"):
        compare({"loss": np.ones(1, np.float32)}, {"loss": np.ones(1)})


def test_example_rows_are_the_same_every_time_and_mixed():
    solver = SpectralSolver(Toeplitz(4))
    first, again = example_inputs(solver, 6), example_inputs(solver, 6)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)
        assert value.shape[0] == 6
    targets = first["targets"].numpy()
    assert np.isnan(targets).any(axis=1).tolist() == [True, False, True, False, True, False]
    assert np.isinf(targets).any(axis=1).tolist() == [False, False, False, True, False, False]
    assert solver.fit(targets).status.numpy().tolist() == [1, 1, -1, -1, 1, 1]


def test_example_rows_of_a_single_level():
    assert np.isfinite(example_inputs(SpectralSolver(Symmetric(1)), 1)["targets"]).all()


@pytest.mark.usefixtures("only_spectrum")
def test_a_matrix_with_random_numbers_is_refused(tmp_path):
    def noisy(parameters):
        noise = tf.random.normal([], dtype=parameters.dtype)
        return two_by_two(parameters[:, 0] + noise, parameters[:, 1])

    solver = SpectralSolver(Nonlinear(noisy, n=2, p=2))
    with pytest.raises(RuntimeError, match=r"signature 'spectrum' differs .*random numbers"):
        export_saved_model(solver, tmp_path / "models" / "noisy")
    assert list(tmp_path.iterdir()) == []


def test_a_changed_solver_is_noticed_by_every_signature(model):
    """The live answers of each signature in turn are not what was saved."""
    toeplitz = model("toeplitz")
    signatures = saved_model.signatures_of(toeplitz.solver)
    for name, signature in signatures.items():

        def shifted(*inputs, compute=signature.compute):
            return {key: value + 1 for key, value in compute(*inputs).items()}

        changed = type(signature)(signature.inputs, shifted)
        with pytest.raises(RuntimeError, match=f"signature '{name}' differs by up to "):
            validate(toeplitz.reloaded, {name: changed}, toeplitz.solver)


def test_rows_after_the_first_are_compared(model):
    """A model that answers one row rightly and the second row with the answer of the first."""
    toeplitz = model("toeplitz")
    signature = saved_model.signatures_of(toeplitz.solver)["spectrum"]

    def first_row_again(parameters):
        levels = toeplitz.reloaded.signatures["spectrum"](parameters=parameters)["eigenvalues"]
        rows = np.arange(len(levels))
        rows[1:2] = 0
        return {"eigenvalues": tf.gather(levels, rows)}

    wrong = types.SimpleNamespace(signatures={"spectrum": first_row_again})
    with pytest.raises(RuntimeError, match=r"signature 'spectrum' differs .* at 6 rows"):
        validate(wrong, {"spectrum": signature}, toeplitz.solver)


@pytest.mark.usefixtures("only_spectrum")
def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    def fail(directory, traced):
        (directory / "variables").mkdir()
        raise OSError("no space left on device")

    monkeypatch.setattr(saved_model, "_write", fail)
    (tmp_path / "1").mkdir()
    with pytest.raises(OSError, match="no space left"):
        export_saved_model(SpectralSolver(Symmetric(2)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


class CallsPython(Parameterization):
    def __init__(self):
        super().__init__(size=2, num_parameters=2)

    def matrix(self, parameters):
        full = tf.numpy_function(
            lambda x: np.stack([x, x[:, ::-1]], -1), [parameters], parameters.dtype
        )
        full.set_shape([None, 2, 2])
        return full

    def derivatives(self, parameters):
        return tf.zeros([1, 2, 2, 2], parameters.dtype)


@pytest.mark.usefixtures("only_spectrum")
def test_a_matrix_that_calls_python_is_refused(tmp_path):
    message = r"signature 'spectrum' calls Python \(PyFunc.*without tf.py_function"
    with pytest.raises(ValueError, match=message):
        export_saved_model(SpectralSolver(CallsPython()), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("only_spectrum")
def test_a_matrix_compiled_by_xla_is_refused(tmp_path):
    @tf.function(jit_compile=True)
    def compiled(parameters):
        return two_by_two(parameters[:, 0], parameters[:, 1])

    class Compiled(Parameterization):
        def __init__(self):
            super().__init__(size=2, num_parameters=2)

        def matrix(self, parameters):
            return compiled(parameters)

        def derivatives(self, parameters):
            return tf.constant([[[[1, 0], [0, -1]], [[0, 1], [1, 0]]]], parameters.dtype)

    with pytest.raises(ValueError, match="Remove jit_compile=True"):
        export_saved_model(SpectralSolver(Compiled()), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("only_spectrum")
def test_a_matrix_with_a_lookup_table_is_refused(tmp_path):
    keys, values = tf.constant([0], tf.int64), tf.constant([2.0], tf.float64)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0.0)

    def looked_up(parameters):
        slope = table.lookup(tf.zeros_like(parameters[:, 0], tf.int64))
        return two_by_two(slope * parameters[:, 0], parameters[:, 1])

    message = r"signature 'spectrum' reads a resource .*lookup table.* use tf\.gather"
    with pytest.raises(ValueError, match=message):
        export_saved_model(SpectralSolver(Nonlinear(looked_up, n=2, p=2)), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def read_slope(path):
    return tf.strings.to_number(tf.io.read_file(str(path)), tf.float64)


def write_log(path):
    tf.io.write_file(str(path), "called")
    return tf.constant(1.0, tf.float64)


def print_log(path):
    tf.print("called", output_stream=f"file://{path}")
    return tf.constant(1.0, tf.float64)


def restored(path):
    return tf.raw_ops.RestoreV2(
        prefix=str(path), tensor_names=["slope"], shape_and_slices=[""], dtypes=[tf.float64]
    )[0]


def listed(path):
    return tf.cast(tf.size(tf.io.matching_files(f"{path}*")), tf.float64)


@pytest.mark.usefixtures("only_spectrum")
@pytest.mark.parametrize(
    ("slope", "operation"),
    [
        (read_slope, "ReadFile"),
        (write_log, "WriteFile"),
        (print_log, "PrintV2"),
        (restored, "RestoreV2"),
        (listed, "MatchingFiles"),
    ],
)
def test_a_matrix_that_touches_files_is_refused(tmp_path, slope, operation):
    (tmp_path / "slope").write_text("1.0")

    def matrix(parameters):
        # As little of it as there can be: inside a function that the graph calls.
        used = tf.function(lambda: slope(tmp_path / "slope"))()
        return two_by_two(used * parameters[:, 0], parameters[:, 1])

    solver = SpectralSolver(Nonlinear(matrix, n=2, p=2))
    message = rf"'spectrum' reads or writes files \({operation}\).* once, outside"
    with pytest.raises(ValueError, match=message):
        export_saved_model(solver, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("only_spectrum")
def test_what_changes_between_calls_without_being_seen_is_refused(tmp_path):
    count = tf.Variable(0.0, trainable=False, dtype=tf.float64)

    def counting(parameters):
        count.assign_add(1.0)
        return two_by_two(parameters[:, 0], parameters[:, 1])

    def rarely(parameters):  # a difference too small to be seen when it is compared
        noise = 1e-20 * tf.random.uniform([], dtype=parameters.dtype)
        return two_by_two(parameters[:, 0] + noise, parameters[:, 1])

    def timed(parameters):
        later = tf.cast(tf.timestamp() < 0, parameters.dtype)
        return two_by_two(parameters[:, 0] + later, parameters[:, 1])

    def stateless(parameters):
        noise = tf.random.stateless_normal([], seed=[1, 2], dtype=parameters.dtype)
        tf.print("once more")
        return two_by_two(parameters[:, 0] + noise, parameters[:, 1])

    for matrix, operation in (
        (counting, "AssignAddVariableOp"),
        (rarely, "RandomUniform"),
        (timed, "Timestamp"),
    ):
        solver = SpectralSolver(Nonlinear(matrix, n=2, p=2))
        with pytest.raises(ValueError, match=rf"changes from call to call \({operation}\)"):
            export_saved_model(solver, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
    solver = SpectralSolver(Nonlinear(stateless, n=2, p=2))
    export_saved_model(solver, tmp_path, measure_latency=False)


@pytest.mark.usefixtures("only_spectrum")
def test_a_constant_variable_of_the_matrix_is_exported(tmp_path):
    slope = tf.Variable(2.0, trainable=False, dtype=tf.float64)

    def sloped(parameters):
        return two_by_two(slope * parameters[:, 0], parameters[:, 1])

    version_dir = export_saved_model(SpectralSolver(Nonlinear(sloped, n=2, p=2)), tmp_path)
    spectrum = tf.saved_model.load(version_dir).signatures["spectrum"]
    levels = spectrum(parameters=tf.constant([[1.5, 4.0]], tf.float64))["eigenvalues"]
    np.testing.assert_allclose(levels, [[-5.0, 5.0]], rtol=1e-14)
