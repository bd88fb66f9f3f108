"""A reloaded fit in other graphs: a Keras model that is trained, and tf.data.

Inside another SavedModel it is called in test_other_processes.py.
"""

# pyright: reportArgumentType=false
# Keras annotates jit_compile and verbose by their defaults, which are strings.

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf


class FitLayer(keras.layers.Layer):
    """Levels in, parameters of the matrix out."""

    def __init__(self, signature: Any):
        super().__init__(dtype="float64")  # Keras would cast the levels to float32
        self.signature = signature

    def call(self, levels: tf.Tensor) -> tf.Tensor:
        return self.signature(targets=levels)["parameters"]


@pytest.fixture(scope="module")
def spectra(model):
    toeplitz = model("toeplitz")
    x = np.random.default_rng(3).normal(size=(64, 5))
    return toeplitz.solver.spectrum(x).numpy()


def test_a_keras_model_learns_through_the_fit(model, spectra):
    """Levels measured on a wrong scale: the model must find the factor 0.8 before the fit.

    The mean of the diagonal of the fitted matrix is the mean of its levels, so the factor is known
    from it.
    """
    signature = model("toeplitz").reloaded.signatures["serving_default"]
    inputs = keras.Input([5], dtype="float64")
    scale = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", dtype="float64", name="scale"
    )
    factor = scale(
        keras.layers.Lambda(lambda levels: levels[:, :1] * 0 + 1, dtype="float64")(inputs)
    )
    fitted = FitLayer(signature)(keras.layers.Multiply(dtype="float64")([inputs, factor]))
    diagonal = keras.layers.Lambda(lambda parameters: parameters[:, :1], dtype="float64")(fitted)
    network = keras.Model(inputs, diagonal)
    network.compile(keras.optimizers.Adam(0.02), loss="mse", jit_compile=False)
    wanted = 0.8 * spectra.mean(axis=1, keepdims=True)
    network.fit(spectra, wanted, epochs=15, batch_size=16, verbose=0)
    found = float(network.get_layer("scale").kernel.numpy()[0, 0])
    assert found == pytest.approx(0.8, abs=0.01)


def test_in_a_dataset(model, spectra):
    signature = model("toeplitz").reloaded.signatures["serving_default"]
    dataset = tf.data.Dataset.from_tensor_slices(spectra).batch(10)
    dataset = dataset.map(lambda levels: signature(targets=levels)["parameters"])
    found = np.concatenate(list(dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(found, model("toeplitz").solver.fit(spectra).parameters)
