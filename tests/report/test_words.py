"""The answer in sentences: each warning appears when it should, and only then."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from eigenfit.report.content import Batch, Misfit, Parameter, Solution, solutions_of
from eigenfit.report.words import answer_of_batch, answer_of_row
from eigenfit.solver import Affine, Cause, FitResult, SpectralSolver, Status

from . import fits

INF, NAN = np.inf, np.nan


def good(**changes: Any) -> Solution:
    """A fit with nothing to warn of, changed here and there."""
    (best,) = solutions_of(fits.one())
    calm = dataclasses.replace(best, starts=9, agreeing=7, correlation=np.eye(2))
    return dataclasses.replace(calm, **changes)


def misfit(**changes: Any) -> Misfit:
    return dataclasses.replace(good().misfit, **changes)


def parameters(*errors: float) -> tuple[Parameter, ...]:
    return tuple(Parameter(f"p{place}", "", 1.0, error) for place, error in enumerate(errors))


def warnings_of(*solutions: Solution) -> list[str]:
    return [one.text for one in answer_of_row(solutions) if one.tone == "warning"]


def test_a_good_fit_has_no_warning():
    first, *rest = answer_of_row([good()])
    assert (first.text, first.tone) == (
        "The best fit of 2 parameters to 5 observed values was found.",
        "good",
    )
    assert warnings_of(good()) == []
    assert rest[-1].text == "7 of 9 starts ended in this answer."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": Status.MAX_STEPS}, "stopped before a minimum was certified: the limit on the"),
        ({"status": Status.STALLED}, "stopped before a minimum was certified: no further progress"),
        ({"cause": Cause.KINK}, "A limit of this answer: levels that are pulled"),
        ({"misfit": misfit(chi2=60.0, p_value=1e-5)}, "The data differ from the model by more"),
        ({"misfit": misfit(freedom=0.0)}, "the fit is no test of the model"),
        (
            {"parameters": parameters(INF, 0.1), "correlation": np.diag([NAN, 1.0])},
            "The data do not determine p0.",
        ),
        ({"parameters": parameters(INF, 0.1)}, "The errors of p0 are not known: with as many"),
        ({"parameters": parameters(NAN, NAN)}, "p0, p1 are at their bounds"),
        ({"parameters": parameters(0.1, NAN)}, "p1 is at its bound"),
        ({"correlation": np.array([[1.0, -0.95], [-0.95, 1.0]])}, "(\u22120.95)"),
        ({"agreeing": 1}, "Only 1 of 9 starts ended in this answer"),
    ],
)
def test_one_warning_for_one_fault(changes, words):
    (text,) = warnings_of(good(**changes))
    assert words in text


@pytest.mark.usefixtures("eagerly")
def test_undetermined_parameters_of_a_fit_without_scatter_and_of_a_bare_result():
    """One direction is hidden from the data; the error of the third parameter has no scale."""
    structure = Affine(
        np.diag([0.0, 1.0, 2.0]), [np.eye(3), np.eye(3), np.ones((3, 3))], ["a", "b", "c"]
    )
    fit = SpectralSolver(structure, initial=[0.0, 0.0, 0.1], starts=1).fit([[0.1, 1.3, 2.2]])
    hidden, unscaled = warnings_of(*solutions_of(fit))
    assert hidden == "The data do not determine a, b."
    assert unscaled.startswith("The errors of c are not known")
    (bare,) = warnings_of(*solutions_of(FitResult(*fit)))
    assert bare == "The errors of x0, x1, x2 are not determined."


def test_an_exact_answer_found_once_is_no_cause_for_doubt():
    assert warnings_of(good(status=Status.CONVERGED, agreeing=1)) == []


def test_other_solutions_are_a_warning_if_the_data_do_not_tell_them_apart():
    best = good(loss=3.0)
    far, near = good(loss=8.0), good(loss=6.0)
    assert warnings_of(best, far) == []
    assert answer_of_row([best, far])[-1].text == "1 other solution follows below."
    (text,) = warnings_of(best, near, far)
    assert (
        text == "2 other solutions follow below. The data hardly tell 1 of them from this answer."
    )
    # Errors of unknown size are in units of the residual scale.
    unknown = misfit(chi2=NAN, p_value=NAN, freedom=3.0)
    scaled = [good(loss=loss, misfit=unknown) for loss in (3e-6, 6.9e-6)]
    assert "hardly tell it" in warnings_of(*scaled)[0]
    scaled[1] = good(loss=7.1e-6, misfit=unknown)
    assert warnings_of(*scaled) == []


def test_no_answer():
    (found,) = answer_of_row([good(status=Status.INVALID_INPUT, cause=Cause.BOUNDS)])
    assert found.text.startswith("There is no answer: a lower bound is above its upper bound")


def test_batch():
    counts = [Status.CONVERGED] * 3 + [Status.MAX_STEPS] + [Status.NON_FINITE] * 2
    batch = Batch(("p",), {}, np.ones((6, 1)), tuple(counts), (Cause.NONE,) * 6, *[np.ones(6)] * 2)
    first, *warnings = answer_of_batch(batch)
    assert first.text == "3 of 6 rows reached a certified minimum."
    assert [one.tone for one in warnings] == ["warning"] * 2
    assert "1 row stopped before a minimum was certified" in warnings[0].text
    assert warnings[1].text == "2 rows have no answer."
    whole = dataclasses.replace(batch, statuses=(Status.STATIONARY,) * 6)
    (only,) = answer_of_batch(whole)
    assert only.tone == "good"
