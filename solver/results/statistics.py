"""What the linearized fit says of the parameters and of the model, for every row."""

from __future__ import annotations

from typing import Any, NamedTuple

from .covariance import Covariance
from .derived import Prediction


class Statistics(NamedTuple):
    """The statistics at the ends of a fit; NaN in a row without an answer.

    Attributes:
        covariance: of the parameters.
        prediction: the values of all targets, with their standard errors.
        degrees_of_freedom: `[B]`, the number of data less that of the combinations of parameters
            that they determine: of all parameters, as a rule, that are not at a bound. A prior is a
            datum; a limit that is met is none; a fitted offset takes one.
        chi2: `[B]`, the sum of the squared weighted residuals, with the terms of the priors; NaN
            with a robust loss.
        p_value: `[B]`, the probability of a chi2 at least as large, if the model and the standard
            errors of the data are right; NaN where the weights are not 1 / sigma, and without
            degrees of freedom.
    """

    covariance: Covariance
    prediction: Prediction
    degrees_of_freedom: Any
    chi2: Any
    p_value: Any
