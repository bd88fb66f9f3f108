"""The command line."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import inspect
import re
import types
import typing
from collections.abc import Sequence

import tensorflow as tf

from .options import ServerOptions


def parse_flags(arguments: Sequence[str] | None = None) -> ServerOptions:
    """The options from flags such as `--port=8500`; ends the process if they are wrong.

    Args:
        arguments: without the name of the program; those of the process when None.

    Returns:
        The options.

    Example:
        >>> parse_flags(["--model_base_path=/models/m", "--enable_batching"]).enable_batching
        True
    """
    values = vars(_parser().parse_args(arguments))
    # 0 switches REST off, as it does for tensorflow_model_server.
    values["rest_api_port"] = values["rest_api_port"] or None
    return ServerOptions(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eigenfit.serving",
        description="Serves SavedModels as tensorflow_model_server does, from Python.",
        allow_abbrev=False,
    )
    version = importlib.metadata.version("eigenfit")
    parser.add_argument(
        "--version",
        action="version",
        version=f"eigenfit server: {version}\nTensorFlow: {tf.__version__}",
    )
    helps = _descriptions()
    hints = typing.get_type_hints(ServerOptions)
    for field in dataclasses.fields(ServerOptions):
        kind = _plain_type(hints[field.name])
        if kind is bool:
            parser.add_argument(
                f"--{field.name}",
                type=_boolean,
                nargs="?",
                const=True,
                default=field.default,
                metavar="true|false",
                help=helps.get(field.name),
            )
        else:
            parser.add_argument(
                f"--{field.name}",
                type=kind,
                default=field.default,
                metavar=kind.__name__.upper(),
                help=helps.get(field.name),
            )
    return parser


def _plain_type(hint: typing.Any) -> type:
    """`int` for `int | None`."""
    if isinstance(hint, types.UnionType):
        return next(each for each in typing.get_args(hint) if each is not type(None))
    return hint


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"true or false, not {text!r}")
    return known[text.lower()]


def _descriptions() -> dict[str, str]:
    """The help of each flag, from the docstring of the options."""
    text = (inspect.getdoc(ServerOptions) or "").partition("Attributes:")[2]
    found = re.findall(r"^ {4}(\w+): (.*)$", re.sub(r"\n {8}", " ", text), re.MULTILINE)
    return {name: line.replace("%", "%%") for name, line in found}
