"""The tensors of a fit's arguments, and the defaults of bounds and priors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..checks import largest_number
from ..objective.model import Data, is_given
from ..rowwise.axes import row_count
from ..rowwise.elementwise import reciprocal
from ..settings import Settings


class Request(NamedTuple):
    """The arguments of `SpectralSolver.fit` as tensors; NaN or 0 stands for a default.

    Attributes:
        targets: `[B, m]`.
        initial: `[B, p]`.
        weights: `[B, m]`.
        tolerance: `[B]`.
        max_steps: `[B]`, int32.
        lower: `[B, p]`, or () for the solver's own.
        upper: `[B, p]`, or ().
        prior_mean: `[B, p]`, or ().
        prior_sigma: `[B, p]`, or ().
        sides: `[B, m]`, 1, -1 or 0, see `Data`; or ().
        conditions: `[B, K, d]`, or () if the structure takes none.
    """

    targets: Any
    initial: Any = ()
    weights: Any = ()
    tolerance: Any = ()
    max_steps: Any = ()
    lower: Any = ()
    upper: Any = ()
    prior_mean: Any = ()
    prior_sigma: Any = ()
    sides: Any = ()
    conditions: Any = ()


#: The arguments that every fit has.
BASIC = ("targets", "initial", "weights", "tolerance", "max_steps")
#: Those of a fit whose rows have bounds of their own.
BOUNDS = ("lower", "upper")
#: Those of a fit whose rows have priors of their own.
PRIORS = ("prior_mean", "prior_sigma")
#: Those of a fit whose rows have limits among their targets.
SIDES = ("sides",)
#: Whether rows have bounds, priors and sides of their own.
Key = tuple[bool, bool, bool]


def condition_inputs(settings: Settings) -> tuple[str, ...]:
    """The argument that all methods have if the structure takes conditions."""
    return () if settings.parameterization.conditions_shape is None else ("conditions",)


def request_shapes(settings: Settings) -> dict[str, list[int | None]]:
    """The shape of each argument, by name; also of `parameters` and `loss`."""
    count = settings.parameterization.num_parameters
    levels = settings.model.comparison.num_targets
    by_level = {"targets": levels, "weights": levels, "sides": levels}
    by_parameter = ("parameters", "initial", *BOUNDS, *PRIORS)
    widths = {**by_level, **dict.fromkeys(by_parameter, count)}
    shapes: dict[str, list[int | None]] = {"tolerance": [None], "max_steps": [None], "loss": [None]}
    shapes |= {name: [None, width] for name, width in widths.items()}
    for name in condition_inputs(settings):
        shapes[name] = [None, *(settings.parameterization.conditions_shape or ())]
    return shapes


def at_conditions(settings: Settings, conditions: Any) -> Data:
    """`Data` with the conditions `[B, K, d]`, prepared, alone; () for none."""
    if is_given(conditions):
        conditions = settings.parameterization.prepared(conditions)
    return Data((), (), conditions=conditions)


def complete_data(settings: Settings, request: Request) -> Data:
    """The `Data` of every row, with its own bounds and priors where given, else the solver's."""
    data = at_conditions(settings, request.conditions)
    data = data._replace(targets=request.targets, weights=request.weights)
    rows = row_count(request.weights)

    def filled(given: Any, default: np.ndarray) -> tf.Tensor:
        every = tf.constant(default[None], settings.dtype)
        every = tf.broadcast_to(every, [rows, len(default)])
        return tf.where(tf.math.is_nan(given), every, given) if is_given(given) else every

    if settings.sides is not None or is_given(request.sides):
        none = np.zeros(settings.model.comparison.num_targets)
        sides = none if settings.sides is None else settings.sides
        data = data._replace(sides=filled(request.sides, sides))
    count = settings.parameterization.num_parameters
    if settings.bounds is not None or is_given(request.lower):
        none = (np.full(count, -np.inf), np.full(count, np.inf))
        low, high = none if settings.bounds is None else settings.bounds
        data = data._replace(lower=filled(request.lower, low), upper=filled(request.upper, high))
    if settings.priors is not None or is_given(request.prior_mean):
        none = (np.zeros(count), np.full(count, np.inf))
        mean, sigma = none if settings.priors is None else settings.priors
        sigma = filled(request.prior_sigma, sigma)
        # A sigma that is not positive or too small to square gives NaN, which makes the row
        # invalid.
        positive = sigma > 1.0 / largest_number(settings.dtype)
        weight = reciprocal(tf.where(positive, sigma, tf.ones_like(sigma)))
        weight = tf.where(positive, weight, tf.constant(np.nan, settings.dtype))
        data = data._replace(prior_mean=filled(request.prior_mean, mean), prior_weight=weight)
    return data
