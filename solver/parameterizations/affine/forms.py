"""The interface of the storage forms of affine matrices."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..level_curvature import Coupler, coupler_of, level_curvature
from ..memory import Memory
from ..weighted_levels import WeightedLevels

#: Matrices with more numbers than this are not converted to dense form or copied.
MOST_NUMBERS = 2_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Form:
    """`A0 + sum_j x_j B_j`; a subclass defines the storage of the B_j.

    Attributes:
        constant: `[n, n]`, A0; complex for a complex form.
    """

    constant: np.ndarray

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the matrices B_j, of the dtype of A0."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """`n`, the number of rows."""
        return len(self.constant)

    @property
    def is_complex(self) -> bool:
        """Whether the matrices are complex."""
        return np.iscomplexobj(self.constant)

    @functools.cached_property
    def norms(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        raise NotImplementedError

    @functools.cached_property
    def traces(self) -> np.ndarray:
        """`[p]`, the traces of the B_j."""
        raise NotImplementedError

    @functools.cached_property
    def is_orthogonal(self) -> bool:
        """Whether the B_j are known to be orthogonal: `Re tr(B_i^H B_j) = 0` for i != j."""
        return False

    @functools.cached_property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `Re tr(B_i^H B_j)`."""
        raise NotImplementedError

    def overlaps(self, matrix: np.ndarray) -> np.ndarray:
        """`[p]`, `Re tr(B_j^H M)` for a matrix M `[n, n]` of the same dtype."""
        raise NotImplementedError

    def project(self, overlaps: np.ndarray) -> np.ndarray:
        """The projection's coordinates `G^-1 b` for overlaps `b_j = Re tr(B_j^H M)`, `[p, ...]`."""
        if self.is_orthogonal:
            return overlaps / np.expand_dims(self.norms**2, tuple(range(1, overlaps.ndim)))
        # Scaled to a unit diagonal, so that the pseudo-inverse keeps small basis matrices.
        units = np.outer(self.norms, self.norms)
        inverse = np.linalg.pinv(self.gram / units, hermitian=True) / units
        return np.tensordot(inverse, overlaps, 1)

    @property
    def cost_of_expectations(self) -> float:
        """Approximate cost of `expectations`, in operations of an eigendecomposition."""
        raise NotImplementedError

    @property
    def memory(self) -> Memory:
        """The memory of the B_j, and of the levels' derivatives of one matrix."""
        raise NotImplementedError

    @property
    def numbers_to_write(self) -> int:
        """The size of the B_j in dense form, in numbers; 0 if they are dense already."""
        return len(self.norms) * self.size**2

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """`sum_j x_j B_j` in NumPy, `[..., n, n]`, for parameters `[..., p]`."""
        raise NotImplementedError

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """`v_k^H B_j v_k` in NumPy, `[..., p, n]`, for vectors `[..., n, n]` in columns."""
        raise NotImplementedError

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`A(x)`, `[B, n, n]`, for parameters `[B, p]`."""
        raise NotImplementedError

    def derivatives(self, dtype: tf.DType) -> tf.Tensor:
        """The B_j, `[1, p, n, n]`, in the dtype of eigenvectors."""
        raise NotImplementedError

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> Form:
        """The form of `y -> A(M y + c)` for `map_` M `[p, q]` and `offset` c `[p]`."""
        raise NotImplementedError

    @functools.cached_property
    def subspaces(self) -> list[np.ndarray]:
        """The invariant subspaces due to symmetry; see `uncoupled_subspaces`."""
        raise NotImplementedError

    def restricted(self, columns: np.ndarray) -> Form:
        """Restrict the form to an invariant subspace.

        Args:
            columns: `[n, k]`, from `uncoupled_subspaces`: states, or sums or differences of two.

        Returns:
            A form of k x k matrices.
        """
        raise NotImplementedError

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """`v_k^H B_j v_k`, `[B, c, p]`, for vectors `[B, c, n]` in rows."""
        raise NotImplementedError

    def level_curvature(self, vectors: tf.Tensor, levels: WeightedLevels) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`."""
        return level_curvature(
            lambda: self.derivatives(vectors.dtype),
            lambda: self.coupler(vectors),
            len(self.norms),
            vectors,
            levels,
        )

    def coupler(self, vectors: tf.Tensor) -> Coupler:
        """The `Coupler` of `v_k^H B_j v_l`, for eigenvectors `[B, n, n]` in columns."""
        return coupler_of(self.derivatives(vectors.dtype), vectors)


def may_be_written_out(forms: Sequence[Form]) -> bool:
    """Whether the forms, all of one size, are dense already or small in dense form."""
    return sum(form.numbers_to_write for form in forms) <= MOST_NUMBERS


def may_be_copied(form: Form, count: int) -> bool:
    """Whether a copy of the form with `count` parameters is small or sparse."""
    return form.numbers_to_write > 0 or count * form.size**2 <= MOST_NUMBERS
