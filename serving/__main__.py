"""`python -m eigenfit.serving`: the embedded server, as `eigenfit serve`."""

import sys

from .server.options import add_serve_command


def main() -> None:
    """Run the server with the arguments of the process."""
    try:
        import typer
    except ModuleNotFoundError:
        sys.exit("eigenfit: the server needs the extra `serve`: pip install 'eigenfit[serve]'")
    application = typer.Typer(add_completion=False)
    add_serve_command(application)
    application(prog_name="python -m eigenfit.serving")


if __name__ == "__main__":
    main()
