"""`eigenfit systems`: the systems that a problem file can name, and their arguments."""

from __future__ import annotations

from typing import Annotated

import typer

from .problem_file import explained


def systems(
    system: Annotated[
        str | None, typer.Argument(metavar="SYSTEM", help="Of which the arguments are listed.")
    ] = None,
) -> None:
    """List the systems, or the arguments of one."""
    with explained():
        from ..problem.schema import arguments_of_system, list_of_systems

        print(list_of_systems() if system is None else arguments_of_system(system), flush=True)
