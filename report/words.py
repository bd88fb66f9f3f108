"""The answer of a fit in sentences, with the warnings that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from ..solver import Status
from ..solver.wording import counted, listed
from .content import Batch, Solution
from .numbers import few_digits, shown_unit

# A model is doubted if its misfit has a smaller probability than this.
_DOUBTFUL = 1e-3
# Correlations from here on are named.
_STRONG = 0.9
# Solutions whose chi-squared differs by less than this are not told apart by the data: two standard
# errors.
_CLOSE = 4.0


class Sentence(NamedTuple):
    """A sentence of the answer.

    Attributes:
        text: plain text.
        tone: "good", "warning" or "plain".
    """

    text: str
    tone: Literal["good", "warning", "plain"] = "plain"


def answer_of_row(solutions: Sequence[Solution]) -> list[Sentence]:
    """What came out of the fit of a row, with its warnings.

    Args:
        solutions: of the row, best first.
    """
    best = solutions[0]
    if not best.has_answer:
        return [Sentence(f"There is no answer: {best.reason}.", "warning")]
    return [
        *_outcome(best),
        *_quality(best),
        *_determination(best),
        *_correlations(best),
        *_search(best),
        *_others(solutions),
    ]


def answer_of_batch(batch: Batch) -> list[Sentence]:
    """What came out of the fit of many rows."""
    rows, counts = len(batch.statuses), batch.counts
    answered = sum(count for status, count in counts.items() if status > 0)
    unfinished = counts.get(Status.STALLED, 0) + counts.get(Status.MAX_STEPS, 0)
    best = answered - unfinished
    found = [
        Sentence(
            f"{best} of {counted(rows, 'row')} reached a certified minimum.",
            "good" if best == rows else "plain",
        )
    ]
    if unfinished:
        found.append(
            Sentence(
                f"{counted(unfinished, 'row')} stopped before a minimum was certified; look at "
                "them before you use their numbers.",
                "warning",
            )
        )
    lost = rows - answered
    if lost:
        have = "has" if lost == 1 else "have"
        found.append(Sentence(f"{counted(lost, 'row')} {have} no answer.", "warning"))
    return found


def _outcome(best: Solution) -> Iterator[Sentence]:
    """How the fit ended."""
    data = counted(best.misfit.count, "observed value")
    free = counted(best.misfit.free, "parameter")
    if best.status == Status.CONVERGED:
        yield Sentence(
            f"The model reproduces {data} to within the tolerance of the fit, with {free}.", "good"
        )
    elif best.status == Status.STATIONARY:
        yield Sentence(f"The best fit of {free} to {data} was found.", "good")
    else:
        yield Sentence(
            f"The fit of {free} to {data} stopped before a minimum was certified: {best.reason}. "
            "Do not rely on the errors below.",
            "warning",
        )
        return
    if best.cause:
        yield Sentence(f"A limit of this answer: {best.reason}.", "warning")


def _quality(best: Solution) -> Iterator[Sentence]:
    """How far the fitted values are from the observed ones."""
    misfit, data = best.misfit, best.counting
    if data and np.isfinite(misfit.rms) and misfit.rms > 0 and best.status != Status.CONVERGED:
        worst = max(data, key=lambda one: abs(one.residual))
        unit = f" {shown_unit(worst.unit)}" if worst.unit else ""
        yield Sentence(
            f"Observed and fitted values differ by {few_digits(misfit.rms)}{unit} on average "
            f"(rms), and by {few_digits(abs(worst.residual))}{unit} at most ({worst.label})."
        )
    if not np.isfinite(misfit.freedom):
        return
    freedom = round(misfit.freedom)
    if freedom <= 0:
        yield Sentence(
            "There are no more data than parameters, so the fit is no test of the model.", "warning"
        )
        return
    degrees = f"{counted(freedom, 'degree')} of freedom"
    if np.isnan(misfit.chi2):
        yield Sentence(
            f"There are {degrees}. The errors below are scaled so that the misfit is as large as "
            "expected; they cannot tell whether the model is right."
            if freedom > 1
            else f"There is {degrees}; the errors below are scaled by the misfit."
        )
        return
    text = (
        f"\u03c7\u00b2 is {few_digits(misfit.chi2)} for {degrees} (reduced "
        f"{few_digits(misfit.chi2 / freedom)}; probability {few_digits(misfit.p_value, 2)})."
    )
    if misfit.p_value < _DOUBTFUL:
        text += (
            " The data differ from the model by more than their errors: the model or an assignment "
            "is wrong, or the errors are too small."
        )
        yield Sentence(text, "warning")
    else:
        yield Sentence(text)


def _determination(best: Solution) -> Iterator[Sentence]:
    """Which parameters the data determine."""
    unknown = [place for place, one in enumerate(best.parameters) if np.isinf(one.error)]
    held = [one.name for one in best.parameters if np.isnan(one.error)]
    own = np.diagonal(best.correlation)
    hidden = [best.parameters[place].name for place in unknown if np.isnan(own[place])]
    others = [best.parameters[place].name for place in unknown if not np.isnan(own[place])]
    if hidden and np.isnan(best.misfit.freedom):  # a result that knows no correlations
        yield Sentence(f"The errors of {listed(hidden)} are not determined.", "warning")
    elif hidden:
        yield Sentence(f"The data do not determine {listed(hidden)}.", "warning")
    if others:
        yield Sentence(
            f"The errors of {listed(others)} are not known: with as many parameters as data the "
            "scatter of the data cannot be estimated. Give sigma, with absolute_sigma=True.",
            "warning",
        )
    if held:
        verb = "is at its bound" if len(held) == 1 else "are at their bounds"
        yield Sentence(
            f"{listed(held)} {verb}; the errors of the others hold for that value.", "warning"
        )


def _correlations(best: Solution) -> Iterator[Sentence]:
    """Pairs of parameters that the data hardly tell apart."""
    found = best.correlation
    names = [one.name for one in best.parameters]
    pairs = [
        (abs(found[one, two]), f"{names[one]} and {names[two]} ({few_digits(found[one, two], 2)})")
        for two in range(len(names))
        for one in range(two)
        if abs(found[one, two]) > _STRONG  # False for NaN
    ]
    if pairs:
        shown = [text for _, text in sorted(pairs, key=lambda pair: -pair[0])]
        yield Sentence(f"Strongly correlated: {'; '.join(shown[:5])}.", "warning")


def _search(best: Solution) -> Iterator[Sentence]:
    """How many starts ended in the answer."""
    if best.starts <= 1:
        yield Sentence("The fit began at one starting point; other answers were not looked for.")
    elif best.agreeing <= 1 and best.status != Status.CONVERGED:
        yield Sentence(
            f"Only 1 of {best.starts} starts ended in this answer; there may be a better one.",
            "warning",
        )
    else:
        yield Sentence(f"{best.agreeing} of {best.starts} starts ended in this answer.")


def _others(solutions: Sequence[Solution]) -> Iterator[Sentence]:
    """Whether there are other solutions, and whether the data tell them apart."""
    best, *others = [one for one in solutions if one.has_answer]
    if not others:
        return
    text = f"{counted(len(others), 'other solution')} follow{'s' * (len(others) == 1)} below."
    freedom = best.misfit.freedom
    square = 1.0 if np.isfinite(best.misfit.chi2) else best.loss / freedom if freedom > 0 else 0.0
    close = [one for one in others if one.loss - best.loss <= _CLOSE * square]
    if close:
        number = "it" if len(others) == 1 else f"{len(close)} of them"
        text += f" The data hardly tell {number} from this answer."
        yield Sentence(text, "warning")
    else:
        yield Sentence(text)
