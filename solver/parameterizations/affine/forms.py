"""The forms in which an affine structure may keep its matrices."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..level_curvature import Coupler, coupler_of, level_curvature
from ..meeting import Meeting

#: Matrices are written out, and copied, up to this many numbers.
MOST_NUMBERS = 2_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Form:
    """`A0 + sum_j x_j B_j`; a subclass says how it keeps the B_j.

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
        """Whether `Re tr(B_i^H B_j)` is known to be 0 for different B_j."""
        return False

    @functools.cached_property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `Re tr(B_i^H B_j)`."""
        raise NotImplementedError

    def overlaps(self, matrix: np.ndarray) -> np.ndarray:
        """`[p]`, `Re tr(B_j^H M)` for a matrix of the same dtype."""
        raise NotImplementedError

    def project(self, overlaps: np.ndarray) -> np.ndarray:
        """Coordinates of the nearest member for overlaps `Re tr(B_j^H M)` of shape `[p, ...]`."""
        if self.is_orthogonal:
            return overlaps / np.expand_dims(self.norms**2, tuple(range(1, overlaps.ndim)))
        # In units of the norms, so that small basis matrices are not taken for zero.
        units = np.outer(self.norms, self.norms)
        inverse = np.linalg.pinv(self.gram / units, hermitian=True) / units
        return np.tensordot(inverse, overlaps, 1)

    @property
    def cost_of_expectations(self) -> float:
        """Roughly, in operations of a decomposition."""
        raise NotImplementedError

    @property
    def numbers_of_slopes(self) -> int:
        """How many numbers the derivatives of the levels of one matrix take on the way."""
        raise NotImplementedError

    @property
    def held_numbers(self) -> int:
        """How many numbers the matrices are, in NumPy and as they are held for graphs."""
        raise NotImplementedError

    @property
    def numbers_to_write(self) -> int:
        """How many numbers the B_j would be if they had to be written out; 0 if they are."""
        return len(self.norms) * self.size**2

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """`sum x_j B_j` in NumPy, `[..., n, n]`."""
        raise NotImplementedError

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """`v_k^H B_j v_k` in NumPy for eigenvectors in columns, `[..., p, n]`."""
        raise NotImplementedError

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`A(x)` of parameters `[B, p]`, as `[B, n, n]`."""
        raise NotImplementedError

    def derivatives(self, dtype: tf.DType) -> tf.Tensor:
        """The B_j, `[1, p, n, n]`, in the dtype of eigenvectors."""
        raise NotImplementedError

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> Form:
        """The form in y, where `x = M y + c` for `map_` `[p, q]` and `offset` `[p]`."""
        raise NotImplementedError

    @functools.cached_property
    def subspaces(self) -> list[np.ndarray]:
        """What symmetry splits the matrices into; see `uncoupled_subspaces`."""
        raise NotImplementedError

    def restricted(self, columns: np.ndarray) -> Form:
        """The form within a subspace.

        Args:
            columns: `[n, k]`, as from `uncoupled_subspaces`: states, or sums or differences of two.
        """
        raise NotImplementedError

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """`v_k^H B_j v_k` for eigenvectors in rows, `[B, c, n]`, as `[B, c, p]`."""
        raise NotImplementedError

    def level_curvature(
        self, values: tf.Tensor, vectors: tf.Tensor, weights: tf.Tensor, meeting: Meeting | None
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`."""
        return level_curvature(
            lambda: self.derivatives(vectors.dtype),
            lambda: self.coupler(vectors),
            len(self.norms),
            values,
            vectors,
            weights,
            meeting,
        )

    def coupler(self, vectors: tf.Tensor) -> Coupler:
        """The couplings `v_k^H B_j v_l` of some levels k, for eigenvectors `[B, n, n]`."""
        return coupler_of(self.derivatives(vectors.dtype), vectors)


def may_be_written_out(forms: Sequence[Form]) -> bool:
    """Whether several forms of one size are full matrices already, or small as such."""
    return sum(form.numbers_to_write for form in forms) <= MOST_NUMBERS


def may_be_copied(form: Form, count: int) -> bool:
    """Whether a copy of the form with so many parameters is small, or has entries alone."""
    return form.numbers_to_write > 0 or count * form.size**2 <= MOST_NUMBERS
