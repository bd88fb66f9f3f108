"""Small SavedModels of plain TensorFlow."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from .clients import PredictionLog


def _spec(shape: list[int | None], dtype: Any, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name)


KINDS = {
    **{name: getattr(tf, name) for name in ("int8", "int16", "int32", "int64")},
    **{name: getattr(tf, name) for name in ("uint8", "uint32", "uint64", "bool")},
}


WARMUP = "assets.extra/tf_serving_warmup_requests"


class Many(tf.Module):
    """One signature for each kind of input, output and trouble."""

    def __init__(self) -> None:
        self.number = tf.Variable(2.0)

    @tf.function(input_signature=[_spec([None], tf.float32, "x")])
    def half_plus_two(self, x):
        return {"y": x / 2 + self.number}

    @tf.function(input_signature=[_spec([None, 3], tf.float64, n) for n in ("a", "b")])
    def two(self, a, b):
        return {"x": a + b, "y": tf.reduce_sum(a - b, axis=1)}

    @tf.function(input_signature=[_spec([None, 3], tf.float64, "a"), _spec([1], tf.float64, "tol")])
    def defaults(self, a, tol=tf.constant([0.5], tf.float64)):  # noqa: B008  # how TensorFlow writes defaults
        return {"y": a + tol}

    @tf.function(input_signature=[_spec([None], dtype, name) for name, dtype in KINDS.items()])
    def kinds(self, *inputs):
        return dict(zip(KINDS, inputs, strict=True))

    @tf.function(input_signature=[_spec([None], tf.complex128, "z")])
    def complex(self, z):
        return {"z": tf.math.conj(z)}

    @tf.function(input_signature=[_spec([None], tf.float64, "x")])
    def count(self, x):
        return {"n": tf.size(x), "y": x}

    @tf.function(input_signature=[_spec([None], tf.float64, "x")])
    def more(self, x):
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

    @tf.function(input_signature=[_spec([None], tf.float64, "x")])
    def positive(self, x):
        """Fails for the value of a row."""
        tf.debugging.assert_positive(x, "x must be positive")
        return {"y": tf.identity(x)}

    @tf.function(input_signature=[_spec([None], tf.string, "x")])
    def text(self, x):
        return {"y": x}

    @tf.function(input_signature=[_spec([None], tf.float16, "x")])
    def half(self, x):
        return {"y": x}


def save_many(directory: Path) -> None:
    """Write the model with all signatures."""
    model: Any = Many()
    names = "two defaults kinds complex count more checked batch_size slow positive text half"
    signatures = {name: getattr(model, name) for name in names.split()}
    signatures["serving_default"] = model.half_plus_two
    tf.saved_model.save(model, str(directory), signatures=signatures)


class Plus(tf.Module):
    """Adds a number, which tells versions apart."""

    def __init__(self, number: float):
        self.number = tf.Variable(number)

    @tf.function(input_signature=[_spec([None], tf.float32, "x")])
    def add(self, x):
        return {"y": x + self.number}


@functools.cache
def saved_plus(number: float) -> str:
    """Where this model is, saved once for all tests."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    model = Plus(number)
    tf.saved_model.save(model, directory, signatures={"serving_default": model.add})
    return directory


def publish_plus(base: Path, version: int, number: float, warmup: Sequence[bytes] = ()) -> None:
    """Write a version under another name, then rename it."""
    staged = base / f"writing-{version}"
    shutil.copytree(saved_plus(number), staged)
    write_warmup(staged, warmup)
    staged.rename(base / str(version))


def write_warmup(directory: Path, records: Sequence[bytes]) -> None:
    """Give a version warm-up requests."""
    if records:
        (directory / "assets.extra").mkdir()
        with tf.io.TFRecordWriter(str(directory / WARMUP)) as file:
            for record in records:
                file.write(record)


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
