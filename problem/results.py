"""The folder with the results of a fit, written whole or not at all."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenfit.extras import need

from ..solver import FitResult, Levels, Status
from .errors import fail
from .targets import Targets

if TYPE_CHECKING:
    from .problem import Problem

#: The file by which a folder of results is known.
MARK = "provenance.json"


def write_results(
    problem: Problem, fit: FitResult, folder: str | Path, provenance: dict[str, Any] | None = None
) -> Path:
    """Write the results of a fit into a folder.

    It is written under another name and then renamed, so that no half of it is ever seen. A folder
    that holds earlier results is replaced.

    Args:
        problem: what was fitted.
        fit: its result.
        folder: where to.
        provenance: what `provenance` returned; made now when None.

    Returns:
        The folder.

    Raises:
        ProblemError: if something else is there, or the folder cannot be written.
    """
    folder = Path(folder)
    check_folder(folder)
    facts = made_by(problem) if provenance is None else provenance
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    except OSError as error:
        raise fail(str(folder), f"the folder cannot be written ({error.strerror}).") from None
    try:
        _write_files(problem, fit, made, facts)
        made.chmod(0o777 & ~_umask())
        _put_in_place(made, folder)
    except OSError as error:
        raise fail(str(folder), f"the results cannot be written ({error.strerror}).") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def default_folder(path: Path) -> Path:
    """Where the results of a problem file go, `ho3_results` beside `ho3.toml`."""
    return path.with_name(f"{path.stem}_results")


def check_folder(folder: Path) -> None:
    """Check that results may be written there, before a fit.

    Raises:
        ProblemError: if something else than results is there, or there is no such place.
    """
    if "\0" in str(folder) or not folder.absolute().parent.is_dir():
        raise fail(str(folder), "there is no such place; give a folder in one that exists.")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise fail(str(folder), "this is no folder; choose another name with --output.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise fail(
            str(folder),
            "the folder holds something else than results; choose another with --output.",
        )


def saved_fit(problem: Problem, folder: str | Path) -> FitResult:
    """The fit of a problem from its folder of results, without fitting again.

    Only if it is of the same problem file, the same files that this names, the same data and the
    same version of eigenfit; never of a problem without `Problem.digest`, such as one in Python.

    Raises:
        ProblemError: if there is no such fit.
    """
    folder = Path(folder)
    try:
        facts = json.loads((folder / MARK).read_text(encoding="utf-8"))
        found = [facts["digest"], facts["data"]["sha256"], facts["versions"]["eigenfit"]]
        fit = FitResult.load(folder / "fit.json")
    except (OSError, ValueError, KeyError, TypeError):
        raise fail(str(folder), "there are no results of `eigenfit fit` to read there.") from None
    now = [problem.digest, problem.data.digest, _version("eigenfit")]
    names = ("the problem file", "its data", "the version of eigenfit")
    for name, one, other in zip(names, found, now, strict=True):
        if one != other:
            raise fail(str(folder), f"{name} has changed since these results; fit again.")
    if not problem.digest:
        raise fail(str(folder), "what the system reads may have changed since; fit again.")
    return fit


def made_by(problem: Problem) -> dict[str, Any]:
    """Where results come from: versions, problem file, digest of the data, time."""
    return {
        "title": problem.title,
        "problem": problem.document.name,
        "digest": problem.digest,
        "data": {"source": problem.data.source, "sha256": problem.data.digest},
        "left_out": [str(fault) for fault in problem.faults],
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in ("eigenfit", "tensorflow", "numpy")},
        },
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _umask() -> int:
    """The bits that new files do not get; mkdtemp makes a folder for its owner only."""
    found = os.umask(0)
    os.umask(found)
    return found


def _put_in_place(made: Path, folder: Path) -> None:
    """Give the finished folder its name; earlier results go to where it was made."""
    if not folder.exists():
        made.rename(folder)
        return
    old = made.with_name(f"{made.name}.old")
    folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_files(problem: Problem, fit: FitResult, folder: Path, facts: dict[str, Any]) -> None:
    def write(name: str, text: str) -> None:
        (folder / name).write_text(text, encoding="utf-8")

    write("summary.txt", summary(problem, fit) + "\n")
    parameters_table(problem, fit).to_csv(folder / "parameters.csv", index=False)
    residuals_table(problem, fit).to_csv(folder / "residuals.csv", index=False)
    if problem.document.text:
        write("problem.toml", problem.document.text)
    fit.save(folder / "fit.json")
    report = report_writer()
    if report is not None:
        title = problem.title or "Result of a fit"
        report(fit, folder / "report.html", title=title, provenance=_origin(problem))
    write(MARK, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def _origin(problem: Problem) -> dict[str, object]:
    """What the report says of the origin, beside what it knows itself."""
    found: dict[str, object] = {"problem file": problem.document.name, "data": problem.data.source}
    if problem.data.digest:
        found["SHA-256 of the data"] = problem.data.digest
    if problem.faults:
        found["lines left out"] = "; ".join(str(fault) for fault in problem.faults)
    if problem.notes:
        found["notes"] = problem.notes
    return found


def report_writer() -> Callable[..., Any] | None:
    """`eigenfit.report.write_report`; None if the room or what it needs is not installed."""
    name = __name__.replace(".problem.results", ".report")
    if importlib.util.find_spec(name) is None:
        return None
    if any(importlib.util.find_spec(need) is None for need in ("matplotlib", "jinja2")):
        return None
    return importlib.import_module(name).write_report


def summary(problem: Problem, fit: FitResult) -> str:
    """The fit in words: its only row, or counts by status and the first parameters of a batch."""
    spectra = problem.data.spectra
    heading = [problem.title, ""] if problem.title else []
    held = [f"{name} = {value:.10g} (fixed)" for name, value in problem.fixed.items()]
    held += [f"{name} = {factor:g} * {other}" for name, (other, factor) in problem.ties.items()]
    held = ["", *held] if held else []
    if len(spectra) == 1:
        return "\n".join([*heading, fit.summary(0), *held])
    statuses = np.asarray(fit.status).reshape(len(spectra), -1)[:, 0]
    lines = [*heading, f"{len(spectra)} spectra"]
    for code in np.unique(statuses)[::-1]:
        status = Status(int(code))
        count = int((statuses == code).sum())
        lines.append(f"{count:>6} {status.name}: {status.message}")
    return "\n".join([*lines, *held])


def parameters_table(problem: Problem, fit: FitResult) -> Any:
    """A line for each spectrum, solution and parameter, as a data frame of pandas."""
    need("problem", "pandas")
    import pandas

    structure = problem.structure
    rows = []
    for _, start, numbers in _ends(problem, fit):
        for number, name in enumerate(structure.parameter_names):
            line = {**start, "parameter": name, "value": float(numbers["parameters"][number])}
            line["standard_error"] = float(numbers["standard_errors"][number])
            rows.append({**line, "unit": structure.parameter_units.get(name, "")})
    return pandas.DataFrame(rows)


def residuals_table(problem: Problem, fit: FitResult, prediction: Any = None) -> Any:
    """A line for each spectrum, solution and measured value, as a data frame of pandas.

    Args:
        problem: what was fitted.
        fit: its result.
        prediction: of `fit.predict()`: then also a line for each value that was not measured, and
            the standard errors of the fitted values.
    """
    need("problem", "pandas")
    import pandas

    data = problem.data
    targets = Targets(problem.structure, problem.observation)
    names = structure_names(problem, targets)
    rows = []
    for place, start, numbers in _ends(problem, fit):
        row = place[0]
        for column, name in enumerate(names):
            observed, residual = data.targets[row, column], float(numbers["residuals"][column])
            if prediction is None and np.isnan(observed):
                continue
            condition = _condition(problem, row, column // targets.width)
            if condition is None:
                continue
            line = {**start, "level": name, **condition, "observed": observed}
            line["sigma"] = np.nan if data.sigma is None else data.sigma[row, column]
            if prediction is not None:
                line["fitted"] = np.asarray(prediction.values)[place][column]
                line["standard_error"] = np.asarray(prediction.standard_errors)[place][column]
            else:
                line["fitted"] = observed - residual
            rows.append({**line, "residual": residual, "unit": data.unit})
    return pandas.DataFrame(rows)


def levels_table(problem: Problem, fit: FitResult) -> Any:
    """A line for each spectrum, solution and level, with its fitted energy and standard error."""
    need("problem", "pandas")
    import pandas

    prediction = fit.predict(Levels())
    targets = Targets(problem.structure, Levels())
    names = targets.names * (prediction.values.shape[-1] // targets.width)
    values, errors = (np.asarray(part) for part in prediction)
    rows = []
    for place, start, _ in _ends(problem, fit):
        for column, name in enumerate(names):
            condition = _condition(problem, place[0], column // targets.width)
            if condition is not None:
                line = {**start, "level": name, **condition, "fitted": values[place][column]}
                line["standard_error"] = errors[place][column]
                rows.append({**line, "unit": problem.structure.level_unit})
    return pandas.DataFrame(rows)


def structure_names(problem: Problem, targets: Targets) -> list[str]:
    """The name of each target; `#1`, ... where the levels are found in the fit."""
    names = targets.names or [f"#{number + 1}" for number in range(targets.width)]
    return names * (problem.targets.shape[1] // targets.width)


def _condition(problem: Problem, row: int, number: int) -> dict[str, float] | None:
    """The condition of a target as columns; None if the row has none there."""
    conditions = problem.data.conditions
    if conditions is None:
        return {}
    found = conditions[row, number]
    if np.isnan(found).all():
        return None
    return dict(zip(problem.structure.condition_names, map(float, found), strict=True))


def _ends(
    problem: Problem, fit: FitResult
) -> Iterator[tuple[tuple[int, ...], dict[str, Any], dict[str, Any]]]:
    """For each spectrum and solution its place, the first columns of its lines, and its fields."""
    fields = {name: np.asarray(value) for name, value in fit._asdict().items()}
    shape = fields["status"].shape
    for place in np.ndindex(shape):
        start: dict[str, Any] = {"spectrum": problem.data.spectra[place[0]]}
        if len(shape) == 2:
            start["solution"] = place[1] + 1
        start["status"] = Status(int(fields["status"][place])).name
        yield place, start, {name: value[place] for name, value in fields.items()}
