"""`eigenfit init`: a commented problem file with example data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from eigenfit.spelling import did_you_mean
from eigenfit.whole_file import write_whole

from .problem_file import say

_TEMPLATES = Path(__file__).parents[1] / "problem" / "templates"


def templates() -> dict[str, list[Path]]:
    """The files of each example by its name, which is that of a system or of a published problem.

    The problem file comes first.
    """
    return {
        path.stem: [path, *sorted(_TEMPLATES.glob(f"{path.stem}.[!t]*"))]
        for path in sorted(_TEMPLATES.glob("*.toml"))
    }


def init(
    system: Annotated[
        str,
        typer.Argument(
            metavar="EXAMPLE",
            help="A system, such as crystal_field, or a published problem, such as silicon; `list` "
            "names them.",
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(help="Where the files go; the current folder when left out.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write an example: a problem file and its data.

    The example of a system says what such a file may hold. Those of published problems cite the
    publication and its numbers.

    The file is commented, and fits as it is. Files that are there are not replaced. The exit status
    is 0, or 2 if nothing was written.
    """
    known = templates()
    if system == "list":
        print(listed(known))
        return
    if system not in known:
        raise typer.BadParameter(
            f"there is no example of {system!r}; there are {', '.join(known)}."
            f"{did_you_mean(system, known)}"
        )
    there = [path.name for path in known[system] if (folder / path.name).exists()]
    if there and not force:
        raise typer.BadParameter(
            f"{', '.join(there)} is there already; give another folder, or --force to replace it."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in known[system]:
            write_whole(folder / path.name, path.read_bytes())
    except OSError as error:
        say(f"{folder} cannot be written ({error.strerror}); give another folder.")
        raise typer.Exit(2) from None
    names = [str(folder / path.name) for path in known[system]]
    option = " --allow-python" if system == "python" else ""
    print(f"Written: {', '.join(names)}. Next: eigenfit fit {names[0]}{option}")


def listed(known: dict[str, list[Path]]) -> str:
    """A line for each example: its name, its system and its title; systems first."""
    lines = {}
    for name, (path, *_) in known.items():
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        lines[name] = (file["system"]["type"], file["title"])
    widths = [max(map(len, column)) for column in (lines, [kind for kind, _ in lines.values()])]
    ordered = sorted(lines, key=lambda name: (name != lines[name][0], lines[name][0], name))
    return "\n".join(
        f"{name:<{widths[0]}}  {lines[name][0]:<{widths[1]}}  {lines[name][1]}" for name in ordered
    )
