"""One problem file on the workbench: read it, change it, make its model, save it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eigenfit.whole_file import write_whole

from ..export import export_saved_model, load_solver_info
from ..problem import Problem, ProblemError
from ..problem.document import Document, read_document
from ..problem.errors import Fault, fail
from ..problem.results import check_folder, default_folder, write_results
from .edits import Setting, changed, data_section, edited_text, settings_from
from .model import key_of, knowledge_of, solver_of, without_fixed
from .rows import Labels, Row, in_order, rows_from, rows_of, text_of, with_left_out
from .state import MODEL, state_of

# The first line of a table of the workbench: no other file is ever replaced.
_MARK = "# Written by the workbench of eigenfit, which replaces this file when it saves.\n"


@dataclasses.dataclass(frozen=True)
class Change:
    """What the page sends.

    Attributes:
        settings: of the parameters, by name.
        rows: the data; None if they are as in the file.
        text: a table that was pasted, in place of rows.
    """

    settings: dict[str, Setting]
    rows: list[Row] | None
    text: str | None


class Session:
    """A problem file, what the page has made of it, and the models of it; begins with `read`.

    Args:
        path: the problem file.
        folder: an empty folder for the models and for tables that are in no file of the user's.
        allow_python: whether the Python file of a problem may be run.

    Attributes:
        problem: as it is on the page, without fixed parameters.
    """

    problem: Problem
    _held: tuple[str, ...]
    _rows: list[Row]

    def __init__(self, path: Path, folder: Path, allow_python: bool = False):
        self._path, self._folder, self._allow_python = path, folder, allow_python
        self._tables = 0
        self._key = ""
        self._knowledge: dict[str, dict[str, tuple[float, float]]] = {}
        self._signatures: dict[str, list[str]] = {}
        self._version = ""

    @property
    def models(self) -> Path:
        """The folder of the versions of the model."""
        return self._folder / MODEL

    @property
    def results(self) -> Path:
        """The folder of results, that of `eigenfit fit`."""
        return default_folder(self._path)

    def read(self) -> dict[str, Any]:
        """Read the file again, make its model if there is none yet, and return the state.

        Returns:
            The state, and `read`: what `save` wants to be given, for it knows the file by it.

        Raises:
            ProblemError: if the file cannot be understood.
        """
        file = read_document(self._path)
        opened, held = without_fixed(file)
        problem = self._problem(opened)
        rows = with_left_out(problem, _text_of_table(problem))
        if any(row.out for row in rows) or Labels(problem).are_lines:
            problem, rows = self._with_table(problem, text_of(problem, rows), {}, rows)
        self._export(problem, renew=True)
        self._held, self.problem, self._rows = held, problem, rows
        return {**self._state(), "read": _digest(file)}

    def change(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take over what was changed on the page, and return the state.

        Another model is made if the changes need one: other lines between levels. With `renew` also
        for other bounds and priors, which the signature `covariance` does not take.

        Raises:
            ProblemError: if the changes cannot be understood; then nothing was changed.
        """
        change = self._understood(given)
        problem, rows = self._changed(change)
        self._export(problem, renew=bool(given.get("renew")))
        self.problem, self._rows = problem, rows
        self._held = tuple(name for name, one in change.settings.items() if one.held)
        return self._state()

    def save(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Write the problem file, its data if they were changed, and the results of its fit.

        Returns:
            The names of what was written: `file`, `data` (None if the data are as they were),
            `results`, `report` (whether there is one), and `read`, see `read`. If only the results
            cannot be written, `results` is None, and `faults` says why.

        Raises:
            ProblemError: if the changes cannot be understood, or the file was changed by another
                program or page; then nothing was written.
        """
        change = self._understood(given)
        file = self._file_as_read(given.get("read"))
        check_folder(self.results)
        data, name, table = None, None, ""
        if change.rows is not None:
            name = self._data_file()
            table = _MARK + text_of(self.problem, change.rows, saved=True)
            data = data_section(self.problem, name)
        text = edited_text(file.text, change.settings, data)
        # Understood before it is written, with the table from where it is now.
        there = None if data is None else {**data, "file": str(self._table(table))}
        fit = self._problem(changed(file, change.settings, there)).fit()
        if name is not None:
            write_text(self._path.with_name(name), table)
        write_text(self._path, text)
        written = read_document(self._path)
        saved = {"file": self._path.name, "data": name, "read": _digest(written)}
        try:
            folder = write_results(self._problem(written), fit, self.results)
        except ProblemError as error:
            return {
                **saved,
                "results": None,
                "report": False,
                "faults": list(map(str, error.faults)),
            }
        return {**saved, "results": folder.name, "report": (folder / "report.html").exists()}

    def _problem(self, document: Document) -> Problem:
        return Problem(document, allow_python=self._allow_python)

    def _export(self, problem: Problem, renew: bool) -> None:
        """Make the model of a problem, unless the one that is served will do.

        Args:
            problem: without fixed parameters.
            renew: whether its bounds and priors must be those of the problem.
        """
        key, knowledge = key_of(problem), knowledge_of(problem)
        if key == self._key and (knowledge == self._knowledge or not renew):
            return
        try:
            version = export_saved_model(
                solver_of(problem), self.models, keep=1, measure_latency=False
            )
        except (ValueError, RuntimeError) as error:
            if isinstance(error, ProblemError):
                raise
            raise fail(problem.document.place("system"), f"no model can be made: {error}") from None
        inputs = load_solver_info(version)["signatures"]
        self._signatures = {name: list(one) for name, one in inputs.items()}
        self._key, self._knowledge = key, knowledge
        self._version = Path(version).name

    def _understood(self, given: Mapping[str, Any]) -> Change:
        """What the page sends."""
        names = self.problem.structure.parameter_names
        settings = settings_from(given.get("parameters"), names)
        rows, text = given.get("rows"), given.get("text")
        if text is not None and not isinstance(text, str):
            raise fail("text", f"must be the text of a table, got {text!r:.80}.")
        if rows is None:
            return Change(settings, None, text)
        try:
            return Change(settings, rows_from(rows, len(self.problem.data.spectra)), text)
        except ValueError as error:
            raise fail("the data", f"{error}") from None

    def _changed(self, change: Change) -> tuple[Problem, list[Row]]:
        """The problem of a change, without fixed parameters, and its rows."""
        if change.text is not None:
            # Comments of a pasted table may hold values that are left out.
            problem, _ = self._with_table(self.problem, change.text, change.settings, ())
            rows = with_left_out(problem, change.text)
        elif change.rows is not None:
            problem, rows = self.problem, change.rows
        else:
            document = changed(self.problem.document, change.settings, None, False)
            return self._problem(document), self._rows
        rows = in_order(problem, rows)
        return self._with_table(problem, text_of(problem, rows), change.settings, rows)

    def _with_table(
        self, problem: Problem, text: str, settings: Mapping[str, Setting], rows: Sequence[Row]
    ) -> tuple[Problem, list[Row]]:
        """A problem with another table, and its rows.

        Args:
            problem: the problem.
            text: of the table.
            settings: of the parameters.
            rows: those of the table; the rows that are left out among them stay so.
        """
        table = self._table(text)
        section = data_section(problem, str(table))
        try:
            made = self._problem(changed(problem.document, settings, section, False))
        except ProblemError as error:
            raise ProblemError([_in_table(one, table) for one in error.faults]) from None
        return made, rows_of(made, [row for row in rows if row.out])

    def _data_file(self) -> str:
        """The name for changed data: of a file that the workbench wrote, or of none yet."""
        endings = ("_data.csv", *(f"_data_{number}.csv" for number in range(2, 1000)))
        paths = (self._path.with_name(f"{self._path.stem}{ending}") for ending in endings)
        for path in paths:
            if not path.exists() or _is_ours(path):
                return path.name
        raise fail(self._path.name, "there are too many tables beside it; remove some.")

    def _table(self, text: str) -> Path:
        """A file with this table; it stays, for the problem file in memory names it."""
        self._tables += 1
        path = self._folder / f"table-{self._tables}.csv"
        path.write_text(text, encoding="utf-8")
        return path

    def _file_as_read(self, read: object) -> Document:
        """The problem file, if it is as the page read it or saved it.

        Raises:
            ProblemError: if another program or page has written it meanwhile.
        """
        file = read_document(self._path)
        if _digest(file) != read:
            raise fail(
                self._path.name,
                "the file was changed by another program or page since this page read it; reload "
                "the page to take the changes, or save them elsewhere.",
            )
        return file

    def _state(self) -> dict[str, Any]:
        priors = self._knowledge["priors"]
        return {
            **state_of(self.problem, self._held, self._rows),
            "signatures": self._signatures,
            "version": self._version,
            "model_priors": {name: list(pair) for name, pair in priors.items()},
        }


def write_text(path: Path, text: str) -> None:
    """Write a text file as a whole.

    Raises:
        ProblemError: if it cannot be written.
    """
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise fail(str(path), f"the file cannot be written ({error.strerror}).") from None


def _is_ours(path: Path) -> bool:
    """Whether a file is a table that the workbench wrote, and so may be replaced."""
    try:
        return path.read_bytes().startswith(_MARK.encode())
    except OSError:  # a folder, or of somebody else
        return False


def _digest(file: Document) -> str:
    """A text by which a problem file is known again."""
    return hashlib.sha256(file.text.encode()).hexdigest()


def _in_table(fault: Fault, table: Path) -> Fault:
    """A fault of a table that is on the page, and in no file of the user's."""
    return fault._replace(place=fault.place.replace(str(table), "the table"))


def _text_of_table(problem: Problem) -> str:
    """The text of the data file, for the values that are left out; "" if it is no text."""
    name = problem.document.values["data"].get("file", "-")
    if name == "-":
        return ""
    try:
        return (problem.document.folder / name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
