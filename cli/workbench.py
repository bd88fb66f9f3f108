"""`eigenfit workbench`: a page in the browser to turn the parameters of a problem and look."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from .problem_file import AllowPython, ProblemPath, explained, say


def workbench(
    file: ProblemPath,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of the page; 0 is any free one.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Whether a browser is opened.")
    ] = True,
    allow_python: AllowPython = False,
) -> None:
    """Open a page to turn the parameters of a problem and look.

    Makes a model of the problem, which takes some seconds, and prints the address of the page.
    Only this machine can reach it. Ctrl-C ends it; what was not saved is lost. The exit status is
    0, or 2 if something is wrong.
    """
    with explained():
        from ..workbench import start_workbench

        say("making the model")
        try:
            running = start_workbench(file, allow_python=allow_python, port=port)
        except OSError as error:
            say(f"port {port} of this machine cannot be used ({error.strerror}); give another.")
            raise typer.Exit(2) from None
    # SIGTERM too frees the model and its folder.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with running:
            print(running.address, flush=True)
            if browser:
                import webbrowser

                webbrowser.open(running.address)
            running.wait()
    except KeyboardInterrupt:
        say("stopped")
    finally:
        signal.signal(signal.SIGTERM, before)
