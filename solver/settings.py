"""The settings of a solver, fixed when its graphs are built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .checks import (
    as_real,
    as_sides,
    check_count,
    check_mode,
    check_sigma,
    check_weights,
    is_number,
)
from .methods import LevenbergMarquardt, Method
from .methods.descent import GRADIENT_TOLERANCE
from .names import by_name, by_target, check_complete
from .objective.bounds_and_priors import Bounds, Priors, check_bounds, check_priors
from .objective.model import Model
from .objective.robust_loss import check_loss
from .observations import Levels, Observation, TargetMap
from .observations.joint_map import JointMap
from .parameterizations import Parameterization
from .parameterizations.memory import check_memory
from .parameterizations.symbolic import symbolic

_DEFAULT_TOLERANCE = {tf.float64: 1e-10, tf.float32: 1e-5}
# Gradient tolerance (cosine) of one of several starts; the best end is refined afterwards.
_SURVEY_TOLERANCE = 1e-3
# Each start is the best of this many proposals. Measured on Toeplitz, additive and Jacobi problems:
# more proposals reduce the steps, but no longer the time for many spectra.
_CANDIDATES = 16
# For several solutions: a larger choice leads to fewer distinct minima.
_CANDIDATES_FOR_SOLUTIONS = 8
# Limit on the total number of matrix elements of the proposals of one start.
_NUMBERS_OF_CANDIDATES = 2**23
# Default steps from a given start, divided by those of each start of a search on average.
_SEARCH_SHARE = 8
# Memory of the largest tensors of a pool; 700 rows of 17 x 17 matrices with 5 parameters. With six
# times as much, tensors leave the cache and new pages are claimed for them: 4000 such rows take 1.4
# times as long, and so do a few hundred 64 x 64 matrices.
_POOL_BYTES = 16 * 2**20


@dataclasses.dataclass(frozen=True)
class Settings:
    """The problem, the method and the defaults of a solver.

    Attributes:
        model: parameterization, comparison with the targets and loss.
        observation: which function of the levels is compared with the targets.
        method: the least-squares method.
        dtype: of all real numbers.
        tolerance: default of the relative rms residual for CONVERGED.
        own_tolerance: whether the user set it: then CONVERGED requires nothing else.
        steps_from_one_start: the step limit of a row with its own starting point.
        steps_of_a_search: the step limit of a row without one.
        steps_of_a_start: the least step limit of each start of a search.
        starts: the largest number of starts of a row.
        initial: `[K, p]`, the user's starting points, tried first; K may be 0.
        candidates: the number of proposals from which each start is chosen.
        gradient_tolerance: for STATIONARY: the largest cosine between the residual and a column
            of the Jacobian.
        survey_tolerance: the same for one of several starts.
        absolute_sigma: whether weights are 1 / sigma in the unit of the levels.
        weights: `[m]`, the default; None for 1.
        bounds: the default; None for no bounds.
        priors: the default; None for no priors.
        sides: `[m]`, the default, 1, -1 or 0, see `Data`; None for 0.
        solutions: the number of distinct solutions of a row.
        end_early: whether a search may end when its starts agree.
        pool_rows: the largest number of rows in the pool.
        compaction: False makes every row wait for the slowest one; for measurements only.
        given: whether every row has a complete starting point: no start is then proposed.
    """

    model: Model
    observation: Observation
    method: Method
    dtype: tf.DType
    tolerance: float
    own_tolerance: bool
    steps_from_one_start: int
    steps_of_a_search: int
    steps_of_a_start: int
    starts: int
    initial: np.ndarray
    candidates: int
    gradient_tolerance: float
    survey_tolerance: float
    absolute_sigma: bool
    weights: np.ndarray | None
    bounds: Bounds | None
    priors: Priors | None
    sides: np.ndarray | None
    solutions: int
    end_early: bool
    pool_rows: int
    compaction: bool
    given: bool = False

    @property
    def parameterization(self) -> Parameterization:
        """The parameterization of the matrix."""
        return self.model.parameterization


def make_settings(
    parameterization: Parameterization,
    method: Method | None,
    observation: Observation | None,
    initial: Any,
    starts: int | None,
    tolerance: float | None,
    max_steps: int | None,
    absolute_sigma: bool,
    weights: Any,
    sigma: Any,
    bounds: Any,
    priors: Any,
    sides: Any,
    loss: Any,
    f_scale: Any,
    solutions: int,
    end_early: bool,
    dtype: Any,
    pool_rows: int | None,
    compaction: bool,
) -> Settings:
    """Check the arguments of `SpectralSolver`, documented there, and fill in the defaults.

    Raises:
        ValueError: for an argument of the wrong kind or outside its range.
    """
    owner = "SpectralSolver"
    check_mode(owner)
    if not isinstance(parameterization, Parameterization):
        raise ValueError(
            f"{owner}: parameterization must be a Parameterization such as Symmetric(3), "
            f"got {parameterization!r}."
        )
    if observation is None:
        observation = parameterization.usual_observation or Levels()
    if not isinstance(observation, Observation):
        raise ValueError(
            f"{owner}: observation must be an Observation such as Levels(), got {observation!r}."
        )
    at_conditions = parameterization.conditions_shape is not None
    made = observation.at_conditions if at_conditions else observation.of
    comparison = made(parameterization.level_counts)
    robust = check_loss(owner, loss, f_scale)
    if comparison.centred and not robust.is_linear:
        raise ValueError(
            f'{owner}: relative_to="mean" needs loss="linear", for the offset is that of least '
            f"squares, got loss={loss!r}; add the identity matrix to the structure instead."
        )
    model = Model(parameterization, comparison, robust)
    method = LevenbergMarquardt() if method is None else method
    if not isinstance(method, Method):
        raise ValueError(
            f"{owner}: method must be an instance such as LevenbergMarquardt(), of a subclass of "
            f"Method, got {method!r}."
        )
    dtype = _real_dtype(owner, dtype)
    candidates = _CANDIDATES if solutions == 1 else _CANDIDATES_FOR_SOLUTIONS
    matrices = sum(size**2 for size in parameterization.level_counts)
    candidates = max(1, min(candidates, _NUMBERS_OF_CANDIDATES // matrices))
    check_memory(owner, parameterization, comparison.num_targets, candidates, dtype)
    _check_matrix(owner, parameterization, dtype)
    _check_values(owner, observation, comparison, dtype)
    method = method.for_model(model)
    own_tolerance = tolerance is not None
    tolerance = _DEFAULT_TOLERANCE[dtype] if tolerance is None else tolerance
    if not is_number(tolerance) or not 0 <= tolerance < np.inf:
        raise ValueError(f"{owner}: tolerance must be a number of at least 0, got {tolerance!r}.")
    points = _starting_points(owner, initial, parameterization.parameter_names)
    if starts is None:  # several solutions need several starts, whatever the user knows
        search = not len(points) or solutions > 1
        starts = max(len(points), method.default_starts) if search else len(points)
    starts = check_count(owner, "starts", starts)
    if starts < len(points):
        raise ValueError(
            f"{owner}: starts is {starts}, but initial holds {len(points)} points; raise starts "
            "or leave it out."
        )
    one_start = method.default_max_steps if max_steps is None else max_steps
    one_start = check_count(owner, "max_steps", one_start)
    if one_start > tf.int32.max:
        raise ValueError(f"{owner}: max_steps must be at most {tf.int32.max}, got {one_start}.")
    search = max(one_start, one_start * starts // _SEARCH_SHARE) if max_steps is None else one_start
    if pool_rows is None:
        pool_rows = _pool_rows(parameterization, comparison.num_targets)
    names = parameterization.parameter_names
    return Settings(
        model=model,
        observation=observation,
        method=method,
        dtype=dtype,
        tolerance=float(tolerance),
        own_tolerance=own_tolerance,
        steps_from_one_start=one_start,
        steps_of_a_search=search,
        steps_of_a_start=max(1, method.default_max_steps // _SEARCH_SHARE),
        starts=starts,
        initial=points,
        candidates=candidates,
        gradient_tolerance=GRADIENT_TOLERANCE[dtype],
        survey_tolerance=_SURVEY_TOLERANCE,
        absolute_sigma=_check_flag(owner, "absolute_sigma", absolute_sigma),
        weights=_default_weights(owner, weights, sigma, model),
        bounds=None if bounds is None else check_bounds(owner, bounds, names),
        priors=None if priors is None else check_priors(owner, priors, names),
        sides=None if sides is None else _check_sides(owner, sides, model),
        solutions=check_count(owner, "solutions", solutions),
        end_early=_check_flag(owner, "end_early", end_early),
        pool_rows=check_count(owner, "pool_rows", pool_rows),
        compaction=_check_flag(owner, "compaction", compaction),
    )


def _check_flag(owner: str, argument: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{owner}: {argument} must be True or False, got {value!r}.")
    return bool(value)


def _real_dtype(owner: str, dtype: Any) -> tf.DType:
    try:
        # Python's float is float64, as in NumPy; tf.as_dtype makes it float32.
        found = tf.float64 if dtype is float else tf.as_dtype(dtype)
    except TypeError as error:
        raise ValueError(f"{owner}: dtype: {error}") from error
    if found not in _DEFAULT_TOLERANCE:
        raise ValueError(f"{owner}: dtype must be tf.float64 or tf.float32, got {found.name}.")
    return found


def _check_matrix(owner: str, parameterization: Parameterization, dtype: tf.DType) -> None:
    """Check that the user's matrix can be built in this dtype, and its shape and dtype."""
    count, shape = parameterization.num_parameters, parameterization.conditions_shape
    specs = [tf.TensorSpec([None, count], dtype)]
    wanted: list[int | None] = [None, parameterization.size, parameterization.size]
    function: Callable[..., tf.Tensor] = parameterization.matrix
    if shape is not None:
        specs.append(tf.TensorSpec([None, *shape], dtype))
        states = parameterization.level_counts[0]
        wanted = [None, shape[0], states, states]
        function = lambda x, c: parameterization.at(c).matrix(x)  # noqa: E731
    try:
        found = symbolic(function, *specs)
    except Exception as error:
        raise ValueError(
            f"{owner}: the matrix of {type(parameterization).__name__} cannot be built from "
            f"{dtype.name} parameters [rows, {count}]: {type(error).__name__}: {error}"
        ) from error
    if found.dtype.real_dtype != dtype or not found.shape.is_compatible_with(wanted):
        sizes = ", ".join(str(size) for size in wanted[1:])
        raise ValueError(
            f"{owner}: the matrix of {type(parameterization).__name__} must be [rows, {sizes}] "
            f"in {dtype.name} or the matching complex dtype, got {found.shape} in "
            f"{found.dtype.name}."
        )


def _check_values(
    owner: str, observation: Observation, comparison: TargetMap, dtype: tf.DType
) -> None:
    """Check that the targets follow from levels in this dtype, their shape, dtype and slopes."""
    kind, size, count = type(observation).__name__, comparison.num_levels, comparison.num_targets
    try:
        found = symbolic(comparison.observe, tf.TensorSpec([None, size], dtype))
    except Exception as error:
        raise ValueError(
            f"{owner}: the targets of {kind} cannot be computed from {dtype.name} levels "
            f"[rows, {size}]: {type(error).__name__}: {error}"
        ) from error
    if found.dtype != dtype or not found.shape.is_compatible_with([None, count]):
        raise ValueError(
            f"{owner}: the targets of {kind} must be [rows, {count}] in {dtype.name}, got "
            f"{found.shape} in {found.dtype.name}."
        )
    if _lacks_slopes(comparison, dtype):
        raise ValueError(
            f"{owner}: the targets of {kind} have no derivative by the levels; use operations that "
            "have one (tf.round and tf.argmax have none)."
        )


def _lacks_slopes(comparison: TargetMap, dtype: tf.DType) -> bool:
    """Whether the values, or those of a part, have no derivative by the levels."""
    if isinstance(comparison, JointMap):
        return any(_lacks_slopes(part, dtype) for part in comparison.parts)
    if not comparison.bends:
        return False
    found = []

    def values(levels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(levels)
            made = comparison.observe(levels)
        found.append(tape.gradient(made, levels))
        return made

    symbolic(values, tf.TensorSpec([None, comparison.num_levels], dtype))
    return found[0] is None


def _check_sides(owner: str, sides: Any, model: Model) -> np.ndarray:
    """The default sides `[m]`."""
    comparison, names = model.comparison, model.target_names
    count = comparison.num_targets
    named = by_target(owner, "sides", sides, names)
    given = sides if named is None else [named.get(name, "=") for name in names or ()]
    try:
        found = np.broadcast_to(np.asarray(as_sides(owner, given), float), [count]).copy()
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{owner}: sides must be one of ">", "<", "=", or a list of {count} of them, one for '
            f"each target, got {sides!r}."
        ) from error
    found[np.isnan(found)] = 0.0
    if not np.isin(found, [-1.0, 0.0, 1.0]).all():
        raise ValueError(f"{owner}: sides must be 1, -1 or 0, got {sides!r}.")
    if comparison.centred and found.any():
        raise ValueError(
            f'{owner}: sides: a limit needs levels with a known zero, not relative_to="mean".'
        )
    return found


def _default_weights(owner: str, weights: Any, sigma: Any, model: Model) -> np.ndarray | None:
    """The default weights `[m]`; None for 1."""
    if weights is not None and sigma is not None:
        raise ValueError(f"{owner}: sigma and weights = 1 / sigma say the same; give one of them.")
    argument, given = ("weights", weights) if sigma is None else ("sigma", sigma)
    if given is None:
        return None
    count, names = model.comparison.num_targets, model.target_names
    named = by_target(owner, argument, given, names)
    if named is not None:
        given = [named.get(name) for name in names or ()]
    weights = given if sigma is None else 1.0 / check_sigma(owner, given, count)
    found = check_weights(owner, weights, count)
    return np.where(np.isnan(found), 1.0, found)


def _starting_points(owner: str, initial: Any, names: Sequence[str]) -> np.ndarray:
    """The user's starting points `[K, p]`; K is 0 if there are none."""
    count = len(names)
    if initial is None:
        return np.zeros((0, count))
    named = by_name(initial, names)
    if named is not None:
        check_complete(owner, "initial", named, names)
        columns = [as_real(f"initial: {name}", named[name], tf.float64).numpy() for name in names]
        try:
            initial = np.stack(np.broadcast_arrays(*columns), axis=-1)
        except ValueError as error:
            raise ValueError(
                f"{owner}: initial must hold one number for each name, or K for each, got shapes "
                f"{', '.join(str(list(column.shape)) for column in columns)}."
            ) from error
    try:
        points = np.atleast_2d(np.asarray(initial, dtype=float))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{owner}: initial must be numbers of shape [{count}] or [K, {count}], got {initial!r}."
        ) from error
    if points.ndim != 2 or points.shape[1] != count or not np.isfinite(points).all():
        raise ValueError(
            f"{owner}: initial must be finite numbers of shape [{count}] or [K, {count}], "
            f"got shape {np.shape(initial)}: {initial!r}."
        )
    return points


def _pool_rows(parameterization: Parameterization, levels: int) -> int:
    """The number of rows, 1 to 4096, whose largest tensors of a step fit into `_POOL_BYTES`."""
    matrices = sum(size**2 for size in parameterization.level_counts)
    slopes = 4 * levels * parameterization.num_parameters
    numbers = 4 * matrices + parameterization.memory.slopes + slopes
    return int(np.clip(_POOL_BYTES // (8 * numbers), 1, 4096))
