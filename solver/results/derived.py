"""Functions of fitted parameters, and predicted values, with their standard errors."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class _Fields(NamedTuple):
    values: tf.Tensor
    standard_errors: tf.Tensor
    covariance: tf.Tensor


class Derived(_Fields):
    """k functions of the fitted parameters of every row; see `FitResult.derived`.

    For several solutions every field is `[B, S, ...]`.

    Attributes:
        values: `[B, k]`; NaN in a row without an answer.
        standard_errors: `[B, k]`; inf where the data do not determine the value, NaN where it
            depends only on parameters at a bound.
        covariance: `[B, k, k]`; NaN off the diagonal of values that are not determined.
        names: k names, as a tuple.
    """

    names: tuple[str, ...] = ()

    def by_name(self) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """The value and its standard error, `[B]` each, by name."""
        return {
            name: (self.values[..., place], self.standard_errors[..., place])
            for place, name in enumerate(self.names)
        }


class Prediction(NamedTuple):
    """What would be measured if the fitted model is right; see `FitResult.predict`.

    For several solutions both fields are `[B, S, m]`.

    Attributes:
        values: `[B, m]`, in the unit of the targets; NaN in a row without an answer.
        standard_errors: `[B, m]`, of these values, from the errors of the parameters; the error of
            another measurement is not included. inf where the data do not determine the value, NaN
            where it depends only on parameters at a bound.
    """

    values: tf.Tensor
    standard_errors: tf.Tensor
