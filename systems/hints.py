"""What to say to somebody who misspelt a name, or lacks a package."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from difflib import get_close_matches
from types import ModuleType


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """A sentence with the nearest known name, with a blank before it; "" if none is near."""
    by_lower = {one.lower(): one for one in reversed([*known])}
    near = get_close_matches(str(name).lower(), by_lower, 1, 0.6)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""


def import_extra(owner: str, module: str) -> ModuleType:
    """Import a module that the extra `systems` installs.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(
            f"{owner} needs {package}, which is not installed; install the extra `systems`: "
            "pip install 'eigenfit[systems]'."
        ) from error
