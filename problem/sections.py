"""The sections of a problem file, as Pydantic checks them."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be finite")
    return value


def _positive(value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError("must be positive and finite")
    return value


def _no_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("must be a number or inf, not nan")
    return value


Finite = Annotated[float, AfterValidator(_finite)]
Positive = Annotated[float, AfterValidator(_positive)]
Bound = Annotated[float, AfterValidator(_no_nan)]
Count = Annotated[int, Field(ge=1)]
_TWO = Field(min_length=2, max_length=2)


class Section(BaseModel):
    """A table of a problem file: its keys and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Parameter(Section):
    """What is known of a parameter before the fit.

    A number alone is `start`.
    """

    start: Finite | None = Field(None, description="Where the fit starts.")
    bounds: Annotated[list[Bound], _TWO] | None = Field(
        None, description="The lowest and the highest value; -inf and inf for none."
    )
    prior: Annotated[list[Finite], _TWO] | None = Field(
        None, description="Mean and standard deviation from elsewhere; counts as one datum."
    )
    fixed: Finite | None = Field(None, description="A value that is not fitted.")
    tie: str | None = Field(
        None, description='Another parameter, or a multiple of it: "B40" or "-5 * B40".'
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Parameter:
        given = [name for name in ("fixed", "tie") if getattr(self, name) is not None]
        others = [key for key in ("start", "bounds", "prior") if getattr(self, key) is not None]
        if given and len(given) + len(others) > 1:
            raise ValueError(
                f"{given[0]!r} leaves nothing to fit, so {', '.join(given[1:] + others)} has no "
                "meaning beside it; remove one of them"
            )
        if self.bounds is not None:
            low, high = self.bounds
            if not low < high:
                raise ValueError(f"bounds must be [lower, upper], got [{low:g}, {high:g}]")
            if low == math.inf or high == -math.inf:
                raise ValueError(f"bounds leave no value, got [{low:g}, {high:g}]")
            if self.start is not None and not low <= self.start <= high:
                raise ValueError(
                    f"the start {self.start:g} is outside the bounds [{low:g}, {high:g}]"
                )
        if self.prior is not None and not self.prior[1] > 0:
            raise ValueError(f"prior must be [mean, sigma] with a positive sigma, got {self.prior}")
        if self.tie is not None:
            parse_tie(self.tie)
        return self


def parse_tie(text: str) -> tuple[str, float]:
    """The other parameter and the factor of a tie.

    Raises:
        ValueError: for another form.

    Example:
        >>> parse_tie("B40"), parse_tie("-5 * B40")
        (('B40', 1.0), ('B40', -5.0))
    """
    number = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
    found = re.fullmatch(rf"\s*(?:({number})\s*\*\s*|(-)\s*)?([^\s*+-].*?)\s*", text)
    if not found:
        raise ValueError(
            f'tie must be a parameter or a multiple, "B40" or "-5 * B40", got {text!r}'
        )
    factor = float(found[1]) if found[1] else (-1.0 if found[2] else 1.0)
    return found[3], _finite(factor)


def _as_table(value: Any) -> Any:
    """A start that is given as a number alone, as the table that it stands for."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {"start": value} if is_number else value


class DataSection(Section):
    """The measured values, and how their table is written."""

    file: str | None = Field(
        None,
        description="A table: CSV, TSV or text with blanks, Excel or Parquet; "
        '"-" is standard input.',
    )
    rows: list[dict[str, Any] | list[Any]] | None = Field(
        None, description="The table itself, in place of a file: a list for each line."
    )
    layout: Literal["tidy", "wide"] | None = Field(
        None,
        description="tidy: one value a line, with columns such as level, energy, sigma; or upper, "
        "lower, frequency, sigma. wide: one spectrum a line. Found from the columns if left out.",
    )
    columns: dict[str, str | int] | list[str] | None = Field(
        None,
        description="The names of the columns from left to right; or, for single columns, what "
        'each holds and its name or number (from 1) in the file: { energy = "E / cm-1" }.',
    )
    ignore: list[str | int] = Field([], description="Columns that are not read.")
    header: bool | None = Field(
        None, description="Whether the first line names the columns; found if left out."
    )
    separator: str | None = Field(
        None, description="comma, semicolon, tab, blanks, bar, or a sign; found if left out."
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="The decimal sign; found if left out."
    )
    comment: str | None = Field(
        None, min_length=1, description="What begins a comment; # (and %, ! or // at the start)."
    )
    encoding: str | None = Field(None, description="Of the file; UTF-8 if left out.")
    skip_lines: int = Field(0, ge=0, description="Lines at the top of the file to leave out.")
    sheet: str | int | None = Field(None, description="Of an Excel file: its name, or from 1.")
    missing: list[str] = Field([], description="More texts that mean: not measured.")
    unit: str | None = Field(None, description="Of the values and of sigma; that of the system.")
    sigma: Positive | None = Field(
        None, description="The standard error of values that have none of their own."
    )
    relative_to: Literal["lowest", "mean"] | None = Field(
        None,
        description="lowest: the values are measured from the lowest level; mean: they have an "
        "unknown common offset.",
    )
    assignment: Literal["given", "matched"] = Field(
        "given",
        description="matched: the numbers of the levels are not known and are found in the fit.",
    )
    lowest: Count | None = Field(None, description="Compare only this many lowest levels.")
    highest: Count | None = Field(None, description="Compare only this many highest levels.")
    multiplicity: Count | list[Count] | list[list[Count]] | None = Field(
        None, description="How many states each level holds: 2 for Kramers doublets, or a list."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> DataSection:
        if (self.file is None) == (self.rows is None):
            what = "both" if self.file is not None else "neither"
            raise ValueError(f'give file = "..." or rows = [...], got {what}')
        if self.rows is not None and not self.rows:
            raise ValueError("rows is empty; write a list for each line, such as [0, 12.1]")
        if self.file == "":
            raise ValueError('file must be the name of a table, or "-" for standard input')
        if self.assignment == "matched":
            beside = ("lowest", "highest", "multiplicity")
            given = [name for name in beside if getattr(self, name) is not None]
            if self.relative_to == "mean":
                given.append('relative_to = "mean"')
            if given:
                raise ValueError(f'assignment = "matched" cannot be combined with {given[0]}')
        return self


class FitSection(Section):
    """How the fit is done; what is left out is the default of `SpectralSolver`."""

    method: str | dict[str, Any] | None = Field(
        None,
        description='The least-squares method, such as "levenberg_marquardt", or with its '
        'options: { type = "adam", learning_rate = 0.01 }.',
    )
    starts: Count | None = Field(None, description="The largest number of starts.")
    solutions: Count | None = Field(None, description="How many distinct solutions to find.")
    tolerance: Annotated[float, Field(ge=0, lt=math.inf)] | None = Field(
        None, description="The rms residual, relative to the spectrum, that counts as matched."
    )
    max_steps: Count | None = Field(None, description="The step limit.")
    loss: Literal["linear", "soft_l1", "huber", "cauchy"] | None = Field(
        None, description="linear is least squares; the others are robust against outliers."
    )
    f_scale: Positive | None = Field(
        None, description="The weighted residual beyond which a value is an outlier."
    )
    absolute_sigma: bool | None = Field(
        None, description="true if sigma is in the unit of the data, false if only ratios count."
    )
    end_early: bool | None = Field(
        None, description="Whether a search may end when its starts agree."
    )
    dtype: Literal["float64", "float32"] | None = Field(None, description="Of all numbers.")


class ProblemFile(Section):
    """A problem for eigenfit: a system, its data, and what is known of its parameters."""

    title: str = Field("", description="Of the report.")
    notes: str = Field("", description="Anything; it is kept with the results.")
    system: dict[str, Any] = Field(description="The Hamiltonian: its type and its arguments.")
    parameters: dict[
        str,
        Annotated[Parameter, BeforeValidator(_as_table, json_schema_input_type=Finite | Parameter)],
    ] = Field({}, description="Starts, bounds, priors, fixed values and ties by name.")
    data: DataSection = Field(description="The measured values.")
    fit: FitSection = Field(FitSection(), description="How the fit is done.")  # pyright: ignore[reportCallIssue]  # every key has a default
