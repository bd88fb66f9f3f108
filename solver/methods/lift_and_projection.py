"""Lift and projection: alternating projections between isospectral and structured matrices."""

from __future__ import annotations

import copy

import numpy as np
import tensorflow as tf

from ..linalg.linear import solve_symmetric
from ..objective.model import Data, Model
from ..objective.point import Point
from ..observations import Comparison
from ..parameterizations import Parameterization
from ..rowwise.axes import new_axis
from ..rowwise.tables import select_rows
from .descent import Iteration, Method, MethodState, Proposal

_OWNER = "LiftAndProjection"
# A row whose step length falls below this counts as stalled.
_SHORTEST = 2.0**-30


class LiftAndProjection(Method):
    """Lift and projection of Chen & Chu (SIAM J. Numer. Anal. 33, 1996); for affine structures.

    The lift replaces the levels by the targets, `Z = V diag(t) V^H`, with the eigenvectors V of the
    current matrix; a level without a target keeps its value. The projection is the matrix of the
    structure nearest to Z in the Frobenius norm. Together they are the step `G^-1 J^T (t - lambda)`
    with the Gram matrix `G_ij = Re tr(B_i^H B_j)`: gradient descent in the Frobenius metric
    (Bloor Riley, Webb & Baker, arXiv 2504.07809). The loss never increases and each step is cheap,
    but convergence is linear: expect hundreds or thousands of steps.

    The full step lowers the loss because `|A(x) - Z|^2` majorizes it and touches it at the current
    point. To keep that bound, levels with unequal weights are lifted by the share `w^2 / max w^2`,
    and differences of levels by `1 / c`, where c is the largest row sum of `|C C^T|` over the
    observed targets `C lambda`. A common offset changes nothing. The bound assumes that the lifted
    levels keep their order. It can fail for part of a spectrum, and for targets out of order
    (`Matched` keeps the order); the step is then halved until the loss decreases.

    Example:
        >>> solver = SpectralSolver(Toeplitz(2), LiftAndProjection())
        >>> solver.fit([[1.0, 3.0]], initial=[[0.0, 0.5]]).parameters.numpy().round(9).tolist()
        [[2.0, 1.0]]
    """

    default_max_steps = 10000
    default_starts = 16

    def __init__(self, doubled: bool = False):
        """Choose the step length.

        Args:
            doubled: whether to double a step where the linear model predicts a larger decrease.
                Bloor Riley, Webb & Baker double every step, the limit that the bound allows; in a
                direction in which the single step is exact, the doubled one gains nothing. A
                doubled step is replaced by the single one if it lowers the loss by less than the
                decrease that the bound guarantees for the single one.

        Raises:
            ValueError: if it is not a bool.
        """
        if not isinstance(doubled, (bool, np.bool_)):
            raise ValueError(f"{_OWNER}: doubled must be True or False, got {doubled!r}.")
        self.doubled = bool(doubled)
        self._model: _Prepared | None = None

    def for_model(self, model: Model) -> LiftAndProjection:
        """Prepare the method for a model.

        Args:
            model: the matrices, the observation and the loss.

        Returns:
            A copy of the method that holds the Gram matrix of the model.

        Raises:
            ValueError: if the matrix is not affine in its parameters, the loss is robust, or the
                targets are a function of several levels.
        """
        if not model.loss.is_linear:
            raise ValueError(
                f'{_OWNER}: loss must be "linear", for the projection is a least-squares problem, '
                f"got {model.loss.kind!r}; take LevenbergMarquardt() for a robust loss."
            )
        if not isinstance(model.comparison, Comparison):
            raise ValueError(
                f"{_OWNER}: the observation must compare levels or differences of levels, for the "
                "projection is onto matrices with given levels; take LevenbergMarquardt()."
            )
        prepared = copy.copy(self)
        prepared._model = _Prepared(
            gram=gram_matrix(model.parameterization),
            overlaps=target_overlaps(model.comparison),
        )
        return prepared

    def keeps(self, point: Point) -> tf.Tensor:
        """`[R]`, the step length in full steps; 2 for a doubled one; see `Method.keeps`."""
        _ = self._prepared  # raises if there is no model
        return tf.ones_like(point.loss)

    def falls_enough(self, state: MethodState, trial: Point, even: tf.Tensor) -> tf.Tensor:
        """Whether a doubled step gains more than a single one; see `Method.falls_enough`."""
        del even
        # A single step h lowers the loss by at least g^T h; require as much of a doubled step.
        moved = trial.parameters - state.point.parameters
        sure = 0.5 * tf.reduce_sum(state.point.descent * moved, axis=-1)
        return (state.kept <= 1.0) | (state.point.loss - trial.loss >= sure)

    def propose(self, iteration: Iteration) -> Proposal:
        """The projection's step, or half of it after a failure; see `Method.propose`."""
        point, accepted, length = iteration.point, iteration.accepted, iteration.state.kept
        length = tf.where(accepted, tf.ones_like(length), 0.5 * length)
        step = self._projection(iteration.data, point, length)
        if self.doubled:
            twice = accepted & _gains_by_doubling(point, step)
            length = tf.where(twice, 2.0 * length, length)
            step = select_rows(twice, 2.0 * step, step)
        return Proposal(iteration.moved(step), length, stalled=length < _SHORTEST)

    @property
    def _prepared(self) -> _Prepared:
        if self._model is None:
            raise ValueError(
                f"{_OWNER}: the model is not known; pass the method to SpectralSolver, or call "
                "for_model(model) first."
            )
        return self._model

    def _projection(self, data: Data, point: Point, length: tf.Tensor) -> tf.Tensor:
        """The projection's step `[R, p]`, shortened to the step length `[R]`."""
        dtype = point.descent.dtype
        known = self._prepared
        levels = len(known.overlaps)
        bound = data.largest_weight * data.largest_weight
        if not np.array_equal(known.overlaps, np.eye(levels)):
            bound *= _row_sum(known.overlaps, point.jacobian[:, :levels])
        priors = point.jacobian.shape[1] > levels
        if not data.bounded and not priors and not known.is_diagonal:
            share = (length / bound)[:, None]
            return share * tf.linalg.matvec(tf.constant(known.inverse, dtype), point.descent)
        # Priors are quadratic and add their exact curvature to the bound.
        diagonal = new_axis(bound, 1) * tf.constant(np.diag(known.gram), dtype)
        if priors:
            diagonal += tf.linalg.diag_part(point.jacobian[:, levels:]) ** 2
        acts = (point.column_norms > 0) & (diagonal > 0)
        units = tf.sqrt(tf.where(acts, diagonal, tf.ones_like(diagonal)))
        if known.is_diagonal:
            return tf.where(acts, new_axis(length, 1) * point.descent / units / units, 0.0)
        # Project in the free parameters only. Shorten by damping rather than by a factor: next to a
        # bound, short steps must turn towards the gradient.
        matrix = bound[:, None, None] * tf.constant(known.gram, dtype)
        matrix = tf.linalg.set_diag(matrix, diagonal / length[:, None])
        matrix = tf.where(acts[:, :, None] & acts[:, None, :], matrix, 0.0)
        return tf.where(acts, solve_symmetric(matrix, units, point.descent), 0.0)


class _Prepared:
    """Constants of a model.

    Attributes:
        gram: `[p, p]`, the Gram matrix G.
        is_diagonal: whether G is diagonal.
        overlaps: `[m, m]`, `|C C^T|` for targets `C lambda`.
    """

    def __init__(self, gram: np.ndarray, overlaps: np.ndarray):
        self.gram = gram
        self.is_diagonal = not (gram - np.diag(np.diag(gram))).any()
        self.overlaps = overlaps

    @property
    def inverse(self) -> np.ndarray:
        """`[p, p]`, the pseudo-inverse of G, computed with G scaled to a unit diagonal."""
        units = np.sqrt(np.diag(self.gram))
        units = np.where(units > 0, units, 1.0)
        pairs = np.outer(units, units)
        return np.linalg.pinv(self.gram / pairs, rcond=1e-12, hermitian=True) / pairs


def gram_matrix(parameterization: Parameterization) -> np.ndarray:
    """The Gram matrix `G_ij = Re tr(B_i^H B_j)` of an affine structure, `[p, p]`.

    Raises:
        ValueError: if the matrix is not affine, or does not define `parameter_scales`.
    """
    if parameterization.conditions_shape is not None:
        raise ValueError(
            f"{_OWNER}: {type(parameterization).__name__} depends on conditions, so it has "
            "no constant Gram matrix; use LevenbergMarquardt()."
        )
    form = parameterization.as_affine()
    if form is not None and form.is_orthogonal:
        return form.gram
    name = type(parameterization).__name__
    # Two rows: derivatives that depend on the parameters have the shape [2, p, n, n].
    origin = tf.zeros([2, parameterization.num_parameters], tf.float64)
    derivatives = parameterization.derivatives(origin)
    density = tf.zeros_like(parameterization.matrix(origin))
    if derivatives.shape[0] != 1 or parameterization.curvature(origin, density) is not None:
        raise ValueError(
            f"{_OWNER}: the matrix must be affine in its parameters, with derivatives [1, p, n, n] "
            f"that are the same everywhere, which {name} does not promise; write it as Affine(), "
            "or take LevenbergMarquardt()."
        )
    if not (parameterization.parameter_scales > 0).any():
        raise ValueError(
            f"{_OWNER}: {name} must define parameter_scales, the Frobenius norms of its "
            "derivatives, got zeros; write it as Affine()."
        )
    basis = derivatives.numpy()[0]
    flat = basis.reshape(len(basis), -1)
    return np.real(flat.conj() @ flat.T)


def target_overlaps(comparison: Comparison) -> np.ndarray:
    """`|C C^T|`, `[m, m]`, for targets `C lambda`: the identity if none is a difference of levels.

    A fitted common offset lowers the loss further, so the bound still holds.
    """
    count = comparison.num_targets
    rows = np.eye(comparison.num_levels + count)
    # Assigned targets belong to distinct levels, whichever these are.
    upper = comparison.num_levels + np.arange(count) if comparison.groups else comparison.upper
    made = rows[upper]
    relative = comparison.lower >= 0
    made[relative] -= rows[comparison.lower[relative]]
    if comparison.multiplets is not None:  # the mean of g levels has the overlap 1 / g with itself
        sizes = np.bincount(comparison.multiplets, minlength=len(rows))
        made = made / np.sqrt(np.maximum(sizes, 1))
    return np.abs(made @ made.T)


def _gains_by_doubling(point: Point, step: tf.Tensor) -> tf.Tensor:
    """`[R]` bool: the linear model's decrease `2 g^T h - |J h|^2` is larger for 2 h than for h."""
    along = tf.linalg.matvec(point.jacobian, step)
    slope = tf.reduce_sum(point.descent * step, axis=-1)
    return 2.0 * slope > 3.0 * tf.reduce_sum(along * along, axis=-1)


def _row_sum(overlaps: np.ndarray, jacobian: tf.Tensor) -> tf.Tensor:
    """The largest row sum of the overlaps over targets with a nonzero Jacobian row, `[R]`, >= 1."""
    seen = tf.cast(tf.reduce_any(jacobian != 0, axis=-1), jacobian.dtype)
    sums = seen * tf.linalg.matvec(tf.constant(overlaps, jacobian.dtype), seen)
    return tf.maximum(tf.reduce_max(sums, axis=-1), 1.0)
