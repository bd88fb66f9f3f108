"""`eigenfit serve`: the embedded server."""

from __future__ import annotations

import sys

import typer


def serve(context: typer.Context) -> None:
    """Serve exported models as tensorflow_model_server does; `--help` lists the flags."""
    try:
        from ..serving.server.command import main  # needs the extra `serve`; imports TensorFlow
    except ModuleNotFoundError as missing:
        if "eigenfit[serve]" not in str(missing):
            raise
        print(f"eigenfit: {missing}", file=sys.stderr)
        raise typer.Exit(1) from None
    raise typer.Exit(main(context.args))
