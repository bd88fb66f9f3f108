"""Packages of the extras, which are imported when they are used."""

from __future__ import annotations

import importlib


def need(extra: str, *packages: str) -> None:
    """Raise a ModuleNotFoundError that names the extra, if one of its packages is missing."""
    for name in packages:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name != name:
                raise
            told = f"{name} is missing; it comes with the extra: pip install 'eigenfit[{extra}]'"
            raise ModuleNotFoundError(told, name=name) from None
