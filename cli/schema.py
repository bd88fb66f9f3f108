"""`eigenfit schema`: the JSON schema of problem files, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .fit import open_output
from .problem_file import explained


def schema(
    output: Annotated[
        Path | None,
        typer.Option(help="Write it here; standard output when left out.", dir_okay=False),
    ] = None,
) -> None:
    """Print the JSON schema of problem files.

    With it editors complete and check them.
    """
    with explained():
        from ..problem.schema import json_schema

        text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    with open_output(output) as stream:
        stream.write(f"{text}\n")
        stream.flush()
