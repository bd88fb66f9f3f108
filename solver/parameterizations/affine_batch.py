"""A batch that cycles through several affine structures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from .affine.forms import Form
from .affine.stack import AffineStack
from .base import Parameterization
from .constants import captured, matching
from .weighted_levels import WeightedLevels


class AffineBatch(Parameterization):
    """k affine structures with parameters of their own; row `b k + j` is one of structure j.

    See `Parameterization.together`.
    """

    def __init__(self, forms: Sequence[Form], parameter_names: Sequence[str]):
        """Set the forms, all of one size, and the parameter names, of which there may be none."""
        tf.Module.__init__(self)
        self.size, self.num_parameters = forms[0].size, len(parameter_names)
        self.parameter_names = tuple(parameter_names)
        self._stack = AffineStack(tuple(forms), tuple(range(len(forms))))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.matrix`."""
        members = len(self._stack.forms)
        times = tf.shape(parameters)[0] // members  # reshape cannot infer -1 with 0 parameters
        own = tf.reshape(parameters, [times, members, self.num_parameters])
        return tf.reshape(self._stack.matrix(own), [-1, self.size, self.size])

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.derivatives`."""
        forms = self._stack.forms
        dtype = matching(parameters.dtype, forms[0].is_complex)
        every = captured(self, "basis", dtype, lambda: np.stack([form.basis for form in forms]))
        return tf.tile(every, [tf.shape(parameters)[0] // len(forms), 1, 1, 1])

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.expectation_slopes`."""
        del parameters  # the derivatives are constant
        vectors = tf.reshape(vectors, [-1, len(self._stack.forms), self.size, self.size])
        slopes = self._stack.level_jacobian(vectors)
        return tf.reshape(slopes, [-1, self.size, self.num_parameters])

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: tf.Tensor, levels: WeightedLevels
    ) -> tf.Tensor:
        """See `Parameterization.level_curvature`."""
        del parameters
        vectors = tf.reshape(eigenvectors, [-1, len(self._stack.forms), self.size, self.size])
        each = self._stack.curvature_of_each(vectors, levels)
        return tf.reshape(each, [-1, self.num_parameters, self.num_parameters])

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> None:
        """None: A(x) is affine."""
        del parameters, density
