"""The packages that problem files need, and what to install where they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType


def load(module: str, why: str = "problem files need") -> ModuleType:
    """Import a module of the extra `problem`.

    Args:
        module: its name.
        why: the words before the name of the extra, if the module is missing.

    Raises:
        ModuleNotFoundError: with what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{why} the extra `problem`: pip install 'eigenfit[problem]' ({missing}).",
            name=missing.name,
        ) from None
