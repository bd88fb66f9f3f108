"""Small SavedModels of plain TensorFlow."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from eigenfit.serving.server.protos import PredictionLog


def _spec(shape: list[int | None], dtype: Any, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name)


_KINDS = {
    "int32": tf.int32,
    "int64": tf.int64,
    "uint8": tf.uint8,
    "bool": tf.bool,
    "text": tf.string,
}


NARROW = ("int8", "int16", "uint32", "uint64")


class Many(tf.Module):
    """One signature for each kind of input, output and trouble."""

    def __init__(self) -> None:
        self.two = tf.Variable(2.0)

    @tf.function(input_signature=[_spec([None], tf.float32, "x")])
    def half_plus_two(self, x):
        return {"y": x / 2 + self.two}

    @tf.function(input_signature=[_spec([None, 3], tf.float64, n) for n in ("a", "b")])
    def two_inputs(self, a, b):
        return {"x": a + b, "y": tf.reduce_sum(a - b, axis=1)}

    @tf.function(
        input_signature=[
            _spec([None, 3], tf.float64, "a"),
            tf.TensorSpec([1], tf.float64, "tol"),
        ]
    )
    def with_default(self, a, tol=tf.constant([0.5], tf.float64)):  # noqa: B008  # how TensorFlow writes defaults
        return {"y": a + tol}

    @tf.function
    def kinds(self, **inputs):
        return {**inputs, "raw_bytes": inputs["text"]}

    @tf.function(input_signature=[_spec([None], tf.complex128, "z")])
    def complex_numbers(self, z):
        return {"z": tf.math.conj(z)}

    @tf.function(input_signature=[_spec([None], tf.float64, "x")])
    def with_count(self, x):
        return {"n": tf.size(x), "y": x}

    @tf.function(input_signature=[_spec([None], tf.float64, "x")])
    def one_more_row(self, x):
        return {"more": tf.concat([x, [0.0]], 0), "y": x}

    @tf.function(input_signature=[_spec([None, 3], tf.float64, "x")])
    def checked(self, x):
        return {"y": tf.ensure_shape(x, [None, 3]) + 1.0}

    @tf.function(input_signature=[_spec([None], tf.int32, "x")])
    def batch_size(self, x):
        """How many rows ran together, and the largest of them: what padding looks like."""
        return {
            "rows": tf.fill(tf.shape(x), tf.size(x)),
            "most": tf.fill(tf.shape(x), tf.reduce_max(x)),
        }

    @tf.function(input_signature=[_spec([None], tf.int64, "steps")])
    def slow(self, steps):
        last = tf.reduce_max(steps)
        (count,) = tf.while_loop(lambda i: i < last, lambda i: (i + 1,), [tf.constant(0, tf.int64)])
        return {"steps": steps + 0 * count}

    @tf.function(input_signature=[_spec([None], tf.string, "inputs")])
    def classify(self, inputs):
        x = _feature(inputs)
        scores = tf.concat([x, 1 - x], axis=1)
        return {"scores": scores, "classes": tf.fill(tf.shape(scores), "label")}

    @tf.function(input_signature=[_spec([None], tf.string, "inputs")])
    def regress(self, inputs):
        return {"outputs": _feature(inputs) / 2 + 2}

    @tf.function(input_signature=[_spec([None], tf.string, "inputs")])
    def strange(self, inputs):
        """Takes examples, but its output is not called as those of a regression are."""
        return {"number": _feature(inputs)}

    @tf.function(input_signature=[_spec([None], getattr(tf, name), name) for name in NARROW])
    def narrow(self, int8, int16, uint32, uint64):
        return {"int8": int8, "int16": int16, "uint32": uint32, "uint64": uint64}

    @tf.function(input_signature=[_spec([None], tf.float16, "x")])
    def half(self, x):
        return {"y": x}

    @tf.function(input_signature=[_spec([None], tf.float32, "x")], jit_compile=True)
    def compiled(self, x):
        return {"y": x + 1.0}


def _feature(serialized):
    return tf.io.parse_example(serialized, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]


def save_many(directory: Path) -> None:
    """Write the model with all signatures."""
    model = Many()
    traced: Any = model.kinds
    kinds = traced.get_concrete_function(
        **{name: _spec([None], dtype, name) for name, dtype in _KINDS.items()}
    )
    tf.saved_model.save(
        model,
        str(directory),
        signatures={
            "serving_default": model.half_plus_two,
            "two": model.two_inputs,
            "defaults": model.with_default,
            "kinds": kinds,
            "complex": model.complex_numbers,
            "count": model.with_count,
            "more": model.one_more_row,
            "checked": model.checked,
            "batch_size": model.batch_size,
            "slow": model.slow,
            "classify": model.classify,
            "regress": model.regress,
            "strange": model.strange,
            "narrow": model.narrow,
            "half": model.half,
            "compiled": model.compiled,
        },
    )


def save_changed(source: Path, target: Path, change: Callable[[Any], None]) -> None:
    """Copy a version and change its MetaGraphDef."""
    shutil.copytree(source, target)
    file = target / "saved_model.pb"
    module: Any = saved_model_pb2
    model = module.SavedModel.FromString(file.read_bytes())
    change(model.meta_graphs[0])
    file.write_bytes(model.SerializeToString())


class Plus(tf.Module):
    """Adds a number, which tells versions apart."""

    def __init__(self, number: float):
        self.number = tf.Variable(number)

    @tf.function(input_signature=[_spec([None], tf.float32, "x")])
    def add(self, x):
        return {"y": x + self.number}


def publish_plus(base: Path, version: int, number: float, warmup: Sequence[bytes] = ()) -> None:
    """Write a version under another name, then rename it."""
    staged = base / f"writing-{version}"
    model = Plus(number)
    tf.saved_model.save(model, str(staged), signatures={"serving_default": model.add})
    if warmup:
        (staged / "assets.extra").mkdir()
        write_records(staged / "assets.extra" / "tf_serving_warmup_requests", warmup)
    staged.rename(base / str(version))


def write_records(path: Path, records: Sequence[bytes]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def publish_broken(base: Path, version: int) -> None:
    """A version that cannot be loaded."""
    staged = base / f"writing-{version}"
    staged.mkdir(parents=True)
    (staged / "saved_model.pb").write_bytes(b"no model")
    staged.rename(base / str(version))


def remove(base: Path, version: int) -> None:
    shutil.rmtree(base / str(version))


def predict_log(request: Any) -> bytes:
    log = PredictionLog()
    log.predict_log.request.CopyFrom(request)
    return log.SerializeToString()
