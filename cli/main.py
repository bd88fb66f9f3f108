"""The entry point of the command; says what to install when the extra `cli` is missing."""

from __future__ import annotations

import sys

from eigenfit.tensorflow_log import quiet_tensorflow


def main() -> None:
    """Run the command `eigenfit` on the arguments of the process."""
    quiet_tensorflow()
    try:
        from .application import application
    except ModuleNotFoundError as missing:
        if missing.name != "typer":
            raise
        sys.exit("eigenfit: the command needs the extra `cli`: pip install 'eigenfit[cli]'")
    application(prog_name="eigenfit")
