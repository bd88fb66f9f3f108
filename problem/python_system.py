"""A system that the user wrote: `type = "python"`, a file and the name of a function in it."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from .errors import fail, unknown


def load_function(file: Path, function: str, place: str) -> Any:
    """Run a Python file and return a function of it.

    Args:
        file: the file.
        function: the name of the function, which returns a `Parameterization`.
        place: of the key that names the file, for messages.

    Raises:
        ProblemError: if there is no such file or function, or the file cannot be run.
    """
    if not file.is_file():
        raise fail(place, f"there is no file {file.name!r} in the folder of the problem file.")
    spec = importlib.util.spec_from_file_location(f"eigenfit_problem_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise fail(place, f"{file.name!r} is not a Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    # A dataclass of the file looks its module up.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code may raise anything
        sys.modules.pop(spec.name, None)
        raise fail(place, f"{file.name} cannot be run: {said(error, file)}") from error
    found = getattr(module, function, None)
    if not callable(found):
        names = [name for name, value in vars(module).items() if _is_own(value, spec.name)]
        raise fail(place, f"{file.name}: {unknown('function', function, names)}")
    return found


def _is_own(value: Any, module: str) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module


def said(error: BaseException, file: Path) -> str:
    """An error of the user's code in one line, with the line of the file where it arose."""
    frames = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == file.resolve()
    ]
    line = error.lineno if isinstance(error, SyntaxError) else (frames[-1] if frames else None)
    where = f"line {line}, " if line else ""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{where}{type(error).__name__}: {message}"
