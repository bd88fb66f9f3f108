"""A problem: a system, its data and what is known of its parameters, as a file or in Python."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenfit.extras import need

from ..solver import FitResult, Observation, Parameterization, SpectralSolver
from ..solver import methods as solver_methods
from ..solver.methods import Method
from .document import Document, parse_document, read_document
from .errors import Fault, ProblemError, fail, unknown

if TYPE_CHECKING:
    from .check import Check
    from .data import ProblemData
    from .sections import FitSection
    from .table import Table

#: The methods by their names in a problem file.
METHODS: dict[str, type[Method]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): kind
    for name in solver_methods.__all__
    if isinstance(kind := getattr(solver_methods, name), type)
    and issubclass(kind, Method)
    and kind is not Method
}
# Endings of files that an argument of a system may name.
_FILES = (
    ".npy",
    ".npz",
    ".mtx",
    ".csv",
    ".tsv",
    ".txt",
    ".dat",
    ".json",
    ".lin",
    ".par",
    ".parquet",
)


class Problem:
    """A problem file, understood: what is fitted, to which data, and how.

    Attributes:
        title: what it is called; "" if it has no title.
        system: the `type` of its system.
        notes: what the file says beside.
        document: the file.
        structure: the system with its fixed and tied parameters.
        fixed: the values of fixed parameters, by name.
        ties: (other parameter, factor) of tied parameters, by name.
        observation: what is compared with the data.
        data: the measured values.

    Example:
        >>> from eigenfit.problem import Problem
        >>> problem = Problem.read("ho3.toml")  # doctest: +SKIP
        >>> print(problem.fit().summary())  # doctest: +SKIP
    """

    title: str
    system: str
    notes: str
    document: Document
    structure: Parameterization
    fixed: dict[str, float]
    ties: dict[str, tuple[str, float]]
    observation: Observation
    data: ProblemData

    def __init__(
        self,
        document: Document,
        *,
        allow_python: bool = False,
        data_file: str | None = None,
    ):
        """Understand a problem file; `read` and `from_dict` make the document.

        Args:
            document: the file.
            allow_python: whether the Python file of `type = "python"` may be run.
            data_file: another data file than that of the problem file; "-" for standard input.

        Raises:
            ProblemError: for anything that cannot be understood.
        """
        need("problem", "pydantic", "pandas")
        from .checked import checked_file
        from .sections import DataSection
        from .table import read_table

        self.document = document
        file = checked_file(document)
        self.title, self.notes = file.title, file.notes
        section = file.data
        if data_file is not None:
            own = section.model_dump(exclude_unset=True, exclude={"rows"})
            section = DataSection.model_validate({**own, "file": data_file})
        self._file, self._section = file, section
        function, arguments = self._find_system(allow_python)
        place = document.place("data")
        # A data file that is given apart is named from where the program runs.
        table = read_table(section, document.folder if data_file is None else Path(), place)
        self._build(function, arguments, table)

    @classmethod
    def read(
        cls, path: str | Path, *, allow_python: bool = False, data_file: str | None = None
    ) -> Problem:
        """Read a problem file and its data.

        Args:
            path: a TOML file, as `eigenfit init` writes one.
            allow_python: whether the Python file of `type = "python"` may be run.
            data_file: another data file than that of the problem file; "-" for standard input.

        Raises:
            ProblemError: for anything that cannot be understood, with the file, the line and the
                key, what stood there, and what would be right.
            ModuleNotFoundError: if the extra `problem` is not installed.
        """
        return cls(read_document(path), allow_python=allow_python, data_file=data_file)

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], folder: str | Path = ".", *, allow_python: bool = False
    ) -> Problem:
        """The same from a dict with the keys of a problem file.

        Args:
            values: as TOML would be read.
            folder: where the files that it names are.
            allow_python: see `read`.

        Raises:
            ProblemError: see `read`.
        """
        return cls(Document("", Path(folder), dict(values)), allow_python=allow_python)

    @classmethod
    def from_text(
        cls, text: str, folder: str | Path = ".", *, allow_python: bool = False
    ) -> Problem:
        """The same from the text of a problem file.

        Raises:
            ProblemError: see `read`.
        """
        document = parse_document(text.encode(), "problem", Path(folder))
        return cls(document, allow_python=allow_python)

    @property
    def targets(self) -> np.ndarray:
        """`[B, m]`, the measured values; NaN where nothing was measured."""
        return self.data.targets

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The lines of the data that were left out, and why."""
        return self.data.faults

    @property
    def digest(self) -> str:
        """The SHA-256 of the problem file and of the files that its system names.

        "" where these do not say all: for a problem in Python, from a dict, or with a file that is
        not beside the problem file.
        """
        named = files_in(self._file.system, self.document.folder)
        known = all(path.is_file() for path in named)
        if self._python_file is not None or not self.document.text or not known:
            return ""
        found = hashlib.sha256(self.document.text.encode())
        for path in named:
            found.update(path.read_bytes())
        return found.hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of `SpectralSolver` that the file sets, by name."""
        fit, found = self._file.fit, self._knowledge()
        for name, value in fit.model_dump(exclude_none=True, exclude={"method", "dtype"}).items():
            found[name] = value
        if fit.method is not None:
            found["method"] = self._method(fit)
        if fit.dtype is not None:
            import tensorflow as tf

            found["dtype"] = tf.as_dtype(fit.dtype)
        starts = self.starts
        if len(starts) == self.structure.num_parameters:
            found["initial"] = starts
        if self._section.sigma is not None:
            found["sigma"] = self._section.sigma * self.data.factor
        return found

    @property
    def starts(self) -> dict[str, float]:
        """The starts that the file gives, by parameter name."""
        given = self._known("start")
        return {name: given[name] for name in self.structure.parameter_names if name in given}

    def solver(self, **changes: Any) -> SpectralSolver:
        """The solver of this problem, with its bounds, priors and settings.

        Args:
            **changes: arguments of `SpectralSolver` in place of those that the file sets.

        Raises:
            ProblemError: if the settings do not fit the system.
        """
        try:
            settings = {"observation": self.observation, **self.settings, **changes}
            return SpectralSolver(self.structure, **settings)
        except ValueError as error:
            raise fail(self.document.place("fit"), str(error)) from None

    def fit(self, progress: Any = None, solver: SpectralSolver | None = None) -> FitResult:
        """Fit the parameters to the data.

        Args:
            progress: see `SpectralSolver.fit`.
            solver: from `solver()`, if there is one already.

        Returns:
            A `FitResult` with a row for each of `data.spectra`.

        Raises:
            ProblemError: if the settings do not fit the system.
        """
        solver = self.solver() if solver is None else solver
        data, starts = self.data, self.starts
        partly = 0 < len(starts) < self.structure.num_parameters
        try:
            return solver.fit(
                data.targets,
                initial=starts if partly else None,
                sigma=data.sigma,
                sides=data.sides,
                conditions=data.conditions,
                progress=progress,
            )
        except ValueError as error:
            raise fail(self.document.place("data"), str(error)) from None

    def check(self) -> Check:
        """What the problem means, without a fit; `print` shows it.

        Raises:
            ProblemError: if the settings do not fit the system.
        """
        from .check import check

        return check(self)

    def _find_system(self, allow_python: bool) -> tuple[Callable[..., Any], dict[str, Any]]:
        """The function that makes the system, and the arguments that the file gives it."""
        from ..systems import SYSTEMS
        from .checked import chosen

        arguments = dict(self._file.system)
        kind = arguments.pop("type", None)
        names = {**SYSTEMS, "python": None}
        function = chosen(self.document, ("system", "type"), kind, names, "system")
        self.system = str(kind)
        self._path: tuple[str, ...] = ("system",)
        self._python_file: Path | None = None
        if kind == "python":
            function, arguments = self._python(arguments, allow_python)
            self._path = ("system", "arguments")
        return function, arguments

    def _python(
        self, given: dict[str, Any], allow_python: bool
    ) -> tuple[Callable[..., Any], dict[str, Any]]:
        """The function of a Python file, and the arguments for it."""
        from .python_system import load_function

        place = self.document.place
        keys = ("file", "function", "arguments")
        for name in given:
            if name not in keys:
                raise fail(place("system", name), unknown("key", name, ["type", *keys]))
        for name in ("file", "function"):
            if not isinstance(given.get(name), str):
                text = f'{name} must be a text; write file = "model.py" and function = "make".'
                raise fail(place("system", name), text)
        arguments = given.get("arguments", {})
        if not isinstance(arguments, dict):
            raise fail(place("system", "arguments"), "must be a table, such as { sites = 4 }.")
        if not allow_python:
            raise fail(
                place("system", "file"),
                f"{given['file']} is a program; if you trust it, allow it to run: --allow-python, "
                "or Problem.read(..., allow_python=True).",
            )
        file = self._python_file = self.document.folder / given["file"]
        return load_function(file, given["function"], place("system", "file")), arguments

    def _build(self, function: Callable[..., Any], given: dict[str, Any], table: Table) -> None:
        """Make the structure and arrange the data."""
        from .arguments import names_of, required_of
        from .checked import checked_arguments

        # How many conditions there are is known from the data.
        open_limit = "limit" in names_of(function) and "limit" not in given
        if open_limit and "limit" in required_of(function):
            given = {**given, "limit": 1}
        arguments = checked_arguments(self.document, self._path, function, given)
        arguments = with_paths(arguments, self.document.folder)
        structure = self._made(function, arguments)
        open_limit &= structure.conditions_shape is not None
        if open_limit:
            structure = self._made(function, {**arguments, "limit": len(table.cells)})
        self._arrange(structure, table)
        if open_limit and self.data.conditions is not None:
            used = ~np.isnan(self.data.conditions).all(axis=2)
            most = int(used.sum(axis=1).max())
            self._arrange(self._made(function, {**arguments, "limit": most}), table)

    def _arrange(self, whole: Parameterization, table: Table) -> None:
        """Fix and tie parameters, and find the target of each value of the table."""
        from .data import arrange
        from .targets import chosen_observation

        place = self.document.place("data")
        self.structure = self._constrained(whole)
        try:
            observation = chosen_observation(self.structure, self._section)
        except ValueError as error:
            raise fail(place, f"{error}.") from None
        self.observation, self.data = arrange(
            table, self._section, self.structure, observation, place
        )

    def _made(self, function: Callable[..., Any], arguments: dict[str, Any]) -> Parameterization:
        """Call the function of the system."""
        place = self.document.place(*self._path)
        try:
            made = function(**arguments)
        except Exception as error:  # of any kind, in a file of the user's
            if self._python_file is not None:
                from .python_system import said

                text = f"{self._python_file.name}: {said(error, self._python_file)}"
                raise fail(place, text) from error
            if not isinstance(error, (ValueError, TypeError, KeyError, OSError, ImportError)):
                raise
            raise fail(place, str(error) or type(error).__name__) from None
        if not isinstance(made, Parameterization):
            name = getattr(function, "__name__", "function")
            raise fail(place, f"{name} must return a Parameterization, got {made!r:.80}.")
        return made

    def _constrained(self, whole: Parameterization) -> Parameterization:
        """The structure with the fixed and tied parameters of the file."""
        from .sections import parse_tie

        names, place = whole.parameter_names, self.document.place
        faults = [
            Fault(place("parameters", name), unknown("parameter", name, names))
            for name in self._file.parameters
            if name not in names
        ]
        self.ties = {name: parse_tie(text) for name, text in self._known("tie").items()}
        faults += [
            Fault(place("parameters", name, "tie"), unknown("parameter", other, names))
            for name, (other, _) in self.ties.items()
            if other not in names
        ]
        if faults:
            raise ProblemError(faults)
        self.fixed = self._known("fixed")
        structure = whole
        try:
            if self.ties:
                structure = structure.with_tied(self.ties)
            if self.fixed:
                structure = structure.with_fixed(self.fixed)
        except ValueError as error:
            raise fail(place("parameters"), str(error)) from None
        return structure

    def _knowledge(self) -> dict[str, Any]:
        """Bounds and priors of the free parameters, as a solver takes them."""
        found = {"bounds": self._known("bounds"), "priors": self._known("prior")}
        return {
            argument: {name: tuple(pair) for name, pair in pairs.items()}
            for argument, pairs in found.items()
            if pairs
        }

    def _known(self, key: str) -> dict[str, Any]:
        """What `[parameters]` says under one key, by parameter name."""
        every = {name: getattr(one, key) for name, one in self._file.parameters.items()}
        return {name: value for name, value in every.items() if value is not None}

    def _method(self, fit: FitSection) -> Method:
        """The least-squares method with its options."""
        from .checked import checked_arguments, chosen

        options = {"type": fit.method} if isinstance(fit.method, str) else dict(fit.method or {})
        path = ("fit", "method")
        kind = chosen(self.document, path, options.pop("type", None), METHODS, "method")
        arguments = checked_arguments(self.document, path, kind, options)
        try:
            return kind(**arguments)
        except ValueError as error:
            raise fail(self.document.place(*path), str(error)) from None


def files_in(value: Any, folder: Path) -> list[Path]:
    """The files that the arguments of a system may name: the texts that end like one."""
    if isinstance(value, str):
        return [folder / value] if value.lower().endswith(_FILES) else []
    if not isinstance(value, (dict, list, tuple)):
        return []
    parts = value.values() if isinstance(value, dict) else value
    return [path for one in parts for path in files_in(one, folder)]


def with_paths(value: Any, folder: Path) -> Any:
    """The arguments of a system with the names of files taken from the folder of the problem file.

    A text names a file if it ends like one and there is such a file.
    """
    if isinstance(value, str):
        named = value.lower().endswith(_FILES) and (folder / value).is_file()
        return str(folder / value) if named else value
    if isinstance(value, dict):
        return {key: with_paths(one, folder) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(with_paths(one, folder) for one in value)
    return value
