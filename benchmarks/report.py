"""Results as JSON, and the same as Markdown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import machine
from .rounds import Cell


def ratios(peer: Cell, own: Cell) -> tuple[float, float, float]:
    """The ratio of the medians, and the smallest and largest of the ratios round by round."""
    by_round = [theirs / ours for theirs, ours in zip(peer.seconds, own.seconds, strict=False)]
    return peer.median / own.median, min(by_round), max(by_round)


def best_peer(cells: Sequence[Cell], own: str = "eigenfit") -> Cell | None:
    """The quickest of the others whose time counts."""
    others = [cell for cell in cells if cell.peer != own and cell.counts]
    return min(others, key=lambda cell: cell.median) if others else None


def seconds(value: float) -> str:
    """A time with three digits and its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1.0 or unit == "µs":
            return f"{value * factor:.3g} {unit}"
    raise AssertionError


def time_cell(cell: Cell) -> str:
    """The median and the spread, or why there is none."""
    if cell.error:
        return "not measured" if cell.error == "not measured" else "failed"
    mark = f" ({cell.measured_rows} rows, scaled)" if cell.scaled else ""
    if not cell.counts:
        return f"{percent(cell.solved)} solved"
    low, high = seconds(min(cell.seconds)), seconds(max(cell.seconds))
    return f"{seconds(cell.median)} ({low} - {high}){mark}"


def ratio_cell(peer: Cell, own: Cell) -> str:
    """How many times eigenfit's time, with the spread, or why there is none."""
    if not (peer.counts and own.counts):
        return time_cell(peer)
    middle, low, high = ratios(peer, own)
    mark = "†" if peer.scaled else ""
    return f"{middle:.3g} ({low:.3g} - {high:.3g}){mark}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write(folder: Path, suite: str, result: dict[str, Any], before: dict[str, Any]) -> None:
    """Write the result of one suite, with the machine as it was before."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": before, "result": result}, indent=1, default=_plain)
    (folder / f"{suite}.json").write_text(text + "\n")


def assemble(folder: Path, suites: dict[str, tuple[str, Callable[[dict], str]]]) -> Path:
    """Write `report.md` from what there is: title, text and command of each suite."""
    parts = ["# Measurements\n"]
    for name, (title, text) in suites.items():
        path = folder / f"{name}.json"
        if path.exists():
            stored = json.loads(path.read_text())
            parts += [f"## {title}\n", machine.sentence(stored["machine"]) + "\n"]
            parts += [text(stored["result"]), f'    make bench ARGS="{name}"\n']
    report = folder / "report.md"
    report.write_text("\n".join(parts))
    return report


def cell_from(stored: dict[str, Any]) -> Cell:
    """A cell as it was written."""
    return Cell(**stored)


def _plain(value: object) -> object:
    """What `json` does not know."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} in a result: {value!r}")
