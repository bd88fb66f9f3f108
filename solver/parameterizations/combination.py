"""Sums and multiples of parameterizations."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .affine.forms import Form, sum_of
from .base import Parameterization, same_dtype
from .level_curvature import Coupler
from .memory import Memory


class Combination(Parameterization):
    """`sum_i f_i A_i(x_i)` with the parameters of all parts in their order.

    Results of `a + b` (two parts with factors 1) and `f * a` (one part).

    Attributes:
        factors: the f_i, finite and nonzero.
        parts: the A_i, of one size, none a family, with different parameter names.
    """

    def __init__(self, factors: Sequence[float], parts: Sequence[Parameterization]):
        """Set factors and parts."""
        names = [name for part in parts for name in part.parameter_names]
        super().__init__(parts[0].size, len(names), names)
        self.factors: tuple[float, ...] = tuple(factors)
        self.parts: tuple[Parameterization, ...] = tuple(parts)

    def _terms(self, parameters: tf.Tensor) -> list[tuple[float, Parameterization, tf.Tensor]]:
        """Each factor and part with its parameters, `[B, p_i]`."""
        if len(self.parts) == 1:
            return [(self.factors[0], self.parts[0], parameters)]
        counts = [part.num_parameters for part in self.parts]
        own = tf.split(parameters, counts, axis=1)
        return list(zip(self.factors, self.parts, own, strict=True))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.matrix`."""
        terms = self._terms(parameters)
        matrices = same_dtype([_times(f, part.matrix(x)) for f, part, x in terms])
        return functools.reduce(operator.add, matrices)

    def as_affine(self) -> Form | None:
        """The sum if all parts are affine and small; see `Parameterization.as_affine`."""
        forms = []
        for factor, part in zip(self.factors, self.parts, strict=True):
            form = part.as_affine()
            if form is None:
                return None
            if factor != 1.0:
                count = part.num_parameters
                form = form.mapped(factor * np.eye(count), np.zeros(count))
                form = dataclasses.replace(form, constant=factor * form.constant)
            forms.append(form)
        return forms[0] if len(forms) == 1 else sum_of(forms)

    @property
    def kind(self) -> Hashable:
        """Equal for combinations of the same kinds with the same factors."""
        return Combination, self.factors, tuple(part.kind for part in self.parts)

    def together(self, members: Sequence[Combination]) -> Combination:
        """See `Parameterization.together`."""
        columns = zip(*(member.parts for member in members), strict=True)
        return Combination(self.factors, [column[0].together(column) for column in columns])

    @property
    def memory(self) -> Memory:
        """The sum over the parts; see `Parameterization.memory`."""
        return Memory.sum_of(part.memory for part in self.parts)

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the scales of the parts times `|f_i|`."""
        pairs = zip(self.factors, self.parts, strict=True)
        return np.concatenate([abs(factor) * part.parameter_scales for factor, part in pairs])

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, the signs of a single part, reversed for a negative factor; NaN for a sum."""
        part, *others = self.parts
        if others:
            return super().level_signs
        signs = part.level_signs
        return signs if self.factors[0] > 0 else -signs[::-1]

    @property
    def has_constant(self) -> bool:
        """Whether any part has a constant."""
        return any(part.has_constant for part in self.parts)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives by the parameters of all parts; see `Parameterization.derivatives`."""
        terms = self._terms(parameters)
        found = same_dtype([_times(f, part.derivatives(x)) for f, part, x in terms])
        rows = functools.reduce(tf.maximum, [tf.shape(part)[0] for part in found])
        return tf.concat([tf.broadcast_to(part, [rows, *part.shape[1:]]) for part in found], axis=1)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """The slopes by the parameters of all parts; see `Parameterization.expectation_slopes`."""
        terms = self._terms(parameters)
        # The vectors are those of the sum, and may be complex where a part is real.
        slopes = [_times(f, part.expectation_slopes(x, vectors)) for f, part, x in terms]
        return tf.concat(slopes, axis=-1)

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """The couplings by the parameters of all parts; see `Parameterization.coupler`."""
        every = [(f, part.coupler(x, vectors)) for f, part, x in self._terms(parameters)]
        return lambda by_level: tf.concat([_times(f, one(by_level)) for f, one in every], axis=1)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """Block-diagonal, one block for each part; see `Parameterization.curvature`."""
        found, first = [], 0
        for factor, part, x in self._terms(parameters):
            block = part.curvature(x, density)
            around = [first, self.num_parameters - first - part.num_parameters]
            first += part.num_parameters
            if block is not None:
                found.append(tf.pad(_times(factor, block), [[0, 0], around, around]))
        return tf.add_n(found) if found else None

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Split the levels between two parts by 1/2, 1, 0, 3/4 and 1/4 in turn."""
        shares: list[Any] = [1.0]
        if len(self.parts) > 1:
            share = tf.gather(tf.constant([0.5, 1.0, 0.0, 0.75, 0.25], levels.dtype), attempt % 5)
            shares = [share[:, None], 1.0 - share[:, None]]
        found = []
        for share, factor, part in zip(shares, self.factors, self.parts, strict=True):
            wanted = share * levels / tf.constant(factor, levels.dtype)
            if factor < 0:
                wanted = wanted[:, ::-1]
            found.append(part.starting_points(wanted, attempt, attempts))
        return tf.concat(found, axis=-1)


def _times(factor: float, tensor: tf.Tensor) -> tf.Tensor:
    return tensor if factor == 1.0 else tf.constant(factor, tensor.dtype) * tensor
